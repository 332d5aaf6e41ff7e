"""Configs and claims that cannot be used: one sentence each, and nothing is made."""

import math
from pathlib import Path

import malform as m
import pytest
import yaml
from commands import NAN, TINY, refused, repeatable, zowarmup
from hypothesis import given
from hypothesis import strategies as st

from zowarmup.analysis.claims import schema
from zowarmup.common.errors import UserError

TEXT = TINY.read_text(encoding="utf-8")
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9)
)


CONFIGS: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "a config is a mapping"),
    "a list": ("- name: tiny\n", "a config is a mapping"),
    "a text": ("tiny", "a config is a mapping"),
    "two documents": (TEXT + "---\n" + TEXT, "not valid YAML"),
    "no end of a list": ("name: [tiny", "not valid YAML"),
    "a tab": ("name:\n\t- tiny", "not valid YAML"),
    "no text": (b"\xff\xfe" + TEXT.encode(), "not valid YAML"),
    "a zero byte": ("name: \0", "not valid YAML"),
    "a name of nothing": ("name: *nothing", "not valid YAML"),
    "Python to be run": ("name: !!python/object/apply:os._exit [66]\n", "not valid YAML"),
    "a Python module": ("name: !!python/module:os\n", "not valid YAML"),
    "a billion laughs": (TEXT + LAUGHS, "unknown key"),
    "a billion laughs in a key": (
        LAUGHS + TEXT.replace("tables: [main]", "tables: *a9"),
        "unknown key",
    ),
    "a list within itself": (TEXT + "memory: &m {models: *m}\n", "memory.models"),
    "lists too deep": ("name: " + "[" * 5000, "not valid YAML"),
    "a month that there is not": ("name: !!timestamp 2024-13-45\n", "not valid YAML"),
    "a number of 5000 digits": ("seeds: " + "1" * 5000, "not valid YAML"),
    "a key twice": (TEXT + "name: other\n", "given twice"),
    "a key that is a list": (TEXT + "[1]: 2\n", "not valid YAML"),
    "an unknown key": (TEXT + "learning_rate: 1\n", "learning_rate: unknown key"),
    "templates of Snakemake": (TEXT + "__use_yte__: true\n", "__use_yte__: unknown key"),
    "a name that leaves the folder": (TEXT.replace("name: tiny", "name: ../tiny"), "name"),
    "no seeds": (TEXT.replace("seeds: 2", "seeds: 0"), "seeds"),
    "more seeds than years": (TEXT.replace("seeds: 2", "seeds: 1000000000000"), "seeds"),
    "half a client": (TEXT.replace("clients: 10,", "clients: 10.5,"), "clients"),
    "a federation of nothing": (TEXT.replace("federation: default", "federation: x"), "federation"),
    "no data": (TEXT.replace("  digits: {", "  other: {"), "digits"),
    "a rate that is no number": (TEXT.replace("[0.03, 0.1]", "[.nan, 0.1]"), "selection.grid"),
    "an infinite rate": (TEXT.replace("[0.03, 0.1]", "[.inf, 0.1]"), "selection.grid"),
    "a phase that is a text": (
        TEXT.replace("- {algorithm: zo, clients: all, rounds: 40}", "- zo"),
        "zowarmup.phases",
    ),
    "an algorithm that there is not": (TEXT.replace("algorithm: zo,", "algorithm: os,"), "os"),
    "a file below that is not there": ("extends: nowhere.yaml\n", "nowhere.yaml: No such file"),
    "a file below that is a folder": ("extends: /\n", "Is a directory"),
    "a file below that is a list": ("extends: [a]\n", "No such file"),
    "itself": ("extends: bad.yaml\n", "break the circle"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_that_cannot_be_run(case: str, tmp_path: Path) -> None:
    text, part = CONFIGS[case]
    file = tmp_path / "bad.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(zowarmup("plan", "--list", file), part)
    refused(zowarmup("run", file, "--results", tmp_path / "results"), part)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("command", ["plan", "run", "clean"])
def test_a_config_that_is_not_there(command: str, tmp_path: Path) -> None:
    refused(zowarmup(command, tmp_path / "no.yaml"), "no.yaml: No such file")
    refused(zowarmup(command, tmp_path), "Is a directory")


@repeatable
@given(data=st.data())
def test_a_config_with_a_strange_value(tmp_path: Path, data: st.DataObject) -> None:
    strange = [None, "x", -1, 0, 1.5, NAN, math.inf, 10**30, [], {}, [1], {"a": {"b": 1}}, True, ""]
    whole = yaml.safe_load(TEXT)
    key, new = data.draw(st.sampled_from(list(m.keys(whole)))), data.draw(st.sampled_from(strange))
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(m.put(whole, key, new)))
    said = zowarmup("plan", "--list", file)
    if said.code:
        refused(said, "bad.yaml")


CLAIMS = {
    "a list": ("- 1", "a mapping"),
    "no text": (b"\xff", "not valid YAML"),
    "Python to be run": ("a: !!python/object/apply:os._exit [66]", "not valid YAML"),
    "a claim that is a text": ("claims: {one: yes it is}", "one"),
    "a claim of nothing": ("claims: {one: {}}", "one."),
    "an unknown key": ("claims: {one: {claim: 1}}", "unknown key"),
    "claims of another file": ("extends: claims.yaml", "claims"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_claims_that_say_nothing(case: str, tmp_path: Path) -> None:
    text, part = CLAIMS[case]
    (tmp_path / "claims.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=part) as error:
        schema.read(tmp_path / "claims.yaml")
    assert str(tmp_path / "claims.yaml") in str(error.value)
