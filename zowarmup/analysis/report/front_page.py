"""Make the front page of the report: the runs, the main comparison, and the verdicts."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import words
from zowarmup.analysis.claims import write as claims
from zowarmup.analysis.claims.decide import APART, NEGLIGIBLE, VERDICTS
from zowarmup.analysis.tables import cells, display
from zowarmup.analysis.template import render
from zowarmup.common.files import read_json

METHODS = ("zowarmup", cells.REFERENCE)
GAIN = "difference [95 %], points"
LISTED_VERDICTS = ("contradicted", "supported", NEGLIGIBLE, "no difference", "inconclusive")
LISTED = 4  # values; of a longer list only the first and the last are named
RULES = {"warmups": "warmup", "selections": "select", "runs": "train"}  # folder of results -> rule


def page(name: str, metrics: pd.DataFrame, verdicts: pd.DataFrame, jobs: Mapping[str, str]) -> str:
    """Return the HTML fragment for a config; `jobs` holds facts about its jobs."""
    final = m.final_rows(metrics)
    compared = headline(final)
    rows = compared if len(compared) else final
    runs = final.drop_duplicates(["run", "seed"])  # studies share runs
    counts = claims.counts(verdicts)
    counts.pop("all")
    facts = {
        "config": name,
        **settings(rows),
        "studies": final["study"].nunique(),
        "runs": f"{len(runs)}, {runs['diverged'].sum()} diverged",
        **jobs,
    }
    return render(
        "front_page.html",
        datasets=several(rows["dataset"]),
        facts=facts,
        comparisons=comparisons(compared),
        study=several(compared["study"]),
        labels=tuple(rows.loc[rows["method"] == name, "label"].min() for name in METHODS),
        gain=GAIN,
        summary=summary(verdicts),
        verdicts=VERDICTS,
        counts=[(about, *numbers) for about, numbers in counts.items()],
        decided={word: listed(verdicts, word) for word in LISTED_VERDICTS},
    )


def headline(final: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the study `main` or else of the first one with both METHODS, if any."""
    both = final.groupby("study", sort=False)["method"].agg(lambda names: {*METHODS} <= {*names})
    studies = ["main"] if "main" in both else both.index[both][:1]
    return final[final["study"].isin(studies)]


def settings(rows: pd.DataFrame) -> dict[str, str]:
    """Return the models, clients, splits, rounds and seeds of these runs."""
    skew = rows["alpha"].map(_skew)
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


def _skew(alpha: float) -> str:
    """Return how the classes are spread over clients; clients of the data have no alpha."""
    if math.isnan(alpha):
        return "as in the data"
    return "IID" if alpha == math.inf else f"Dirichlet {alpha:g}"


def several(values: Iterable[Any]) -> str:
    """Return the different values in their order; if there are many, the first and the last."""
    texts = list(dict.fromkeys(str(value) for value in values))
    return ", ".join(texts) if len(texts) <= LISTED else f"{texts[0]} to {texts[-1]}"


def comparisons(rows: pd.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """Return scale -> a line for each split that has both METHODS; the hardest split is first.

    A line has the split, both accuracies, their difference with its interval, and n. A split on
    which several runs of a method share a seed, as in a sweep, has no line.
    """
    result: dict[str, list[tuple[str, ...]]] = {}
    for scale, split, group in m.by_split(rows):
        both = [group[group["method"] == method] for method in METHODS]
        if all(map(len, both)) and not any(rows["seed"].duplicated().any() for rows in both):
            accuracies = display.display(pd.DataFrame(map(cells.accuracy, both)))["accuracy, %"]
            gain = cells.difference(*both)
            (shown,) = display.display(pd.DataFrame([gain]))[GAIN]
            line = (split, *accuracies, shown, str(gain["pairs"]))
            result.setdefault(", ".join(scale), []).append(line)
    return result


def summary(verdicts: pd.DataFrame) -> str:
    """Return the number of each verdict, and of the formulas and observations beside them."""
    *_, total = claims.counts(verdicts).values()
    counted = ", ".join(f"{n} {word}" for n, word in zip(total, VERDICTS, strict=True))
    given = verdicts["verdict"].value_counts()
    apart = ", ".join(f"{given.get(word, 0)} {word}" for word in APART)
    return f"{sum(total)} verdicts on claims: {counted}; counted apart: {apart}"


def listed(verdicts: pd.DataFrame, word: str) -> list[str]:
    """Return the claims with a verdict, each with its data set, its effect and the seeds needed."""
    return [
        f"{row.scale.partition(',')[0]}: {row.text} ({words.effect(row)}, n = {row.n}"
        + (f", {row.seeds_needed:.0f} needed)" if row.seeds_needed > 0 else ")")
        for row in verdicts[verdicts["verdict"] == word].itertuples()
    ]


def job_facts(root: Path, work: Iterable[str]) -> dict[str, str]:
    """Return the CPU time of all training and selection, and the commits of the code that ran.

    A job that was interrupted and resumed counts with its last attempt alone. Jobs that were too
    short, or whose benchmark file is gone, have no time. `work` has one file per job, below root.
    """
    files = [Path(file).relative_to(root) for file in work]
    files = [file for file in files if file.parts[0] in RULES]
    names = [f"{RULES[file.parts[0]]}/{'/'.join(file.parts[1:-1])}.tsv" for file in files]
    benchmarks = [file for name in names if (file := root / "benchmarks" / name).exists()]
    times = [pd.read_csv(file, sep="\t")["cpu_time"].iloc[-1] for file in benchmarks]
    seconds = pd.Series(times, dtype=float)
    records = [root / file for file in files if file.name == "run.json"]
    commits = {str(read_json(file)["commit"] or "none")[:7] for file in records}
    return {
        "CPU time": f"{seconds.sum() / 60:.0f} min ({seconds.count()} measured of "
        f"{len(files)} jobs)",
        "commit": ", ".join(sorted(commits)),
    }
