"""The claims file: what the paper says, and the comparison that decides each statement.

What the keys mean stands at the top of config/claims.yaml.
"""

import hashlib
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationInfo, field_validator

from zowarmup.analysis.claims.measure import COUNTED, MeasureName
from zowarmup.config.phase import Settings
from zowarmup.config.text import Name
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError, read_yaml

Text = Annotated[str, Field(min_length=1)]
Split = Annotated[str, Field(pattern=r"^(\d+/\d+|memory)$")]
Alpha = float | Literal["infinite"]
Texts = Annotated[list[Text], Field(min_length=1)]
Numbers = Annotated[list[float], Field(min_length=1)]
Splits = Annotated[list[Split], Field(min_length=1)]
Alphas = Annotated[list[Alpha], Field(min_length=1)]
Studies = Annotated[list[Name], Field(min_length=1)]


class Runs(Settings):
    """Runs chosen by columns of metrics.csv; a list stands for the mean over its values.

    Attributes:
        chance: in place of runs, the accuracy of guessing on the other side's data set.
    """

    chance: Literal[True] | None = None
    model: Text | Texts | None = None
    method: Text | Texts | None = None
    variant: Text | Texts | None = None
    split: Split | Splits | None = None
    distribution: Text | Texts | None = None
    estimator: Text | Texts | None = None
    pivot: float | Numbers | None = None
    rounds: float | Numbers | None = None
    alpha: Alpha | Alphas | None = None
    clients: float | Numbers | None = None
    S: float | Numbers | None = None
    tau: float | Numbers | None = None
    eps: float | Numbers | None = None
    lr_2: float | Numbers | None = None
    width: float | Numbers | None = None
    images: float | Numbers | None = None
    algorithm_1: Text | Texts | None = None
    algorithm_2: Text | Texts | None = None
    participation_1: float | Numbers | None = None
    participation_2: float | Numbers | None = None
    batch_2: float | Numbers | None = None
    epochs_2: float | Numbers | None = None
    beta2: float | Numbers | None = None
    epsilon: float | Numbers | None = None
    candidates: float | Numbers | None = None
    sampling: Text | Texts | None = None
    shared_directions: bool | None = None

    def cells(self) -> list[dict[str, Any]]:
        """The columns and values of each cell: one per combination of the listed values."""
        chosen = self.model_dump(exclude_none=True)
        lists = [value if isinstance(value, list) else [value] for value in chosen.values()]
        found = [[_as_in_the_file(value) for value in values] for values in lists]
        return [dict(zip(chosen, values, strict=True)) for values in product(*found)]


def _as_in_the_file(value: Any) -> Any:
    """A value as metrics.csv has it: a truth value is a text there, no skew an infinite alpha."""
    if value == "infinite":
        return inf
    return str(value) if isinstance(value, bool) else value


class Paper(Settings):
    """What the paper reports for both sides, in the unit of the statistic, and where."""

    first: float | None = None
    second: float | None = None
    where: str = ""


class Claim(Settings):
    """One statement and its test."""

    about: Text = "Claims"
    text: Text
    study: Name | Studies
    dataset: Text | None = None
    measure: MeasureName = "test_accuracy"
    period: Literal["end", "phase_2"] = "end"
    statistic: Literal["mean", "spread", "minimum", "count"]
    of: Annotated[int, Field(ge=1)] | None = Field(default=None, validate_default=True)
    first: Runs
    second: Runs
    over: Runs = Runs()
    threshold: float
    paper: Paper = Paper()

    @property
    def studies(self) -> list[str]:
        """The studies whose runs it compares."""
        return self.study if isinstance(self.study, list) else [self.study]

    @property
    def across_models(self) -> bool:
        """Whether it compares networks; all other claims are about one network at a time."""
        return any(runs.model is not None for runs in (self.first, self.second, self.over))

    @field_validator("statistic")
    @classmethod
    def _of_what_is_counted(cls, statistic: str, info: ValidationInfo) -> str:
        if (statistic == "count") != (info.data.get("measure") in COUNTED):
            raise ValueError(f"count, and nothing else, is for the measures {', '.join(COUNTED)}")
        return statistic

    @field_validator("of")
    @classmethod
    def _for_the_minimum(cls, of: int | None, info: ValidationInfo) -> int | None:
        if (info.data.get("statistic") == "minimum") == (of is None):
            raise ValueError("a minimum, and nothing else, needs of, its number of seeds")
        return of

    @field_validator("second")
    @classmethod
    def _another_group(cls, second: Runs, info: ValidationInfo) -> Runs:
        if second == info.data.get("first"):
            raise ValueError("choose other runs than first")
        if any(
            runs.chance and runs != Runs(chance=True)
            for runs in (info.data.get("first"), second)
            if runs
        ):
            raise ValueError("chance stands alone")
        return second

    @field_validator("threshold")
    @classmethod
    def _of_a_ratio(cls, threshold: float, info: ValidationInfo) -> float:
        if info.data.get("statistic") in ("spread", "count") and threshold <= 0:
            raise ValueError("a ratio is above 0, use a number above 0")
        return threshold

    @field_validator("paper")
    @classmethod
    def _both_or_none(cls, paper: Paper) -> Paper:
        if (paper.first is None) != (paper.second is None) or paper.second == 0:
            raise ValueError("give first and second, both other than 0, or neither")
        return paper


class _File(Settings):
    claims: Annotated[dict[Name, Claim], Field(min_length=1)]


@dataclass(frozen=True)
class Claims:
    """All claims of a file, in its order; sha256 is of the file's bytes."""

    file: str
    sha256: str
    claims: dict[str, Claim]


def read(path: str | Path) -> Claims:
    """The claims of a file.

    Raises:
        ConfigError: one sentence that names the file, the claim and the key.
    """
    raw = read_yaml(Path(path))
    content = Path(path).read_bytes()
    # With another file below it the hash would not cover what decides.
    if "extends" in yaml.safe_load(content):
        raise ConfigError(f"{path}: extends: all claims stand in one file; copy those of the other")
    checked = check(
        _File, {"claims": raw}, lambda key: f"{path}: {key.removeprefix('claims').lstrip('.')}"
    )
    return Claims(str(path), hashlib.sha256(content).hexdigest(), checked.claims)
