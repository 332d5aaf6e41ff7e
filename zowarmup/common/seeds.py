"""Randomness by name: every random draw has a key that says what the draw is for.

Two draws with different names are independent, two with the same name are equal, in any order and
in any process. Nothing here keeps state, and no name is ever made by arithmetic on another seed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields


def key(purpose: str, *parts: int | str) -> int:
    """The 64-bit key of a draw, e.g. `key("shuffle", run_seed)`.

    The name is hashed as text with unambiguous separators, so `("a", 1, 23)` and `("a", 12, 3)`
    differ, and so do the number 1 and the text "1".

    Args:
        parts: everything the draw depends on.

    Raises:
        TypeError: a part is neither an integer nor a text (True and 1.0 are neither).
    """
    for part in (purpose, *parts):
        if type(part) not in (int, str):
            raise TypeError(f"a key is made of integers and texts, not {type(part).__name__}")
    name = "\x1f".join(repr(part) for part in (purpose, *parts))
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def signed(z: int) -> int:
    """The same 64 bits read as a two's complement integer, the form in which tensors hold them."""
    return z - (1 << 64) if z >> 63 else z


@dataclass(frozen=True)
class Seeds:
    """The three seeds of a run; each is the run's seed unless the config pins it."""

    federation: int  # draws the partition, the tiers and the clients of each round
    initialisation: int  # draws the first weights and the order of clients' images
    directions: int  # draws the directions of zeroth-order steps

    @classmethod
    def of(cls, run: int, pin: Mapping[str, int]) -> "Seeds":
        """Return the run's seed three times, except where `pin` gives another seed."""
        return cls(**{field.name: pin.get(field.name, run) for field in fields(cls)})
