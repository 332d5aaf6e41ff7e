"""Judge every claim by a test of its effect.

A file fixes the claims and their tests beforehand (see schema.py). A claim whose runs do not exist
is "not run"; "inconclusive" is one that its test does not decide.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from zowarmup.analysis.claims import decide, estimate, notes, repeat
from zowarmup.analysis.claims.sample import Sample, samples
from zowarmup.analysis.claims.schema import MEASURES, RATIOS, Claim, Claims

STATISTICS = {
    "mean": "difference of means, paired t test",
    "spread": "ratio of standard deviations, Pitman-Morgan test",
    "minimum": "difference of the expected worst of {of} seeds, jackknife t test",
    "count": "ratio of counts, smallest and largest over the seeds",
}
HEADINGS = {"formula": "Bytes, by formula", "observation": "Observations of ours"}
COLUMNS = (
    "claim", "verdict", "effect", "low", "high", "n", "seeds_needed", "p_adjusted",
    "p_equal_adjusted", "distance", "distance_repeat", "kind", "family", "about", "text", "scale",
    "measure", "statistic", "threshold", "margin_low", "margin_high", "seeds_least", "unit", "cut",
    "p_value", "p_equal", "diverged", "effect_without_diverged", "p_over_d", "paper",
    "paper_effect", "note", "claims_sha256",
)  # fmt: skip
Case = tuple[str, Claim, Sample]  # name of the claim, claim, the numbers that it compares


def judge(metrics: pd.DataFrame, claims: Claims, again: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row per claim (in the file's order) and per scale, a data set and network with runs.

    Effects, intervals and thresholds are in the row's `unit`; `points` are percentage points. Each
    interval is one of 95 % on its own and cut at the smallest and largest possible effect (`cut`).
    `p_value` is two-sided and tests the threshold, `p_equal` tests that the effect is within the
    margin. Adjusted by Holm they make the verdict; `distance` is 0.05 minus the p that does.
    Diverged runs count with their last number.

    Args:
        again: metrics of the same runs, made once more under other CPU kernels.

    Raises:
        ConfigError: a claim's columns choose two runs of one seed where they should choose one.
        MetricsError: a run and its repeat differ in a setting.
    """
    table = _judged(metrics, claims).assign(distance_repeat=float("nan"))
    if again is not None:
        table = repeat.confirmed(table, _judged(repeat.replaced(metrics, again), claims))
    return table.assign(seeds_needed=decide.seeds_needed(table))[[*COLUMNS]]


def _judged(metrics: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return the rows with their verdicts, without a repeat."""
    cases: list[Case] = [
        (name, claim, sample)
        for name, claim in claims.claims.items()
        for sample in samples(metrics, claim, f"{claims.file}: {name}")
    ]
    rows = [_row(*case, claims, twin) for case, twin in zip(cases, _twins(cases), strict=True)]
    return decide.decide(pd.DataFrame(rows)).assign(claims_sha256=claims.sha256)


def _row(name: str, claim: Claim, sample: Sample, claims: Claims, twin: str) -> dict[str, Any]:
    """Return one row of claims.csv but for its verdict."""
    whole = estimate.estimate(claim, sample, claim.threshold)
    equal = estimate.equal(claim, sample, claims.margins)
    least, most = estimate.limits(claim)
    rest, rows = sample.without_diverged(), sample.rows
    without = estimate.estimate(claim, rest, claim.threshold)
    paper_effect, paper = _paper(claim)
    period = "at the end" if claim.period == "end" else "over phase 2"
    remarks = [*sample.notes, *notes.notes(claim, whole, rows, without), twin]
    return {
        "claim": name,
        "kind": claim.kind,
        "family": claim.family or "",
        "about": HEADINGS.get(claim.kind) or claims.families[claim.family or ""],
        "text": claim.text,
        "effect": whole.effect,
        "low": max(whole.low, least),
        "high": min(whole.high, most),
        "cut": whole.low < least or whole.high > most,
        "n": whole.n,
        "seeds_least": claim.seeds,
        "p_value": whole.p,
        "p_equal": equal.p,
        "margin_low": equal.low,
        "margin_high": equal.high,
        "threshold": claim.threshold,
        "unit": claim.unit,
        "scale": sample.scale,
        "measure": f"{MEASURES[claim.measure].words} {period}",
        "statistic": STATISTICS[claim.statistic].format(of=claim.of),
        "lost": 2 if claim.statistic == "spread" else 1,  # n minus the test's degrees of freedom
        "diverged": int(rows["diverged"].sum()),
        "effect_without_diverged": without.effect,
        # Directions of a round / parameters; runs without zeroth-order steps have no directions.
        "p_over_d": float((rows["directions"] / rows["d"]).max()),
        "paper": paper,
        "paper_effect": paper_effect,
        "repeated": bool("repeated" in rows and rows["repeated"].any()),
        "note": "; ".join(filter(None, remarks)),
    }


def _twins(cases: list[Case]) -> Iterator[str]:
    """Yield a note for each case that compares the same numbers as an earlier case, else "".

    Two variants can be the same run, for example if a selection picks the learning rate that the
    other variant was given. Their verdicts are then one piece of evidence, not two.
    """
    seen: dict[tuple[object, ...], str] = {}
    for name, claim, sample in cases:
        sides = [tuple(side.items()) for side in (sample.first, sample.second)]
        test = (claim.statistic, claim.of, claim.measure, claim.period, claim.threshold)
        first = seen.setdefault((*test, sample.scale, *sides), name) if len(sample.first) else name
        yield "" if first == name else f"the same numbers as {first}, no further evidence"


def _paper(claim: Claim) -> tuple[float | None, str]:
    """Return the effect in the paper as number and text; None and "" if the paper has no number."""
    first, second, where = claim.paper.first, claim.paper.second, claim.paper.where
    if first is None or second is None:
        return None, ""
    ratio = claim.statistic in RATIOS
    # In floating point 54.3 - 44.3 is not 10.
    effect = first / second if ratio else round(first - second, 9)
    words = f"ratio {effect:.2f}" if ratio else f"{effect:+.1f} points"
    return effect, f"{words} ({first:g} against {second:g}{where and f'; {where}'})"
