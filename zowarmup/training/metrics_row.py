"""The rows of metrics.csv: the measurements of the model after a round."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from zowarmup.plan.specs import Tier
from zowarmup.training.costs import Costs

Number = int | float | bool


@dataclass(frozen=True)
class Measured:
    """Measurements of a model on test, training and held-out images.

    Losses are means over images; accuracies and recalls are shares in 0..1. Values are NaN for a
    tier that the run does not have and for a class that the test set lacks.

    Attributes:
        train_loss, train_accuracy: over all clients; _high and _low over one tier's clients.
        recall: (C,) share of each class's test images that are classified right.
    """

    test_accuracy: float
    test_loss: float
    train_loss: float
    train_loss_high: float
    train_loss_low: float
    train_accuracy: float
    train_accuracy_high: float
    train_accuracy_low: float
    heldout_loss: float
    recall: tuple[float, ...]

    def loss_of(self, tier: Tier) -> float:
        """The training loss of a tier."""
        losses = {"all": self.train_loss, "high": self.train_loss_high, "low": self.train_loss_low}
        return losses[tier]


@dataclass(frozen=True)
class MetricsRow:
    """One row of metrics.csv.

    Attributes:
        phase: the number of the phase, from 1.
        round: the number of the round, from the start of the method.
        costs: of all rounds so far.
        drift: see algorithms.rounds.Report.
        gradient_cosine, dissimilarity: see gradient_quality.
        diverged: whether training has failed at this round.
    """

    phase: int
    round: int
    measured: Measured
    costs: Costs
    drift: float
    gradient_cosine: float
    dissimilarity: float
    diverged: bool

    def columns(self) -> dict[str, Number]:
        """The row as it stands in metrics.csv."""
        measured = asdict(self.measured)
        recall = {f"recall_{c}": share for c, share in enumerate(measured.pop("recall"))}
        return {
            "phase": self.phase,
            "round": self.round,
            **measured,
            **recall,
            **asdict(self.costs),
            "drift": self.drift,
            "gradient_cosine": self.gradient_cosine,
            "dissimilarity": self.dissimilarity,
            "diverged": self.diverged,
        }

    def to_json(self) -> dict[str, Number | str]:
        """Return the columns, with numbers that JSON cannot express written as text."""
        return {k: v if math.isfinite(v) else str(v) for k, v in self.columns().items()}

    @classmethod
    def read(cls, columns: Mapping[str, str | Number]) -> "MetricsRow":
        """Read the row from a line of metrics.csv, or from the same values as JSON.

        Raises:
            KeyError, ValueError: a column is missing or holds no number.
        """
        classes = sum(name.startswith("recall_") for name in columns)
        losses = {f.name: as_number(columns[f.name]) for f in fields(Measured)[:-1]}
        recall = tuple(as_number(columns[f"recall_{c}"]) for c in range(classes))
        return cls(
            phase=int(columns["phase"]),
            round=int(columns["round"]),
            measured=Measured(**losses, recall=recall),
            costs=Costs(**{f.name: int(columns[f.name]) for f in fields(Costs)}),
            drift=as_number(columns["drift"]),
            gradient_cosine=as_number(columns["gradient_cosine"]),
            dissimilarity=as_number(columns["dissimilarity"]),
            diverged=DIVERGED[str(columns["diverged"])],
        )


DIVERGED = {"True": True, "False": False}


def as_number(text: str | Number) -> float:
    """Return a value of a CSV file as a number; an empty field is NaN."""
    return float("nan") if text == "" else float(text)
