"""The front page of the report: the runs, the comparison that counts, and every verdict.

It shows the contents of metrics.csv, claims.csv and the records of the jobs, and nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import write as claims
from zowarmup.analysis.claims.judge import VERDICTS
from zowarmup.analysis.tables import cells, display
from zowarmup.analysis.template import render

METHODS = ("zowarmup", cells.REFERENCE)
GAIN = "difference [95 %], points"
LISTED = 4  # of more values only the first and the last are named


def page(name: str, metrics: pd.DataFrame, verdicts: pd.DataFrame, jobs: Mapping[str, str]) -> str:
    """The HTML fragment.

    Args:
        name: of the config.
        metrics: as metrics.read returns it.
        verdicts: the columns of claims.csv; its empty numbers are NaN, its empty texts "".
        jobs: further facts, heading -> text.
    """
    final = m.final_rows(metrics)
    rows = main_rows(final)
    counts = claims.counts(verdicts)
    total = counts.pop("all")
    return render(
        "front_page.html",
        datasets=several(rows["dataset"]),
        facts={"config": name, **setting(rows), **amount(final), **jobs},
        comparisons=comparisons(rows),
        labels=tuple(rows.loc[rows["method"] == name, "label"].min() for name in METHODS),
        gain=GAIN,
        number=len(verdicts),
        summary=", ".join(f"{n} {word}" for n, word in zip(total, VERDICTS, strict=True)),
        verdicts=VERDICTS,
        counts=[(about, *numbers) for about, numbers in counts.items()],
        decided={word: decided(verdicts, word) for word in ("contradicted", "supported")},
    )


def main_rows(final: pd.DataFrame) -> pd.DataFrame:
    """The last rows of the main comparison; without one, those of all runs."""
    main = final[final["study"] == "main"]
    return main if len(main) else final


def setting(rows: pd.DataFrame) -> dict[str, str]:
    """The models, clients, splits, rounds and seeds of the main comparison."""
    skew = rows["alpha"].map(lambda a: "IID" if a == float("inf") else f"Dirichlet {a:g}")
    steps = rows[(rows["method"] == METHODS[0]) & (rows["directions"] > 0)]
    shares = (steps["directions"] / steps["d"]).sort_values().map("{:.2g}".format)
    return {
        "model": f"{several(rows['model'])}, d = {several(rows['d'].map('{:,.0f}'.format))}",
        "P/d": several(shares) or display.NONE,
        "clients": f"{several(rows['clients'])}, {several(skew)}",
        "high/low, %": several(m.splits(rows)),
        "rounds": several(rows["rounds"]),
        "seeds": str(rows["seed"].nunique()),
    }


def amount(final: pd.DataFrame) -> dict[str, str]:
    """The number of runs in all studies; a run that several studies share counts once."""
    once = final.drop_duplicates(["run", "seed"])
    studies, diverged = final["study"].nunique(), int(once["diverged"].sum())
    text = f"{len(once)} in {studies} " + ("studies" if studies > 1 else "study")
    return {"runs": text + (f", {diverged} diverged" if diverged else "")}


def several(values: Iterable[Any]) -> str:
    """The different values in their order; of many the first and the last."""
    texts = list(dict.fromkeys(str(value) for value in values))
    return ", ".join(texts) if len(texts) <= LISTED else f"{texts[0]} to {texts[-1]}"


def comparisons(rows: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """Scale -> a line for each split, the hardest first, that has both ZOWarmUp and High Res Only.

    A line has the split, both accuracies, their difference with its interval, and n.
    """
    result: dict[str, list[tuple[str, ...]]] = {}
    for scale, split, group in m.by_split(rows):
        both = [group[group["method"] == method] for method in METHODS]
        if all(map(len, both)):
            accuracies = display.display(pd.DataFrame(map(cells.accuracy, both)))["accuracy, %"]
            gain = cells.difference(*both)
            (shown,) = display.display(pd.DataFrame([gain]))[GAIN]
            line = (split, *accuracies, shown, str(gain["pairs"]))
            result.setdefault(", ".join(scale), []).append(line)
    return result


def decided(verdicts: pd.DataFrame, word: str) -> list[str]:
    """The claims with one verdict and their effects, with the data set if there are several."""
    datasets = verdicts["scale"].str.partition(",")[0]  # of "cifar10, resnet18, d = 11,173,962"
    several = datasets[verdicts["n"] > 0].nunique() > 1
    rows = verdicts.assign(dataset=datasets + ": " if several else "")
    return [
        f"{row.dataset}{row.text} ({claims.effect(row)}, n = {row.n})"
        for row in rows[rows["verdict"] == word].itertuples()
    ]
