"""A SuperLink and its SuperNodes as processes of this machine, for a first look and for tests.

Folders and ports are its own, so nothing else that Flower runs here is touched, and every process
that it starts is stopped at the end, also if it was orphaned: all inherit a mark.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from zowarmup.common.errors import UserError
from zowarmup.common.files import atomic_write_text
from zowarmup.flower.settings import Plain

APP = Path(__file__).parents[2] / "flower_app"
MARK = "ZOWARMUP_LOCAL_FEDERATION"
START = 180.0  # seconds in which a SuperLink must listen; a loaded machine needs many
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.5",
    "PYTHONWARNINGS": "ignore",
}


@dataclass
class LocalFederation:
    """The processes; a context manager.

    Attributes:
        folder: of logs, the SuperLink's database and Flower's settings.
        simulated: the number of nodes of Flower's simulation; 0 for real SuperNodes.
        link: further words of `flower-superlink`, in place of --insecure.
        connection: further lines of Flower's config.toml, in place of `insecure = true`.
    """

    folder: Path
    simulated: int = 0
    link: Sequence[str] = ("--insecure",)
    connection: str = "insecure = true"
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    port: int = field(default_factory=lambda: free_port())
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Start the SuperLink."""
        options = f"\noptions.num-supernodes = {self.simulated}" if self.simulated else ""
        lines = f'address = "{self.address}"\n{self.connection}{options}\n'
        text = f'[superlink]\ndefault = "local"\n\n[superlink.local]\n{lines}'
        atomic_write_text(self.folder / "flower" / "config.toml", text)
        try:
            self.start_link()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where the SuperLink listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of all processes; Flower starts children by name."""
        own = {MARK: self.mark, "FLWR_HOME": str(self.folder / "flower")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return os.environ | QUIET | own | {"PATH": path}

    def start_link(self) -> None:
        """Start the SuperLink, on its database if it has one, and wait until it listens.

        Raises:
            UserError: it has ended or does not listen.
        """
        words = ["--simulation"] if self.simulated else []
        words += ["--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--database", str(self.folder / "state.db"), *self.link]
        process = self.start("superlink", ["flower-superlink", *words])
        end = time.monotonic() + START
        while not _listens(self.port):
            if process.poll() is not None or time.monotonic() > end:
                raise UserError(
                    f"{self.log('superlink')}: the SuperLink has not started; see there"
                )
            time.sleep(0.2)

    def start_node(
        self,
        name: str,
        config: Mapping[str, Plain],
        words: Sequence[str] = ("--insecure",),
        link: str = "",
    ) -> None:
        """Start a SuperNode with its --node-config.

        Args:
            words: further words of `flower-supernode`.
            link: where it reaches the SuperLink, such as a proxy; by default at its address.
        """
        text = " ".join(f"{key}={_toml(value)}" for key, value in config.items())
        port = str(free_port())
        command = ["flower-supernode", *words, "--superlink", link or self.address, "--port", port]
        self.start(name, [*command, "--node-config", text])

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a process whose output goes to a log file; one with its name must have ended."""
        if name in self.processes:
            self.processes[name].wait(timeout=START)
        path = self.log(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,  # a signal from the terminal reaches this process alone
            )
        return self.processes[name]

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.folder / "logs" / f"{name}.log"

    def run(
        self, settings: Mapping[str, Plain], name: str = "run", app: Path = APP
    ) -> subprocess.Popen[bytes]:
        """Submit an app; the process streams the server's log and ends with the run."""
        words = " ".join(f"{key}={_toml(value)}" for key, value in settings.items())
        return self.start(name, ["flwr", "run", str(app), "local", "--stream", "-c", words])

    def flwr(self, *words: str) -> str:
        """Return the output of another command of `flwr`."""
        return subprocess.run(
            ["flwr", *words], env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def stop(self) -> None:
        """Stop all processes with the mark: first politely, then by force."""
        for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            end = time.monotonic() + seconds
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            while self.pids() and time.monotonic() < end:
                time.sleep(0.2)
        for process in self.processes.values():
            process.wait()

    def pids(self, word: str = "") -> list[int]:
        """The processes with the mark that still run, and whose command has a word."""
        return [pid for pid, command in _marked(f"{MARK}={self.mark}") if word in command]


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    """Process ids and commands of the processes that inherited a mark."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):  # it has ended, or is another user's
            if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if command:  # else it has ended and waits for its parent
                    yield int(entry.name), command


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket on a free port of this machine."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with listening() as taken:
        port: int = taken.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _toml(value: Plain) -> str:
    """A value as `flwr` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
