"""The nodes as the server reaches them: by the number of the client, never by Flower's id.

A node's id changes when it starts again, and the server does not see a node's settings. So every
id that is new gets a hello, which the node answers with its number. A round's questions go out
again to nodes that died or came back, until all have answered or the deadline has passed.
"""

import time
from collections.abc import Callable, Collection, Iterable

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.flower.messages import HELLO, Identity, Reply, Request
from zowarmup.runtime.progress import log

SOON, POLL = 0.02, 1.0  # seconds between two looks for replies: at first, and at most
LIVES = 3600.0  # seconds that a message lives longer than the round that waits for its answer
AGAIN = 5.0  # seconds before a node that failed is asked again


class Fleet:
    """The nodes of one server.

    Attributes:
        known: who answered the last hello of each client.
        ids: Flower's id of each client that has come.
        late: clients that missed the last round in which they were asked; no round waits for them.
        applied: the last round that each client is known to have applied.
    """

    def __init__(self, grid: Grid, hello: RecordDict, deadline: float) -> None:
        self.grid, self.hello, self.deadline = grid, hello, deadline
        self.known: dict[int, Identity] = {}
        self.ids: dict[int, int] = {}
        self.late: set[int] = set()
        self.applied: dict[int, int] = {}
        self._greeted: dict[str, int] = {}  # node by the id of the hello that is under way
        self._question = 0  # counts the questions
        self._asked: dict[str, tuple[int, int, int]] = {}  # by message: client, node, question
        self._pause: dict[int, float] = {}  # until when a node is left in peace

    def enrol(self, clients: int, seconds: float) -> None:
        """Wait until the nodes 0..clients-1 have come.

        Raises:
            UserError: some have not come in time.
        """
        end, seen = time.monotonic() + seconds, -1
        while missing := set(range(clients)) - self.known.keys():
            self.look()
            if (count := len(self.known.keys() & set(range(clients)))) != seen:
                seen = count
                log.info(f"{seen} of {clients} nodes have come")
            if time.monotonic() > end:
                raise UserError(
                    f"no node has said that it is client {_said(missing)}: start it with "
                    f"--node-config 'partition-id=...', or set `clients` to the number of nodes"
                )
            time.sleep(POLL)

    def ask(
        self,
        clients: Collection[int],
        request: Callable[[int], Request],
        *,
        patient: bool = False,
    ) -> dict[int, Reply]:
        """Ask clients one question; return the answers that came before the round ended.

        It ends when all have answered that are not late, or at the deadline, but not without an
        answer.

        Args:
            request: the request to a client, by what it has applied at that moment.
            patient: wait for late clients as well, but not beyond the deadline.
        """
        self._question += 1
        answers: dict[int, Reply] = {}
        end, pause = time.monotonic() + self.deadline, min(SOON, POLL)
        if patient:
            self.late -= set(clients)
        self._send(clients, request)
        while set(clients) - answers.keys() - self.late or not answers:
            signals.check()
            for client, reply in self.look().items():
                if reply.status == "ok":
                    answers[client] = reply
            if time.monotonic() > end and (answers or patient):
                break
            time.sleep(pause)
            pause = min(2 * pause, POLL)
            self._send(set(clients) - answers.keys(), request)
        self._mark(clients, answers)
        return {client: answers[client] for client in sorted(answers)}

    def look(self) -> dict[int, Reply]:
        """Greet new nodes, take what has come, and return the replies to the present question."""
        self._greet()
        replies: dict[int, Reply] = {}
        under_way = [*self._greeted, *self._asked]
        for message in self.grid.pull_messages(under_way) if under_way else ():
            key = message.metadata.reply_to_message_id
            if key in self._greeted:
                self._take_hello(self._greeted.pop(key), message)
            elif key in self._asked:
                client, _, asked = self._asked.pop(key)
                if (reply := self._reply(client, message)) and asked == self._question:
                    replies[client] = reply
        return replies

    def _greet(self) -> None:
        online = set(self.grid.get_node_ids())
        self.ids = {client: node for client, node in self.ids.items() if node in online}
        strange = online - set(self.ids.values()) - set(self._greeted.values())
        ready = [node for node in sorted(strange) if self._pause.get(node, 0) < time.monotonic()]
        if ready:
            keys = self._push((node, self.hello, "query") for node in ready)
            self._greeted |= dict(zip(keys, ready, strict=True))

    def _take_hello(self, node: int, message: Message) -> None:
        if message.has_error():
            log.warning(f"a node cannot say who it is: {message.error.reason}")
            self._pause[node] = time.monotonic() + AGAIN
            return
        if refused := message.content.config_records.get("refused"):
            log.warning(f"a node refuses: {refused['reason']}")
            self._pause[node] = time.monotonic() + AGAIN
            return
        identity = Identity.of(message.content)
        self.known[identity.client] = identity
        self.ids[identity.client] = node
        self.applied[identity.client] = identity.applied

    def _reply(self, client: int, message: Message) -> Reply | None:
        """The reply in a message; a node that failed is asked again after a pause."""
        node = message.metadata.src_node_id
        if message.has_error():
            reason = (message.error.reason or "").strip().splitlines() or ["no reason given"]
            log.warning(f"client {client} failed (error {message.error.code}): {reason[-1]}")
            self._pause[self.ids.get(client, node)] = time.monotonic() + AGAIN
            return None
        reply = Reply.of(message.content)
        if reply.applied >= 0 or reply.status in ("behind", "no-job"):
            self.applied[client] = reply.applied
        if reply.status == "no-job":
            self.ids.pop(client, None)  # it gets a hello, with the job
        if reply.status == "refused":
            log.warning(f"client {client} refuses: {reply.reason}")
            self._pause[self.ids.get(client, node)] = time.monotonic() + AGAIN
        if reply.status == "ok":
            self.late.discard(client)
        return reply

    def _send(self, clients: Iterable[int], request: Callable[[int], Request]) -> None:
        """Send the present request to those who can be reached and are not at it already."""
        now, question = time.monotonic(), self._question
        at_work = {
            c for c, node, q in self._asked.values() if (node, q) == (self.ids.get(c), question)
        }
        ready = [
            client
            for client in sorted({*clients} - at_work)
            if client in self.ids and self._pause.get(self.ids[client], 0) < now
        ]
        if ready:
            keys = self._push((self.ids[c], request(c).record(), "train") for c in ready)
            self._asked |= {
                key: (c, self.ids[c], question) for key, c in zip(keys, ready, strict=True)
            }

    def _push(self, contents: Iterable[tuple[int, RecordDict, str]]) -> list[str]:
        messages = [
            Message(content, dst_node_id=node, message_type=kind, ttl=self.deadline + LIVES)
            for node, content, kind in contents
        ]
        keys = list(self.grid.push_messages(messages))
        if len(keys) != len(messages) or None in keys:
            raise UserError("the SuperLink refuses a message, perhaps as too large; see its log")
        return keys

    def _mark(self, clients: Collection[int], answers: Collection[int]) -> None:
        if new := set(clients) - set(answers) - self.late:
            log.warning(f"client {_said(new)} did not answer in time")
        self.late |= set(clients) - set(answers)


def hello(job: str) -> RecordDict:
    """The record by which a server greets a node."""
    return RecordDict({HELLO: ConfigRecord({"job": job})})


def _said(clients: Collection[int]) -> str:
    return ", ".join(map(str, sorted(clients)))
