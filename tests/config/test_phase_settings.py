"""What can be set about each algorithm, as it is read from the source of its class."""

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from zowarmup.config import phase_settings, registry
from zowarmup.config.phase import Phase
from zowarmup.config.phase_settings import PHASES, TRAJECTORIES, know_tiers
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan import specs

# What no phase can do without, beside the settings below.
GIVEN: dict[str, Any] = {"clients": "all", "rounds": 10}
REQUIRED: dict[str, dict[str, Any]] = {name: {"client_lr": 0.1} for name in ("fedadam", "zo_mixed")}


def phase(name: str, **settings: Any) -> Phase:
    given = GIVEN | REQUIRED.get(name, {}) | {"algorithm": name} | settings
    return PHASES[name].model_validate(given)


@pytest.mark.parametrize("name", registry.ALGORITHMS)
def test_settings_and_defaults_are_those_of_the_class(name: str) -> None:
    """Read from its text they are what importing it gives; lr alone has a default of the config."""
    fields = {f.name: f for f in dataclasses.fields(registry.load(registry.ALGORITHMS, name))}
    read = PHASES[name].model_fields
    assert set(read) == {*fields, *Phase.model_fields}
    for field in fields.values():
        if field.name == "lr":
            assert read["lr"].default == "select"
        elif field.default is dataclasses.MISSING:
            assert read[field.name].is_required()
        else:
            default = read[field.name].default
            assert field.default == (tuple(default) if isinstance(default, list) else default)
            assert type(default) is type(field.default) or isinstance(default, list)


@pytest.mark.parametrize("name", registry.ALGORITHMS)
def test_an_algorithm_is_made_from_the_settings_of_its_phase(name: str) -> None:
    """And has their values: nothing is lost or renamed on the way."""
    settings = specs.Phase.read(phase(name, lr=0.5).model_dump()).settings
    values = dataclasses.asdict(registry.load(registry.ALGORITHMS, name)(**settings))
    assert values == settings
    assert values["lr"] == 0.5


@pytest.mark.parametrize("name", registry.ALGORITHMS)
def test_what_is_said_of_a_class_is_so(name: str) -> None:
    """Records and tiers, against the class itself."""
    entry, made = registry.ALGORITHMS[name], registry.load(registry.ALGORITHMS, name)
    assert phase_settings.leaves_records(entry) == hasattr(made, "apply") == hasattr(made, "report")
    assert phase_settings.uses_tiers(entry) == getattr(made, "tiered", False)
    assert (name in TRAJECTORIES) == (not hasattr(made, "apply"))


def test_records_and_tiers_by_name() -> None:
    assert TRAJECTORIES == ("fedavg", "fedadam", "heterofl", "zo_mixed")
    assert [n for n, entry in registry.ALGORITHMS.items() if phase_settings.uses_tiers(entry)] == [
        "heterofl",
        "zo_mixed",
    ]
    for name in registry.ALGORITHMS:
        assert know_tiers([phase(name)]) == (name in ("heterofl", "zo_mixed"))
        assert know_tiers([phase(name, clients="low")])


def test_a_class_has_the_settings_of_the_one_it_derives_from() -> None:
    """ZOAdam is ZO with Adam's settings; ZO's stand first."""
    zo, zo_adam = (list(PHASES[name].model_fields) for name in ("zo", "zo_adam"))
    assert zo_adam[: len(zo)] == zo
    assert {"beta1", "beta2", "epsilon"} <= set(zo_adam) - set(zo)
    assert phase("zo_adam", S=7).model_dump()["S"] == 7
    for fault in ({"S": 0}, {"tau": -1.0}, {"distribution": "uniform"}):
        with pytest.raises(ValidationError):
            phase("zo_adam", **fault)


# --- values ---------------------------------------------------------------------------------

BAD = [
    ("fedadam", "client_lr", 0.0, "greater than 0"),
    ("fedadam", "client_lr", "fast", "or 'select'"),
    ("fedadam", "beta1", 1.0, "less than 1"),
    ("fedadam", "beta2", -0.1, "greater than or equal to 0"),
    ("fedadam", "epsilon", 0.0, "greater than 0"),
    ("fedadam", "bias_correction", 1, "valid boolean"),
    ("fedavg", "epochs", 0, "greater than or equal to 1"),
    ("fedavg", "weight_decay", -1e-4, "greater than or equal to 0"),
    ("fedavg", "participation", 1.1, "less than or equal to 1"),
    ("heterofl", "rate", 0.0, "greater than 0"),
    ("heterofl", "rate", 1.5, "less than or equal to 1"),
    ("heterofl", "milestones", [0], "greater than or equal to 1"),
    ("heterofl", "milestones", 200, "valid list"),
    ("heterofl", "clip", -1.0, "greater than or equal to 0"),
    ("heterofl", "mask", "yes", "valid boolean"),
    ("heterofl", "gamma", 0.0, "greater than 0"),
    ("zo", "scaling", "none", "'paper' or 'unbiased'"),
    ("zo_adam", "lr", "fast", "'select'"),
    ("zo_local", "S", 1.5, "valid integer"),
    ("zo_local", "batch", 0, "greater than or equal to 1"),
    ("fedkseed", "K", 0, "greater than or equal to 1"),
    ("fedkseed", "sampling", "all", "'uniform' or 'pro'"),
    ("fedkseed", "eps", float("inf"), "finite number"),
]


@pytest.mark.parametrize(("name", "key", "value", "expected"), BAD)
def test_a_bad_value_is_named_with_what_is_allowed(
    name: str, key: str, value: Any, expected: str
) -> None:
    raw = GIVEN | REQUIRED.get(name, {}) | {"algorithm": name, key: value}
    with pytest.raises(ConfigError) as caught:
        check(PHASES[name], raw, lambda key: f"phases.0.{key}")
    assert str(caught.value).startswith(f"phases.0.{key}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("heterofl", "milestones", [200, 400]),
        ("heterofl", "rate", 1),
        ("heterofl", "clip", 0),
        ("fedadam", "client_lr", {"same_as": "other"}),
        ("fedadam", "lr", {"same_as": "other"}),
        ("fedadam", "beta1", 0),
        ("fedkseed", "K", 1),
    ],
)
def test_values_at_the_edge_are_taken(name: str, key: str, value: Any) -> None:
    assert phase(name, **{key: value}).model_dump()[key] == value


def test_the_words_of_a_choice_are_those_of_the_class() -> None:
    words = {
        (name, key): get_args(field.annotation)
        for name, made in PHASES.items()
        for key, field in made.model_fields.items()
        if key in ("distribution", "scaling", "estimator", "sampling")
    }
    assert words["zo", "distribution"] == ("rademacher", "gaussian")
    assert words["zo_adam", "scaling"] == ("paper", "unbiased")
    assert words["fedkseed", "sampling"] == ("uniform", "pro")


# --- classes that nobody has written yet ----------------------------------------------------

SOURCE = '''
from dataclasses import dataclass
from typing import ClassVar, Literal

from zowarmup.algorithms.other import Base


@dataclass(frozen=True)
class Mine(Base):
    """A phase."""

    lr: Rate
    depth: Count = 2
    law: Literal["a", "b"] = "a"
    steps: Rounds = (1, 2)
    rule: {annotation} = 1.0
    tiered: ClassVar[bool] = {tiered}
    LIMIT: ClassVar[int] = 7

    def round(self):
        notes: int = 3


class Second(Mine):
    size: Positive = 0.5
    depth: Count = 9

    def apply(self):
        pass
'''
OTHER = "class Base:\n    share: Share = 0.25\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts the module above in a package of its own and says how to name its classes."""

    def write(annotation: str = "Positive", tiered: bool = True) -> str:
        folder = tmp_path / "algorithms"
        folder.mkdir(exist_ok=True)
        text = SOURCE.replace("{annotation}", annotation).replace("{tiered}", str(tiered))
        (folder / "mine.py").write_text(text)
        (folder / "other.py").write_text(OTHER)
        phase_settings._statements.cache_clear()
        return "zowarmup.algorithms.mine"

    monkeypatch.setattr(phase_settings, "ROOT", tmp_path)
    yield write
    phase_settings._statements.cache_clear()


def test_fields_of_a_class_and_of_its_bases_in_two_files(written: Any) -> None:
    """Constants of the class and names inside of functions are no settings."""
    module = written()
    own = set(Phase.model_fields)
    mine = phase_settings.settings_of(f"{module}:Mine").model_fields
    assert set(mine) - own == {"share", "depth", "law", "steps", "rule"}
    assert (mine["share"].default, mine["steps"].default) == (0.25, [1, 2])
    second = phase_settings.settings_of(f"{module}:Second").model_fields
    assert set(second) - set(mine) == {"size"}
    assert (second["depth"].default, mine["depth"].default) == (9, 2)


def test_tiers_and_records_are_inherited(written: Any) -> None:
    module = written()
    assert not phase_settings.leaves_records(f"{module}:Mine")
    assert phase_settings.leaves_records(f"{module}:Second")
    assert phase_settings.uses_tiers(f"{module}:Mine")
    assert phase_settings.uses_tiers(f"{module}:Second")
    assert not phase_settings.uses_tiers(f"{written(tiered=False)}:Second")


@pytest.mark.parametrize("annotation", ["Percent", "list[int]", "int | None"])
def test_an_unknown_annotation_says_what_is_known(written: Any, annotation: str) -> None:
    module = written(annotation)
    with pytest.raises(TypeError) as caught:
        phase_settings.settings_of(f"{module}:Mine")
    said = str(caught.value)
    assert said.startswith(f"{module}:Mine: a config has no type")
    assert annotation in said
    assert "Positive" in said
    assert "Literal[...]" in said


def test_a_class_that_is_not_there_is_named(written: Any) -> None:
    with pytest.raises(TypeError, match="mine:Third: the module has no such class"):
        phase_settings.settings_of(f"{written()}:Third")
