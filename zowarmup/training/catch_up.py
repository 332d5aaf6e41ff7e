"""Downloads of clients that skipped rounds and come back."""

from collections.abc import Iterable


class Absences:
    """Counts the bytes of catching up by replay.

    A client that comes back downloads the records of the rounds it missed and replays them, or the
    whole model if it missed too many. The limit bounds the work of replaying; in bytes, the model
    of a small network would be the shorter download much sooner.

    Args:
        clients: the clients that must stay in sync, as all are at the start of the phase.
        model_bytes: size of the model and of the server state beside it.
        limit: a client that missed more directions than this is sent the model.
    """

    def __init__(self, clients: Iterable[int], model_bytes: int, limit: int) -> None:
        self.model_bytes, self.limit = model_bytes, limit
        self.sent = [0]  # bytes of all records up to each round of the phase
        self.synced = dict.fromkeys(clients, 0)  # the last round that each client has

    def round(self, present: Iterable[int], record_bytes: int) -> dict[int, int]:
        """Return the bytes that each present client downloads to catch up before this round."""
        late = {client: self._missed(client) for client in present}
        self.sent.append(self.sent[-1] + record_bytes)
        self.synced.update(dict.fromkeys(late, len(self.sent) - 1))
        return late

    def finish(self) -> dict[int, int]:
        """Return the bytes that bring each client to the last round."""
        late = {client: self._missed(client) for client in self.synced}
        self.synced = dict.fromkeys(self.synced, len(self.sent) - 1)
        return late

    def _missed(self, client: int) -> int:
        size = self.sent[-1] - self.sent[self.synced[client]]
        return self.model_bytes if size // 4 > self.limit else size
