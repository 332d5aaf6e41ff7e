"""Prints the path of the page that `make report` writes for these arguments of Snakemake.

The path is results/<name>/report.html. The name comes from the config, from the file that the
config extends, or from the command line (`--config name=...`).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from snakemake.cli import parse_args, parse_config

from zowarmup.common.errors import UserError
from zowarmup.config.schema import load

DEFAULT = "config/config.yaml"


def page(arguments: Sequence[str]) -> Path:
    """Return the path of the page.

    Raises:
        UserError: the config is wrong, or it has no results.
    """
    _, chosen = parse_args(list(arguments))
    name = load(chosen.configfile or [DEFAULT], parse_config(chosen.config)).name
    folder = Path(chosen.directory or "", "results", name)
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no results to report; run the workflow first, or say where its "
            'results lie: make report ARGS="-d FOLDER"'
        )
    return folder.absolute() / "report.html" if chosen.directory else folder / "report.html"


if __name__ == "__main__":
    try:
        print(page(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"zowarmup: {error}")
