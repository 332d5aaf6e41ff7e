"""config/schema.json, which editors read, says what the config files may say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import workbench
import yaml

from zowarmup.config import yaml_file

CONFIG = workbench.PROJECT / "config"
FILES = [file for file in sorted(CONFIG.glob("*.yaml")) if not file.name.startswith("claims")]
SCHEMA = jsonschema.Draft202012Validator(json.loads((CONFIG / "schema.json").read_text()))


def test_the_file_is_that_of_the_models() -> None:
    """Else type: make schema"""
    check = [sys.executable, str(CONFIG / "render_schema.py"), "--check"]
    assert subprocess.run(check).returncode == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_editors_find_it_and_nothing_wrong(file: Path) -> None:
    """Also where a file gives only what differs from the one that it extends."""
    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    SCHEMA.validate(yaml.load(text, yaml_file._Loader))


@pytest.mark.parametrize(
    "wrong",
    [
        {"splitt": "10/90"},
        {"seeds": "many"},
        {"tables": ["mian"]},
        {"algorithms": {"zo": {"tua": 1.0}}},
        {"methods": {"a": {"phases": [{"algorithm": "zo", "epochs": 3}]}}},
    ],
)
def test_editors_see_what_is_wrong(wrong: Any) -> None:
    assert not SCHEMA.is_valid(wrong)
