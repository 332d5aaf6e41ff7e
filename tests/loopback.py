"""Flower's grid within one process: messages go through Flower's records to the node's functions.

It stands for the network, SuperLink and SuperNodes; everything else is the real code.
"""

from collections.abc import Callable, Iterable, Mapping

from flwr.app import Context, Error, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from zowarmup.flower import apps

NodeConfig = dict[str, bool | float | int | str]


class Loopback(Grid):
    """Nodes by id, each with its --node-config.

    Attributes:
        nodes: those who are online; a test may take one away or give it a new id.
        lost: decides which messages get no reply, from node id and content.
    """

    def __init__(self, nodes: Mapping[int, NodeConfig]) -> None:
        self.nodes = dict(nodes)
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self.lost: Callable[[int, RecordDict], bool] = lambda node, content: False
        self.replies: dict[str, Message] = {}
        self.sent: list[tuple[int, Message]] = []

    def set_run(self, run: object) -> None:
        """See Grid."""

    @property
    def run(self) -> object:
        """See Grid."""
        raise NotImplementedError

    def create_message(self, *args: object, **kwargs: object) -> Message:
        """See Grid."""
        raise NotImplementedError

    def send_and_receive(self, *args: object, **kwargs: object) -> Iterable[Message]:
        """See Grid."""
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        """See Grid."""
        return list(self.nodes)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """See Grid."""
        return [self._handle(message) for message in messages]

    def _handle(self, message: Message) -> str:
        key, node = f"message-{len(self.sent)}", message.metadata.dst_node_id
        message.metadata.__dict__["_message_id"] = key
        self.sent.append((node, message))
        if node in self.nodes and not self.lost(node, message.content):
            context = Context(0, node, self.nodes[node], RecordDict(), {})
            kind = message.metadata.message_type
            try:
                reply = (apps.hello if kind == "query" else apps.answer)(message, context)
            except Exception as error:
                reply = Message(Error(2, repr(error)), reply_to=message)
            self.replies[key] = reply
        return key

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """See Grid."""
        return [self.replies.pop(key) for key in message_ids if key in self.replies]
