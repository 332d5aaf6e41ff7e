"""Checks of the surroundings before any job: which code runs, and from where.

Standard library alone: `make` calls it before anything is installed.
"""

import os
import re
import shlex
import sys
from pathlib import Path

from zowarmup.common.errors import UserError

PACKAGE = Path(__file__).parents[1]  # the code that this process runs

# What a shell reads in an unquoted path as something else than a part of it.
READ_BY_SHELLS = r"""[\x00-\x20\x7f"'$&()*;<>?\[\]\\`{|}]"""


def check(checkout: Path | str | None = None) -> None:
    """Returns if jobs will run the code at hand, and if a shell can start them.

    Args:
        checkout: the folder of the Snakefile; by default that of the checkout around the current
            folder, if there is one.

    Raises:
        UserError: names the path, the fault and what to type.
    """
    check_code(checkout)
    if checkout is not None:
        _check_paths(Path(sys.executable), Path(checkout))


def warning() -> str:
    """The sentence of `check_code` for commands that only look; "" if it has nothing to say."""
    try:
        check_code()
    except UserError as error:
        return str(error)
    return ""


def check_code(checkout: Path | str | None = None) -> None:
    """Returns if this process runs the code of the checkout that it works in, see `check`.

    Raises:
        UserError: it runs other code, for instance of the checkout that `.venv` was copied from.
    """
    folder = _checkout_around(Path.cwd()) if checkout is None else Path(checkout)
    if folder is None or not (module := _difference(folder / PACKAGE.name)):
        return
    raise UserError(
        f"{folder}: {PACKAGE.name}/{module} differs from {PACKAGE / module}, which would run "
        f"instead; type `cd {shlex.quote(str(folder))} && make install && . .venv/bin/activate`, "
        "then the command again"
    )


def import_in_jobs_from(checkout: Path | str) -> None:
    """Sets PYTHONPATH for the jobs of this process, before what it holds already."""
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(checkout), *filter(None, [inherited])])


def _checkout_around(folder: Path) -> Path | None:
    """The nearest folder, upwards from this one, that has a Snakefile and the package."""
    parts = ("Snakefile", f"{PACKAGE.name}/__init__.py")
    upwards = (folder, *folder.parents)
    return next((f for f in upwards if all((f / part).is_file() for part in parts)), None)


def _difference(package: Path) -> str | None:
    """The first module that differs from the one that runs; a checkout may have no package."""
    if not (package / "__init__.py").is_file() or package.samefile(PACKAGE):
        return None
    own, running = _modules(package), _modules(PACKAGE)
    return next((m for m in sorted({*own, *running}) if own.get(m) != running.get(m)), None)


def _modules(package: Path) -> dict[str, bytes]:
    """Without what editors keep beside it: their locks may be links to nowhere."""
    files = [file.relative_to(package) for file in package.rglob("*.py")]
    code = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return {str(file): (package / file).read_bytes() for file in code}


def _check_paths(python: Path, checkout: Path) -> None:
    """Snakemake does not quote the path of its interpreter in the commands of jobs.

    PYTHONPATH splits at colons, and Snakemake reads braces in paths of rules as wildcards.
    """
    for path, misread in ((python, READ_BY_SHELLS), (checkout, "[:{}]")):
        if match := re.search(misread, str(path)):
            raise UserError(
                f"{path}: jobs cannot be started from a path with {match[0]!r}; use letters, "
                "digits, '.', '_' and '-' in names of folders, then type `make install`"
            )


if __name__ == "__main__":
    try:
        _check_paths(Path.cwd() / ".venv" / "bin" / "python", Path.cwd())
    except UserError as error:
        sys.exit(f"zowarmup: {error}")
