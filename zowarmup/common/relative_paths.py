"""Files that a config names by relative paths, for any working folder."""

from collections.abc import Iterable
from pathlib import Path

from zowarmup.common.errors import UserError


def find(key: str, name: str, configs: Iterable[Path | str], checkout: Path | str) -> str:
    """The path of a file: as given, else beside a config, else in the checkout.

    Args:
        key: the key of the config that names the file.
        name: the path as the config gives it.
        configs: files given on the command line; the last one counts first.
        checkout: the folder of the Snakefile.

    Raises:
        UserError: none of these folders has the file.
    """
    folders = [*(Path(config).parent for config in reversed(list(configs))), Path(checkout)]
    for path in (Path(name), *(folder / name for folder in folders)):
        if path.is_file():
            return name if path == Path(name) else str(path)
    looked = ", ".join(dict.fromkeys(map(str, (Path.cwd(), *folders))))
    raise UserError(f"{key}: {name}: no such file in {looked}; give a path that exists")
