"""Checks before any job: whether the right code runs, and whether its path works in a shell.

This module needs only the standard library, because `make` calls it before installing anything.
"""

import os
import re
import shlex
import sys
from pathlib import Path

from zowarmup.common.errors import UserError

PACKAGE = Path(__file__).parents[1]  # the code that this process runs

# The characters of an unquoted path that a shell does not take literally.
READ_BY_SHELLS = r"""[\x00-\x20\x7f"'$&()*;<>?\[\]\\`{|}]"""


def check(checkout: Path | str | None = None) -> None:
    """Check that jobs will run the code of the checkout, and that a shell can start them.

    Args:
        checkout: the folder of the Snakefile; by default the nearest checkout, upwards from the
            current folder, if there is one.

    Raises:
        UserError: names the path, the fault and what to type.
    """
    check_code(checkout)
    if checkout is not None:
        _check_paths(Path(sys.executable), Path(checkout))


def warning() -> str:
    """Return the message of `check_code`, for commands that only read; "" without an error."""
    try:
        check_code()
    except UserError as error:
        return str(error)
    return ""


def check_code(checkout: Path | str | None = None) -> None:
    """Check that this process runs the code of the checkout that it works in; see `check`.

    Raises:
        UserError: the code differs, for instance because `.venv` was copied from elsewhere.
    """
    folder = _checkout_around(Path.cwd()) if checkout is None else Path(checkout)
    if folder is None or not (module := _difference(folder / PACKAGE.name)):
        return
    raise UserError(
        f"{folder}: {PACKAGE.name}/{module} differs from {PACKAGE / module}, which would run "
        f"instead; type `cd {shlex.quote(str(folder))} && make install && . .venv/bin/activate`, "
        "then the command again"
    )


def import_in_jobs_from(checkout: Path | str) -> None:
    """Put the checkout first in PYTHONPATH, for the jobs that this process starts."""
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(checkout), *filter(None, [inherited])])


def _checkout_around(folder: Path) -> Path | None:
    """The nearest folder, upwards from this one, that has a Snakefile and the package."""
    parts = ("Snakefile", f"{PACKAGE.name}/__init__.py")
    upwards = (folder, *folder.parents)
    return next((f for f in upwards if all((f / part).is_file() for part in parts)), None)


def _difference(package: Path) -> str | None:
    """Return the first module that differs from the running code; a missing package is fine."""
    if not (package / "__init__.py").is_file() or package.samefile(PACKAGE):
        return None
    own, running = _modules(package), _modules(PACKAGE)
    return next((m for m in sorted({*own, *running}) if own.get(m) != running.get(m)), None)


def _modules(package: Path) -> dict[str, bytes]:
    """Return the bytes of each module; editors' hidden files are left out, as links may break."""
    files = [file.relative_to(package) for file in package.rglob("*.py")]
    code = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return {str(file): (package / file).read_bytes() for file in code}


def _check_paths(python: Path, checkout: Path) -> None:
    """Check both paths: Snakemake does not quote the interpreter's path in commands of jobs.

    PYTHONPATH splits at colons, and Snakemake reads braces in paths of rules as wildcards.
    """
    for path, misread in ((python, READ_BY_SHELLS), (checkout, "[:{}]")):
        if match := re.search(misread, str(path)):
            raise UserError(
                f"{path}: jobs cannot be started from a path with {match[0]!r}; use letters, "
                "digits, '.', '_' and '-' in names of folders, then type `make install`"
            )


if __name__ == "__main__":
    try:
        _check_paths(Path.cwd() / ".venv" / "bin" / "python", Path.cwd())
    except UserError as error:
        sys.exit(f"zowarmup: {error}")
