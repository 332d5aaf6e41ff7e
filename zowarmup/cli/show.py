"""What the commands that look into results share: a path, text or JSON, a progress bar."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def as_json(parser: argparse.ArgumentParser) -> None:
    """The option that asks for numbers instead of words."""
    parser.add_argument("--json", action="store_true", help="all of it, for programs")


def say(facts: Any, text: Callable[[Any], str], chosen: argparse.Namespace) -> None:
    """Print facts in the form that was asked for."""
    print(json.dumps(plain(facts), indent=1) if chosen.json else text(facts))


def plain(value: Any) -> Any:
    """The same for JSON, which has no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def bar(steps: Iterable[Any], total: int) -> Iterable[Any]:
    """The same steps; a terminal shows how far they are, once they take longer than a moment."""
    from tqdm import tqdm

    return tqdm(steps, total=total, delay=0.5, leave=False, disable=not sys.stderr.isatty())
