"""Claims and metrics with numbers that fit on a line, for the tests of verdicts."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from zowarmup.analysis.claims import judge, repeat, schema
from zowarmup.analysis.claims.schema import Claim
from zowarmup.analysis.metrics import PROBED, RULE

BETTER, WORSE, FORTY = [48, 49, 50, 51, 52], [28, 29, 30, 31, 32], [40] * 5
PLAIN: dict[str, Any] = {
    "text": "ours is better",
    "kind": "difference",
    "family": "main",
    "study": "main",
    "statistic": "mean",
    "first": {"method": "ours"},
    "second": {"method": "theirs"},
    "threshold": 0,
}


def run(method: str, accuracies: Sequence[float], **columns: Any) -> pd.DataFrame:
    """Two evaluated rounds of one run per seed; accuracies in per cent are of the last."""
    base: dict[str, Any] = dict.fromkeys(repeat.SETTINGS, float("nan"))
    base |= {RULE: "", PROBED: float("nan")}
    base |= {
        "study": "main", "dataset": "made-up", "model": "mlp", "split": "10/90", "run": method,
        "variant": "", "method": method, "rounds": 10, "pivot": float("nan"), "directions": 30,
        "d": 1200, "diverged": False, "classes": 2,
        "estimator": "two_point",
    }  # fmt: skip
    rows = [
        {**base, "seed": seed, "round": round_, "test_accuracy": value / 100, **columns}
        for seed, last in enumerate(accuracies)
        for round_, value in ((0, 99.0), (columns.get("round", 10), last))
    ]
    return pd.DataFrame(rows).drop_duplicates(["seed", "round"], keep="last")


def claim(**changes: Any) -> Claim:
    return Claim.model_validate(PLAIN | changes)


def judged(metrics: Sequence[pd.DataFrame], **named: Claim) -> pd.DataFrame:
    margins = schema.Margins(points=2, ratio=1.5)
    families = {"main": "First", "second": "Second"}
    listed = schema.Claims("claims.yaml", "0" * 64, families, margins, named)
    return judge.judge(pd.concat(metrics, ignore_index=True), listed).set_index("claim")


def one(metrics: Sequence[pd.DataFrame], **changes: Any) -> Any:
    return judged(metrics, it=claim(**changes)).loc["it"]
