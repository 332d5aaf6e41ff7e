"""The claims file: each statement of the paper with the comparison that decides it.

The head of config/claims.yaml explains the keys.
"""

import hashlib
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import AfterValidator, Field, ValidationInfo, create_model, field_validator

from zowarmup.analysis.metrics import TEXT
from zowarmup.config.phase import Settings
from zowarmup.config.text import Name
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError, read_yaml

Some = Field(min_length=1)
Text = Annotated[str, Some]
Split = Annotated[str, Field(pattern=r"^(\d+/\d+|memory)$")]
Alpha = float | Annotated[Literal["infinite"], AfterValidator(lambda _: inf)]
# One value of a column, or several.
Words = Text | Annotated[list[Text], Some]
Numbers = float | Annotated[list[float], Some]
COLUMNS = (
    "model", "method", "variant", "split", "distribution", "estimator", "pivot", "rounds", "alpha",
    "clients", "S", "tau", "eps", "lr_2", "width", "images", "algorithm_1", "algorithm_2",
    "participation_1", "participation_2", "batch_2", "epochs_2", "beta2", "epsilon", "candidates",
    "sampling", "shared_directions",
)  # fmt: skip
TYPES: dict[str, Any] = dict.fromkeys(TEXT, Words)
TYPES |= {
    "split": Split | Annotated[list[Split], Some],
    "alpha": Alpha | Annotated[list[Alpha], Some],
    "shared_directions": bool,
}
FIELDS: dict[str, Any] = {name: (TYPES.get(name, Numbers) | None, None) for name in COLUMNS}
Columns: Any = create_model("Columns", __base__=Settings, **FIELDS)


class Measure(NamedTuple):
    """A sum of columns of metrics.csv, with its name for readers and the unit of a difference."""

    words: str
    unit: str
    columns: tuple[str, ...]


MeasureName = Literal[
    "test_accuracy", "missing_recall", "test_loss", "train_loss", "drift", "gradient_cosine",
    "bytes_low", "bytes",
]  # fmt: skip
MISSING = "recall on the classes that high-resource clients lack"
DRIFT = "distance of the clients' models from their mean"
LOW = "bytes of the low-resource clients"
MEASURES: dict[MeasureName, Measure] = {
    "test_accuracy": Measure("test accuracy", "points", ("test_accuracy",)),
    "missing_recall": Measure(MISSING, "points", ("missing_recall",)),
    "test_loss": Measure("test loss", "nats", ("test_loss",)),
    "train_loss": Measure("training loss of all clients", "nats", ("train_loss",)),
    "drift": Measure(DRIFT, "distance", ("drift",)),
    "gradient_cosine": Measure("cosine of step and gradient", "cosine", ("gradient_cosine",)),
    "bytes_low": Measure(LOW, "bytes", ("bytes_up_low", "bytes_down_low")),
    "bytes": Measure("bytes of all clients", "bytes", ("bytes_up", "bytes_down")),
}
LEAST = 5  # seeds of a verdict
TESTED = ("difference", "no_difference")  # the kinds of claims that get a verdict
RATIOS = ("spread", "count")  # the statistics whose effect is a ratio
# Measures that follow from the settings and hardly vary with the seed.
COUNTED: tuple[MeasureName, ...] = ("bytes_low", "bytes")


class Runs(Columns):
    """Runs chosen by columns of metrics.csv; a list stands for the mean over its values."""

    model: Words | None = None
    chance: Literal[True] | None = None  # in place of runs: guessing on the other side's data set

    def cells(self) -> list[dict[str, Any]]:
        """Return column -> value for each cell; each combination of the listed values is a cell."""
        chosen = self.model_dump(exclude_none=True)
        lists = [value if isinstance(value, list) else [value] for value in chosen.values()]
        # metrics.csv has truth values as text.
        texts = [[str(v) if isinstance(v, bool) else v for v in values] for values in lists]
        return [dict(zip(chosen, values, strict=True)) for values in product(*texts)]


class Paper(Settings):
    """The paper's numbers for both sides, in the statistic's unit, and their place in the paper."""

    first: float | None = None
    second: float | None = None
    where: str = ""


class Margins(Settings):
    """The differences that are too small to matter, by the unit of an effect.

    An effect of `points` matters beyond +- this number; a `ratio` beyond this factor, either way.
    """

    points: Annotated[float, Field(gt=0)]
    ratio: Annotated[float, Field(gt=1)]


class Claim(Settings):
    """One statement and its test."""

    text: Text
    kind: Literal["difference", "no_difference", "formula", "observation"]
    family: Name | None = Field(default=None, validate_default=True)
    study: Name | Annotated[list[Name], Some]
    dataset: Text | None = None
    measure: MeasureName = "test_accuracy"
    period: Literal["end", "phase_2"] = "end"
    statistic: Literal["mean", "spread", "minimum", "count"]
    of: Annotated[int, Field(ge=1)] | None = Field(default=None, validate_default=True)
    first: Runs
    second: Runs
    over: Runs = Runs()
    threshold: float
    seeds: Annotated[int, Field(ge=LEAST)] = LEAST  # fewer give no verdict
    paper: Paper = Paper()

    @property
    def studies(self) -> list[str]:
        """The studies whose runs the claim compares."""
        return self.study if isinstance(self.study, list) else [self.study]

    @property
    def across_models(self) -> bool:
        """Whether the claim compares networks; other claims are about one network at a time."""
        return any(runs.model is not None for runs in (self.first, self.second, self.over))

    @property
    def unit(self) -> str:
        """The unit of the effect."""
        return "ratio" if self.statistic in RATIOS else MEASURES[self.measure].unit

    @field_validator("family", "statistic", "threshold")
    @classmethod
    def _fits_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind, statistic = info.data.get("kind"), info.data.get("statistic")
        ratio, unit = value in RATIOS, MEASURES[info.data.get("measure", "test_accuracy")].unit
        fault = ""
        match info.field_name:
            case "family" if (kind in TESTED) == (value is None):
                fault = f"name a family for the kinds {' and '.join(TESTED)}, and for no other"
            case "statistic" if (value == "count") != (kind == "formula"):
                fault = "use `count` for the kind formula, and for no other"
            case "statistic" if kind == "no_difference" and not ratio and unit != "points":
                fault = f"no margin is declared in {unit}; compare accuracies or a spread"
            case "threshold" if kind == "no_difference" and value != (statistic in RATIOS):
                fault = "`no_difference` is judged by the margins: give 0, or 1 for a ratio"
        if fault:
            raise ValueError(fault)
        return value

    @field_validator("statistic", "of", "second", "threshold", "paper")
    @classmethod
    def _fits_the_fields_before(cls, value: Any, info: ValidationInfo) -> Any:
        statistic, first = info.data.get("statistic"), info.data.get("first")
        fault = ""
        match info.field_name:
            case "statistic" if (value == "count") != (info.data.get("measure") in COUNTED):
                fault = f"use `count` for the measures {', '.join(COUNTED)}, and for no other"
            case "of" if (statistic == "minimum") == (value is None):
                fault = "give `of: <number of seeds>` for a minimum, and for no other statistic"
            case "second" if value == first:
                fault = "choose other runs than those of `first`"
            case "second" if any(r and r.chance and r != Runs(chance=True) for r in (first, value)):
                fault = "remove the other keys beside `chance`; it stands for guessing"
            case "threshold" if statistic in RATIOS and value <= 0:
                fault = "the effect is a ratio, which is above 0: give a number above 0"
            case "paper" if (value.first is None) != (value.second is None) or value.second == 0:
                fault = "give both `first` and `second` (not 0), or neither"
        if fault:
            raise ValueError(fault)
        return value


class _File(Settings):
    families: dict[Name, Text]
    margins: Margins
    claims: Annotated[dict[Name, Claim], Some]

    @field_validator("claims")
    @classmethod
    def _have_families(cls, value: dict[str, Claim], info: ValidationInfo) -> dict[str, Claim]:
        declared = info.data.get("families", {})
        for name, claim in value.items():
            if claim.family is not None and claim.family not in declared:
                listed = ", ".join(declared) or "none"
                fault = f"{name}.family is {claim.family!r}, which `families` does not declare"
                raise ValueError(f"{fault}; use one of {listed}, or add it there")
        return value


@dataclass(frozen=True)
class Claims:
    """All claims of a file, in the file's order, and the SHA-256 of the file's bytes."""

    file: str
    sha256: str
    families: dict[str, str]  # name -> the sentence that stands above its claims
    margins: Margins
    claims: dict[str, Claim]


def read(path: str | Path) -> Claims:
    """Read the claims of a file; a ConfigError names the file, the claim and the key."""
    raw, content = read_yaml(Path(path)), Path(path).read_bytes()
    # The hash would not cover a file that this one extends.
    if "extends" in yaml.safe_load(content):
        raise ConfigError(f"{path}: extends: not for claims; copy the other file's claims here")
    checked = check(_File, raw, lambda key: f"{path}: {key}")
    digest = hashlib.sha256(content).hexdigest()
    return Claims(str(path), digest, checked.families, checked.margins, checked.claims)
