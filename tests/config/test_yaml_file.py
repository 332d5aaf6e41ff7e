"""What YAML makes of the words of a config, and what the user reads where that is a surprise."""

from pathlib import Path

import pytest

from zowarmup.config.schema import load
from zowarmup.config.yaml_file import ConfigError, read_yaml, scalar
from zowarmup.plan.plan import plan

TINY = Path(__file__).parents[1].joinpath("tiny.yaml")


def refusal(tmp_path: Path, text: str) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(f"extends: {TINY}\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        plan([str(file)])
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: on", "valid string, not True; put it in quotes"),
        ("engine: {device: off}", "'cpu' or 'cuda', not False"),
        ("name: 2024", "valid string, not 2024; put it in quotes"),
        ("algorithms: {zo: {lr: '1e-3'}}", "or a valid dictionary, not '1e-3'; leave out the quo"),
        ("seeds: '3'", "not '3'; leave out the quotes"),
        ("algorithms: {zo: {shared_directions: 'yes'}}", "not 'yes'; leave out the quotes"),
        ("studies: {main: {grid: {model: [on]}}}", "valid string, not True; put it in quotes"),
        ("studies: {on: {methods: [zowarmup]}}", "line 2: on: YAML reads this key as True; put i"),
        ("methods: {1: {label: a}}", "line 2: 1: YAML reads this key as 1; put it in quotes"),
        ("null: 3", "line 2: null: YAML reads this key as None; put it in quotes"),
        ("model: |\n  mlp\n", "model: there is no mlp ; use one of mlp"),
        ("split: 50:50", "split: 50:50: give percentages that add up to 100, such as 10/90"),
        ("split: 10/90%", "split: 10/90%: give percentages that add up to 100, such as 10/90"),
    ],
)
def test_the_sentence_says_what_to_type(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "seeds: " + "{a: " * 60 + "1" + "}" * 60,
        "seeds: &a [*a]",
        f"model: [{', '.join(['mlp'] * 5000)}]",
        f"seeds: {'x' * 5000}",
        f"seeds: {'9' * 4000}",
    ],
)
def test_a_value_is_quoted_in_part_if_it_is_long(tmp_path: Path, text: str) -> None:
    sentence = refusal(tmp_path, text)
    assert sentence.startswith(text.partition(":")[0])
    assert len(sentence) < 400


def test_a_date_is_text_and_keys_can_be_merged(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"extends: {TINY}\nname: 2024-01-01\nalgorithms:\n  zo: &zo {{lr: 0.5, S: 5}}\n"
                    "  zo_adam: {<<: *zo, S: 7}\n")  # fmt: skip
    config = load([file])
    assert config.name == "2024-01-01"
    assert config.algorithms["zo_adam"] == {"lr": 0.5, "S": 7}


@pytest.mark.parametrize(
    ("word", "value"),
    [("007", 7), ("00", 0), ("010", 10), ("-017", -17), ("1_000", 1000), (".5", 0.5), ("1.", 1.0),
     ("+5", 5), ("1e-4", 1e-4), ("01.5", 1.5), ("yes", True), ("off", False), ("~", None),
     ("2024-01-01", "2024-01-01"), ("08", 8), ("10/90", "10/90"), ("50:50", "50:50"),
     ("'010'", "010"), ('"on"', "on")],
)  # fmt: skip
def test_words_that_everybody_reads_alike(tmp_path: Path, word: str, value: object) -> None:
    file = tmp_path / "words.yaml"
    file.write_text(f"word: {word}\n")
    assert read_yaml(file) == {"word": value}
    assert type(read_yaml(file)["word"]) is type(value)
    if "'" not in word and '"' not in word:
        assert scalar(word) == value


@pytest.mark.parametrize("form", ["bom", "crlf", "cr"])
def test_files_of_other_editors(tmp_path: Path, form: str) -> None:
    data = TINY.read_bytes()
    ends = {"bom": b"\n", "crlf": b"\r\n", "cr": b"\r"}
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbf" * (form == "bom") + data.replace(b"\n", ends[form]))
    assert load([file]) == load([TINY])
