"""Checks of the surroundings before any job: which code runs, and from where.

Standard library alone: `make` calls it before anything is installed.
"""

import re
import sys
from pathlib import Path

from zowarmup.settings.errors import UserError

PACKAGE = Path(__file__).parents[1]  # the code that runs

# A shell, a search path or make reads anything else in a path as something other than itself.
UNREAD = re.compile(r"[^\w@%+=,./~^-]|^-")


def check(home: Path | str | None = None) -> None:
    """Return if jobs will run the code at hand, by commands that a shell reads as they are meant.

    Args:
        home: the folder of the Snakefile; without Snakemake nothing, which stands for the checkout
            around the current directory, if there is one.

    Raises:
        UserError: names the path, the fault and what to type.
    """
    check_code(home)
    if home is not None:
        _readable(Path(home))
        _readable(Path(sys.executable))


def check_code(home: Path | str | None = None) -> None:
    """Return if this process runs the code of the checkout that it is used for.

    Args:
        home: as for `check`.

    Raises:
        UserError: it runs the code of another checkout, or an installed copy.
    """
    here = _checkout(Path.cwd()) if home is None else Path(home)
    if here is None or not _main(here).is_file() or _main(here).samefile(_main(PACKAGE.parent)):
        return
    raise UserError(
        f"{here}: not the code of this checkout would run but that of {PACKAGE.parent}; type "
        f"`make -C {here} install` and `. {here}/.venv/bin/activate`, then run it again"
    )


def _checkout(folder: Path) -> Path | None:
    """The nearest folder at or above this one that holds a Snakefile and the package."""
    around = (folder, *folder.parents)
    return next((f for f in around if (f / "Snakefile").is_file() and _main(f).is_file()), None)


def _main(folder: Path) -> Path:
    return folder / PACKAGE.name / "__init__.py"


def _readable(path: Path) -> None:
    """Snakemake does not quote the path of its interpreter in the commands of jobs."""
    if found := UNREAD.search(str(path)):
        raise UserError(
            f"{path}: this path holds {found[0]!r}, which the shell that starts the jobs would not "
            "read as part of it; give the folder a name of letters, digits, '.', '_' and '-', and "
            "type `make install` there"
        )


if __name__ == "__main__":
    try:
        check(Path.cwd())
    except UserError as error:
        sys.exit(f"zowarmup: {error}")
