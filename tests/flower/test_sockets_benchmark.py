"""The counting proxy, and how its requests are split into the messages of a node."""

import socket
import threading

import pytest

from benchmarks.real_clients.proxy import Exchange, Proxy, running
from benchmarks.real_clients.sockets import Traffic, by_message, named
from zowarmup.flower.local_federation import free_port, listening

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_the_proxy_counts_each_request_and_its_response() -> None:
    """Two requests on one connection, the first with its body in a piece of its own."""
    head, body = b"POST /v1/fleet/a HTTP/1.1\r\nContent-Length: 3\r\n\r\n", b"abc"
    second = b"GET /b HTTP/1.1\r\n\r\n"
    with listening() as server:
        server.listen()
        proxy = Proxy(free_port(), server.getsockname()[1])
        with running([proxy]), socket.create_connection(("127.0.0.1", proxy.port)) as client:
            link, _ = server.accept()
            with link:
                for pieces in ([head, body], [second]):
                    for piece in pieces:
                        client.sendall(piece)
                        assert link.recv(len(piece), socket.MSG_WAITALL) == piece
                    link.sendall(ANSWER)
                    assert client.recv(len(ANSWER), socket.MSG_WAITALL) == ANSWER
    sizes = [len(head + body), len(second)]
    assert proxy.exchanges == [
        Exchange("/v1/fleet/a", sizes[0], len(ANSWER)),
        Exchange("/b", sizes[1], len(ANSWER)),
    ]


def test_threads_end_with_the_proxy() -> None:
    before = threading.active_count()
    with running([Proxy(free_port(), free_port())]):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_a_message_ends_with_the_pull_after_its_answer() -> None:
    """Of three pulls before an answer two were in vain; a pull after it belongs to the next."""
    rows = ["pull-messages 1 10"] * 3 + ["pull-object 2 20", "send-node-heartbeat 5 5"]
    rows += ["push-messages 30 3", "push-object 40 4", "pull-messages 1 10", "push-messages 30 3"]
    exchanges = [
        Exchange(f"/v1/fleet/{path}", int(up), int(down)) for path, up, down in map(str.split, rows)
    ]
    assert list(by_message(exchanges)) == [
        Traffic(1 + 2 + 30 + 40, 10 + 20 + 3 + 4, [(1, 10), (1, 10), (5, 5)]),
        Traffic(1 + 30, 10 + 3, []),
    ]


def test_the_messages_of_a_node_have_names() -> None:
    low, high = [Traffic(n, n, []) for n in range(5)], [Traffic(n, n, []) for n in range(7)]
    assert [name for name, _ in named(low[:4], 2)] == ["hello", "pivot", "phase 2", "end"]
    names = ["hello", "phase 1", "phase 1", "pivot", "phase 2", "end"]
    assert [name for name, _ in named(high[:6], 2)] == names
    with pytest.raises(ValueError, match="7 messages"):
        list(named(high, 2))
