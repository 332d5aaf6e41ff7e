"""The keys of data sets, of given clients and of given tiers: one sentence for each mistake."""

from pathlib import Path

import pytest
from commands import TINY

from zowarmup.config import data_files, datasets
from zowarmup.config.datasets import FileData, FolderData, TableData
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.plan import Plan, plan
from zowarmup.plan.workflow import Workflow

TEXT = TINY.read_text(encoding="utf-8")
SOURCE = "{source: digits, images_train: 300, images_test: 60}"
DRAWN = "clients: 10, alpha: 0.5"
TABLE = "table: survey.csv, label: y"
HELD = f"{{{TABLE}, client: c, tier: t}}"


def planned(folder: Path, data: str, clients: str = DRAWN, split: str = "30/70") -> Plan:
    file = folder / "mine.yaml"
    (folder / "my_data.py").write_text("def make(**keys):\n    pass\n")
    text = TEXT.replace(SOURCE, data).replace(DRAWN, clients)
    file.write_text(text.replace("split: 30/70", f"split: {split}"))
    return plan([str(file)])


# --- what is accepted -----------------------------------------------------------------------


KINDS: dict[str, tuple[str, type]] = {
    "a table": (f"{{{TABLE}, features: [a, b], test_share: 0.3}}", TableData),
    "parquet": ("{table: survey.parquet, label: y, test_table: later.parquet}", TableData),
    "a folder": ("{folder: pictures, resize: 16, test_share: 0.2}", FolderData),
    "a file": ("{file: my_data.py, load: make, files: [raw.bin], depth: 3, sizes: [1]}", FileData),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_config_names_data_of_its_own(case: str, tmp_path: Path) -> None:
    data, kind = KINDS[case]
    settings = planned(tmp_path, data).config.datasets["digits"]
    assert type(settings) is kind
    again = datasets.read(settings.model_dump(mode="json"))
    assert again == settings


def test_further_keys_of_a_file_are_those_of_its_function(tmp_path: Path) -> None:
    data = "{file: my_data.py, load: make, depth: 3, resize: 2}"
    settings = planned(tmp_path, data).config.datasets["digits"]
    assert settings.model_extra == {"depth": 3, "resize": 2}


def test_given_clients_and_tiers(tmp_path: Path) -> None:
    made = planned(tmp_path, HELD, "clients: given", "given")
    federation = made.config.federations["default"]
    assert (federation.clients, federation.alpha) == ("given", None)
    assert {spec.split for spec in made.runs.values()} == {"given"}
    planned(tmp_path, f"{{{TABLE}, client: c}}", "clients: given", "10/90")
    planned(tmp_path, "{file: my_data.py, load: make}", "clients: given", "given")


def test_paths_are_no_settings_of_the_rule(tmp_path: Path) -> None:
    """A moved file has the same contents, which alone count."""
    planned(tmp_path, HELD)
    work = Workflow([str(tmp_path / "mine.yaml")], {}, str(TINY.parents[1]))
    job = work.job("dataset", {"name": "tiny", "dataset": "digits"})
    assert not datasets.PLACES & work.settings(job).keys()
    both = {**work.settings(job), **work.places("digits")}
    assert datasets.read(both) == work.config.datasets["digits"]


def test_the_files_of_a_data_set(tmp_path: Path) -> None:
    for name in ("a/survey.csv", "b/survey.csv", "p/cat/1.PNG", "p/cat/notes.txt", "p/.x/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def names(**keys: object) -> list[str]:
        settings = datasets.read(keys)
        return [*data_files.files(settings, data_files.place(settings))]

    a, b = (str(tmp_path / name) for name in ("a/survey.csv", "b/survey.csv"))
    assert names(table=a, label="y") == ["survey.csv"]
    assert names(table=a, label="y", test_table=b) == ["a/survey.csv", "b/survey.csv"]
    assert names(table=a, label="y", test_table=b.replace("survey", "other")) == []
    assert names(file="my_data.py", load="make") == []
    assert names(file="my_data.py", load="make", files=[b]) == ["survey.csv"]
    assert names(folder=str(tmp_path / "p")) == ["cat/1.PNG"]
    assert names(folder=str(tmp_path / "nowhere")) == []
    assert names(source="digits") == []


# --- what is refused ------------------------------------------------------------------------

ONE = (
    "datasets.digits: give exactly one of the keys source, file, folder, table, text and "
    "docstrings, not {"
)
GIVEN = ("clients: given", "30/70")
REFUSED: dict[str, tuple[str, str, str, str]] = {
    "no kind": ("{label: y}", DRAWN, "30/70", ONE),
    "two kinds": ("{source: digits, table: a.csv, label: y}", DRAWN, "30/70", ONE),
    "a text": ("digits", DRAWN, "30/70", "datasets.digits: give exactly one of the keys source"),
    "an unknown key": (
        f"{{{TABLE}, feature: [a]}}",
        DRAWN,
        "30/70",
        "datasets.digits.feature: unknown key; did you mean features?",
    ),
    "a key of another kind": (
        "{folder: p, features: [a]}",
        DRAWN,
        "30/70",
        "datasets.digits.features: unknown key; remove it, or use one of folder, resize, tes",
    ),
    "an unknown key of a source": (
        "{source: digits, image_train: 3}",
        DRAWN,
        "30/70",
        "datasets.digits.image_train: unknown key; did you mean images_train?",
    ),
    "resize of a table": (f"{{{TABLE}, resize: 3}}", DRAWN, "30/70", "resize: unknown key; "),
    "no label": ("{table: a.csv}", DRAWN, "30/70", "digits.label: this key is required; add it"),
    "no function": ("{file: a.py}", DRAWN, "30/70", "digits.load: this key is required; add it"),
    "an argument that is called like a place": (
        "{file: my_data.py, load: make, data_dir: a}",
        DRAWN,
        "30/70",
        "digits: data_dir is a key of other kinds of data; give this argument of make another name",
    ),
    "no Python": (
        "{file: a.txt, load: m}",
        DRAWN,
        "30/70",
        "digits.file: give a file whose name ends in .py",
    ),
    "no table": (
        "{table: a.xlsx, label: y}",
        DRAWN,
        "30/70",
        "name ends in .csv or .parquet, not ",
    ),
    "no test table": (
        f"{{{TABLE}, test_table: b.txt}}",
        DRAWN,
        "30/70",
        "digits.test_table: give a file whose name ends in .csv or .parquet, not ",
    ),
    "no such file": (
        "{file: own.py, load: m}",
        DRAWN,
        "30/70",
        "own.py: No such file or directory",
    ),
    "no such function": (
        "{file: my_data.py, load: mke}",
        DRAWN,
        "30/70",
        "datasets.digits.load: ",
    ),
    "a number as label": ("{table: a.csv, label: 3}", DRAWN, "30/70", "put it in quotes"),
    "no features": (f"{{{TABLE}, features: []}}", DRAWN, "30/70", "digits.features: list should"),
    "a column twice": (f"{{{TABLE}, features: [a, a]}}", DRAWN, "30/70", "a is given twice"),
    "the label too": (f"{{{TABLE}, features: [a, y]}}", DRAWN, "30/70", "or is the label"),
    "a tier alone": (
        f"{{{TABLE}, tier: t}}",
        DRAWN,
        "30/70",
        "digits.tier: a tier belongs to a cl",
    ),
    "two test sets": (
        f"{{{TABLE}, test_table: b.csv, test_share: 0.1}}",
        DRAWN,
        "30/70",
        "digits.test_share: test_table is the test set; leave out one of the two keys",
    ),
    "all for tests": ("{folder: p, test_share: 1.0}", DRAWN, "30/70", "should be less than 1"),
    "resize to nothing": ("{folder: p, resize: 0}", DRAWN, "30/70", "digits.resize: input should"),
    "alpha of given clients": (
        HELD,
        "clients: given, alpha: 0.5",
        "30/70",
        "federations.default.alpha: nothing is drawn with `clients: given`; leave alpha out",
    ),
    "no alpha": (
        SOURCE,
        "clients: 10",
        "30/70",
        "federations.default: the clients are drawn, so give alpha",
    ),
    "other clients": (
        HELD,
        "clients: all",
        "30/70",
        "default.clients: input should be a valid int",
    ),
    "given clients of a source": (
        SOURCE,
        *GIVEN,
        "default.clients: given: the data set digits does not say who holds what; use text,",
    ),
    "given clients of a folder": ("{folder: p}", *GIVEN, "does not say who holds what; use text,"),
    "given clients of a table": (
        f"{{{TABLE}}}",
        *GIVEN,
        "name the column of the clients in datasets.digits.client, or give a number",
    ),
    "given tiers of drawn clients": (
        SOURCE,
        DRAWN,
        "given",
        "split: given: the federation default draws its clients; set federations.default.clients",
    ),
    "given tiers of a table": (
        f"{{{TABLE}, client: c}}",
        "clients: given",
        "given",
        "has a table without tiers; name the column of the tiers in datasets.digits.tier",
    ),
    "given tiers and budgets": (
        HELD,
        "clients: given, memory: [{share: 1.0, megabytes: 1.0}]",
        "given",
        "gives its clients budgets; use `split: memory`, or remove the budgets, or give a split",
    ),
    "a split of given clients": (HELD, "clients: given", "30-70", "percentages that add up to 100"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_data_set(case: str, tmp_path: Path) -> None:
    data, clients, split, message = REFUSED[case]
    with pytest.raises(ConfigError) as error:
        planned(tmp_path, data, clients, split)
    sentence = str(error.value)
    assert message in sentence, sentence
    assert sentence.startswith(f"{tmp_path}/mine.yaml: ")
    assert "\n" not in sentence
