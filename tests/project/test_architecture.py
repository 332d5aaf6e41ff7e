"""docs/architecture.md: its picture and its list of rooms are those of the imports."""

import importlib.util
import re
from types import ModuleType

import workbench

PAGE = workbench.PROJECT / "docs" / "architecture.md"


def drawing() -> ModuleType:
    """tools/architecture.py, which is no part of a package."""
    file = workbench.PROJECT / "tools" / "architecture.py"
    spec = importlib.util.spec_from_file_location("architecture", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_the_imports() -> None:
    picture = drawing()
    assert picture.PICTURE.read_bytes() == picture.draw(), "run: python tools/architecture.py"


def test_the_page_has_a_line_for_every_room_and_no_other() -> None:
    lines = re.findall(r"^\| (`.+`) \|", PAGE.read_text(), flags=re.MULTILINE)
    listed = re.findall(r"`(\w+)`", " ".join(lines))
    assert sorted(listed) == sorted(drawing().imports())
