"""A file of trials that were made before: their choices are computed again from its rows.

So a config need not tune where a longer one has tuned the same methods, and no rate is copied by
hand. A row is of one candidate and tuning seed; `decides` is the digest of the settings of its
selection, so that rows of other settings are never used.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from io import StringIO
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import atomic_write_text, read_rows
from zowarmup.plan.tuning_rule import Trial, choose

COLUMNS = ("selection", "decides", "chance", "rates", "seed", "accuracy", "late", "loss")


class EarlierTrials:
    """The choices by the digest of what decides a selection; none without a file.

    Raises:
        UserError: the file is missing, damaged or no table of trials.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.trials: dict[str, tuple[float, list[Trial]]] = {}  # after the accuracy of guessing
        if path is not None:
            with reading(path):
                rows = read_rows(path)
                for row in rows:
                    first = float(row["chance"]), list[Trial]()
                    self.trials.setdefault(row["decides"], first)[1].append(_trial(row))
        self.choices = {key: choose(own, chance) for key, (chance, own) in self.trials.items()}

    def rates(self, decides: str) -> Mapping[str, float] | None:
        """The rates of a selection by axis; None if the file has no trials of it."""
        return self.choices[decides].rates if decides in self.choices else None


def _trial(row: Mapping[str, str]) -> Trial:
    numbers = {key: float(row[key]) if row[key] else None for key in ("accuracy", "late", "loss")}
    return Trial(json.loads(row["rates"]), int(row["seed"]), **numbers)


def write(path: Path | str, trials: Iterable[tuple[str, str, float, Trial]]) -> None:
    """Write the rows of trials, each after selection, digest and chance; all or nothing."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for selection, decides, chance, trial in trials:
        own = {key: "" if v is None else v for key, v in asdict(trial).items()}
        own["rates"] = json.dumps(trial.rates)
        writer.writerow({"selection": selection, "decides": decides, "chance": chance} | own)
    atomic_write_text(path, text.getvalue())
