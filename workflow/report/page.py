"""Prints where `make report` puts the page, for arguments of Snakemake: results/<name>/report.html.

The name is the resolved one: a config may leave it to the file that it extends, or the command
line to `--config name=...`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from snakemake.cli import parse_args, parse_config

from zowarmup.common.errors import UserError
from zowarmup.config.schema import load

DEFAULT = "config/config.yaml"


def page(arguments: Sequence[str]) -> Path:
    """The page of the results that these arguments name.

    Raises:
        UserError: the config is wrong, or nothing of it was made.
    """
    _, chosen = parse_args(list(arguments))
    name = load(chosen.configfile or [DEFAULT], parse_config(chosen.config)).name
    folder = Path(chosen.directory or "", "results", name)
    if not folder.is_dir():
        raise UserError(f"{folder}: no results to report; let the workflow make them first")
    return folder.absolute() / "report.html" if chosen.directory else folder / "report.html"


if __name__ == "__main__":
    try:
        print(page(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"zowarmup: {error}")
