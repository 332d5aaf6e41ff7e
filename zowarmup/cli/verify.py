"""zowarmup verify: whether results are what their records say."""

import argparse
from pathlib import Path
from typing import Any

from zowarmup.cli import show
from zowarmup.common import preflight
from zowarmup.common.errors import UserError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("verify", help="whether hashes, digests and replays agree")
    parser.add_argument("results", help="results/<name>")
    parser.add_argument("--deep", action="store_true", help="evaluate the final models again, too")
    show.as_json(parser)
    parser.set_defaults(command=verify)


def verify(chosen: argparse.Namespace) -> int:
    """Print what does not agree; returns 1 if something does not."""
    preflight.check_code()
    from zowarmup.inspection.verify import verify as verified

    if not any((Path(chosen.results) / kind).is_dir() for kind in ("runs", "warmups", "datasets")):
        raise UserError(f"{chosen.results}: no folder of results; give results/<name>")
    found = verified(Path(chosen.results), deep=chosen.deep, bar=show.bar)
    show.say(found, _text, chosen)
    return 0 if found["agrees"] else 1


def _text(found: dict[str, Any]) -> str:
    lines = [
        f"{level}: {finding['path']}: {finding['says']}"
        for level in ("note", "mixed", "wrong")
        for finding in found[level]
    ]
    counts = ", ".join(f"{count} {what}" for what, count in found["counts"].items())
    verdict = "all agree" if found["agrees"] else f"{len(found['wrong'])} do not agree"
    mixed = f"; {len(found['mixed'])} of mixed versions" if found["mixed"] else ""
    return "\n".join([*lines, f"{counts or 'nothing to check'}: {verdict}{mixed}"])
