"""config/schema.json, which editors read, says what the config files may say."""

import json

import jsonschema
import pytest
import workbench
import yaml

from zowarmup.config import json_schema, yaml_file

CONFIG = workbench.PROJECT / "config"
FILES = [file for file in sorted(CONFIG.glob("*.yaml")) if not file.name.startswith("claims")]
SCHEMA = jsonschema.Draft202012Validator(json_schema.schema())


def test_the_file_is_that_of_the_models() -> None:
    """Else: python -m zowarmup.config.json_schema > config/schema.json"""
    assert json.loads((CONFIG / "schema.json").read_text()) == json_schema.schema()
    assert (CONFIG / "schema.json").read_text() == json_schema.text() + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_editors_find_it_and_nothing_wrong(file) -> None:
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
def test_editors_see_what_is_wrong(wrong) -> None:
    assert not SCHEMA.is_valid(wrong)
