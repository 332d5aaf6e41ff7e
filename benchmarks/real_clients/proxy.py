"""A TCP proxy between a SuperNode and the SuperLink that counts bytes by request.

Flower speaks HTTP without encryption, and a connection carries one request after the other, so
each piece that begins with a request line begins a request. Headers count, those of TCP/IP do not.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 1 << 16


@dataclass
class Exchange:
    """A request and its response: its path, and bytes from the node (up) and to it (down)."""

    path: str
    up: int = 0
    down: int = 0


@dataclass
class Proxy:
    """Where it listens, where it connects to, and what went through, in order of the requests."""

    port: int
    link: int
    exchanges: list[Exchange] = field(default_factory=list)

    async def serve(self) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _connected(self, node: asyncio.StreamReader, to_node: asyncio.StreamWriter) -> None:
        link, to_link = await asyncio.open_connection("127.0.0.1", self.link)
        current = [Exchange("")]

        def up(piece: bytes) -> None:
            if piece.startswith((b"POST ", b"GET ")):
                current[0] = Exchange(piece.split(b" ", 2)[1].decode())
                self.exchanges.append(current[0])
            current[0].up += len(piece)

        def down(piece: bytes) -> None:
            current[0].down += len(piece)

        with suppress(asyncio.CancelledError):  # at the end; Python 3.11 would print it
            await asyncio.gather(_copy(node, to_link, up), _copy(link, to_node, down))


async def _copy(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, count: Callable[[bytes], None]
) -> None:
    try:
        while piece := await source.read(PIECE):
            count(piece)
            target.write(piece)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


@contextmanager
def running(proxies: list[Proxy]) -> Iterator[None]:
    """Run proxies in a thread within the block."""

    async def listen() -> list[asyncio.Server]:
        return [await proxy.serve() for proxy in proxies]

    with asyncio.Runner() as runner:  # cancels what is still connected at the end
        servers, loop = runner.run(listen()), runner.get_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            for server in servers:
                server.close()
