"""A file of trials that were made before: their choices are computed again from its rows.

So a config need not tune where a longer one has tuned the same methods, and no rate is copied by
hand. A row is of one candidate and tuning seed; `decides` is the digest of the settings of its
selection, so that rows of other settings are never used.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_text, read_rows
from zowarmup.plan.tuning_rule import Choice, Trial, Tried, widened

COLUMNS = ("selection", "decides", "chance", "rates", "seed", "accuracy", "late", "loss")
AGAIN = "copy trials.csv again from the results that made it, or remove `selection.trials`"
Row = tuple[str, str, float, Trial]  # selection, digest of what decides it, chance, trial


class EarlierTrials:
    """The choices by the digest of what decides a selection; none without a file.

    Raises:
        UserError: the file is missing, damaged or no table of trials.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = path
        self.trials: dict[str, tuple[float, list[Trial]]] = {}  # after the accuracy of guessing
        for _, decides, chance, trial in self._rows():
            self.trials.setdefault(decides, (chance, []))[1].append(trial)
        self.choices: dict[str, Choice] = {}  # by the same digest, of the selections checked so far

    def _rows(self) -> list[Row]:
        try:
            return [] if self.path is None else read(self.path)
        except UserError as error:  # whose fix is one for results; this file is the user's own
            raise UserError(f"{self.path}: is not a whole file of trials; {AGAIN}") from error

    def rates(self, decides: str) -> Mapping[str, float] | None:
        """The rates of a selection by axis, after `check`; None if the file has no trials of it."""
        return self.choices[decides].rates if decides in self.choices else None

    def check(
        self, decides: str, name: str, axes: Mapping[str, Sequence[float]], seeds: Sequence[int]
    ) -> None:
        """Choose by the trials of the file, which has every trial of a selection, or none.

        Raises:
            UserError: names the first trial that is missing.
        """
        if decides not in self.trials:
            return
        chance, trials = self.trials[decides]
        by_key = {(trial.candidate, trial.seed): trial for trial in trials}

        def look_up(candidates: list[dict[str, float]]) -> Tried:
            wanted = [(rates, seed) for seed in seeds for rates in candidates]
            keys = [(Trial(rates, seed).candidate, seed) for rates, seed in wanted]
            for (rates, seed), key in zip(wanted, keys, strict=True):
                if key not in by_key:
                    raise UserError(
                        f"{self.path}: {name}: the trial of {rates} on seed {seed} is missing; "
                        f"{AGAIN}"
                    )
            return [by_key[key] for key in keys], chance

        _, self.choices[decides], _ = widened(axes, look_up)


def read(path: Path | str) -> list[Row]:
    """The rows of a file of trials.

    Raises:
        UserError: the file is missing, damaged or no table of trials.
    """
    with reading(path):
        return [
            (row["selection"], row["decides"], float(row["chance"]), _trial(row))
            for row in read_rows(path)
        ]


def _trial(row: Mapping[str, str]) -> Trial:
    numbers = {key: float(row[key]) if row[key] else None for key in ("accuracy", "late", "loss")}
    return Trial(json.loads(row["rates"]), int(row["seed"]), **numbers)


def write(path: Path | str, rows: Iterable[Row]) -> None:
    """Write the rows of trials, all or nothing."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for selection, decides, chance, trial in rows:
        own = {key: "" if v is None else v for key, v in asdict(trial).items()}
        own["rates"] = json.dumps(trial.rates)
        writer.writerow({"selection": selection, "decides": decides, "chance": chance} | own)
    atomic_write_text(path, text.getvalue())


def by_selection(rows: Iterable[Row]) -> dict[str, tuple[float, list[Trial]]]:
    """The accuracy of guessing and the trials of each selection, in the order of their names."""
    selections: dict[str, tuple[float, list[Trial]]] = {}
    for name, _, chance, trial in sorted(rows, key=lambda row: row[0]):
        selections.setdefault(name, (chance, []))[1].append(trial)
    return selections
