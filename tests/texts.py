"""A short play whose speakers are clients, and federations of language models on random text."""

from pathlib import Path

import torch

from zowarmup.engines.images import Images, unscaled, whole
from zowarmup.models import gpt
from zowarmup.models.flat import FlatModel

T = 8  # context
LINES = {"Alice": "the hen ran to the barn ", "Bob": "a man sat on a mat and hummed "}


def play(folder: Path, speakers: int = 6, speeches: int = 8) -> str:
    """Write a play in which each speaker says one sentence again and again."""
    kinds, lines = list(LINES.values()), []
    for i in range(speakers * speeches):
        lines += [f"Speaker {i % speakers}:", f"{kinds[i % 2]}{i % speakers}, it is said.", ""]
    file = folder / "play.txt"
    file.write_text("A title that nobody speaks\n\n" + "\n".join(lines), encoding="utf-8")
    return str(file)


def model(layers: int = 2) -> FlatModel:
    """A GPT of 16 features for 32 different tokens."""

    def family(width: float, scale: float) -> gpt.GPT:
        return gpt.GPT((T,), 32, layers=layers, head=8, heads=2, width=width, scale=scale)

    with torch.device("meta"):
        return FlatModel(family(1.0, 1.0), family)


def clients(*sizes: int) -> list[Images]:
    """Clients with these numbers of texts of random tokens."""
    draws = torch.Generator().manual_seed(0)
    tokens = torch.randint(32, (sum(sizes), T + 1), generator=draws)
    x, y = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    return whole(x, y, unscaled).split(list(sizes))
