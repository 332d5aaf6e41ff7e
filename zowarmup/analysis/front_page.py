"""The front page of the report: what was run, the comparison that counts, and every verdict.

An HTML fragment: workflow/report/workflow.rst places it, workflow/report/report.css gives it its
look. It shows what metrics.csv, claims.csv and the records of the jobs hold, and nothing else.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import VERDICTS
from zowarmup.analysis.tables import cells, display

METHOD = "zowarmup"
QUESTION = (
    "Only some clients, the high-resource ones, can backpropagate. ZOWarmUp lets them warm the "
    "model up with first-order steps; then all clients train it by forward passes alone. Does that "
    "beat High Res Only, first-order training on the high-resource clients alone?"
)
LISTED = 4  # of more values than these only the first and the last are named
MINUS = "−"


def page(name: str, metrics: pd.DataFrame, verdicts: pd.DataFrame, jobs: Mapping[str, str]) -> str:
    """The fragment.

    Args:
        name: of the config.
        metrics: as metrics.read returns it.
        verdicts: the columns of claims.csv; its empty numbers are NaN, its empty texts "".
        jobs: further facts, heading -> text.
    """
    final = m.final_rows(metrics)
    rows = main_rows(final)
    facts = {"config": name, **setting(rows), **amount(final), **jobs}
    return (
        '<meta charset="utf-8">\n<section class="front">\n'
        f"<h1>ZOWarmUp on {escape(several(rows['dataset']))}</h1>\n<p>{escape(QUESTION)}</p>\n"
        f"{_facts(facts)}\n{comparison(rows)}\n{verdict_list(verdicts)}\n</section>\n"
    )


def main_rows(final: pd.DataFrame) -> pd.DataFrame:
    """The last rows of the main comparison at its first scale; without one, those of all runs."""
    main = final[final["study"] == "main"]
    return m.at_scale(main, m.scales(main)[0]) if len(main) else final


# --- what was run ---------------------------------------------------------------------------


def setting(rows: pd.DataFrame) -> dict[str, str]:
    """Where the main comparison was made."""
    skew = rows["alpha"].map(lambda a: "IID" if a == float("inf") else f"Dirichlet {a:g}")
    steps = rows[rows["directions"] > 0]
    shares = (steps["directions"] / steps["d"]).sort_values().map(lambda share: f"{share:.2g}")
    return {
        "model": f"{several(rows['model'])}, d = {several(rows['d'].map('{:,.0f}'.format))}",
        "P/d": several(shares) or display.NONE,
        "clients": f"{several(rows['clients'])}, {several(skew)}",
        "high/low, %": several(m.splits(rows)),
        "rounds": several(rows["rounds"]),
        "seeds": str(rows["seed"].nunique()),
    }


def amount(final: pd.DataFrame) -> dict[str, str]:
    """How much was run in all studies; a run that several studies share counts once."""
    once = final.drop_duplicates(["run", "seed"])
    studies = final["study"].nunique()
    text = f"{len(once)} in {studies} " + ("studies" if studies > 1 else "study")
    diverged = int(once["diverged"].sum())
    return {"runs": text + (f", {diverged} diverged" if diverged else "")}


def several(values: Iterable[Any]) -> str:
    """The different values in their order; of many the first and the last."""
    texts = list(dict.fromkeys(str(value) for value in values))
    return ", ".join(texts) if len(texts) <= LISTED else f"{texts[0]} to {texts[-1]}"


def _facts(facts: Mapping[str, str]) -> str:
    pairs = (f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
    return f"<dl>{''.join(pairs)}</dl>"


# --- the comparison -------------------------------------------------------------------------


def comparison(rows: pd.DataFrame) -> str:
    """ZOWarmUp against High Res Only on every split; the hardest split also in words."""
    found = [(split, *_both(rows[rows["split"] == split])) for split in m.splits(rows)]
    found = [(split, first, second) for split, first, second in found if len(first) and len(second)]
    if not found:
        return ""
    lines = [_compared(*each) for each in found]
    labels = [escape(found[0][i].iloc[0]["label"]) for i in (1, 2)]
    head = ("high/low, %", *labels, "difference, points [95 %]", "n")
    split, ours, theirs, difference, _ = lines[0]
    return (
        f'<p class="headline">At {split} {labels[0]} reaches <b>{ours} %</b>, {labels[1]} '
        f"<b>{theirs} %</b>: <b>{difference}</b> points.</p>\n"
        f"{_table(head, lines)}\n"
        '<p class="note">Final test accuracy in %, mean ± standard deviation over n seeds; '
        "difference paired by seed with its t interval.</p>"
    )


def _both(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows[rows["method"] == METHOD], rows[rows["method"] == cells.REFERENCE]


def _compared(split: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[str, ...]:
    """Split, both accuracies, their difference with its interval, and n, as texts."""
    accuracies = [cells.accuracy(cell) for cell in (ours, theirs)]
    gain = cells.difference(ours, theirs)
    ends = [display.signed_percent(gain[f"difference{end}"]) for end in ("", "_low", "_high")]
    interval = "" if pd.isna(gain["difference_low"]) else f" [{ends[1]}, {ends[2]}]"
    means = [
        display.percent(one["accuracy_mean"])
        + ("" if pd.isna(one["accuracy_std"]) else f" ± {display.percent(one['accuracy_std'])}")
        for one in accuracies
    ]
    return split, *means, ends[0] + interval, str(gain["pairs"])


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    first = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines
    )
    return f'<table class="compared"><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>'


# --- the verdicts ---------------------------------------------------------------------------


def verdict_list(verdicts: pd.DataFrame) -> str:
    """How many claims came out how, and one line for each that was tested."""
    counts = verdicts["verdict"].value_counts()
    summary = ", ".join(f"{counts.get(word, 0)} {word}" for word in VERDICTS)
    tested = verdicts[verdicts["verdict"] != "not run"]
    ordered = tested.sort_values("verdict", key=lambda v: v.map(VERDICTS.index), kind="stable")
    scales = tested["scale"].nunique() > 1
    lines = "".join(_line(row, scales) for row in ordered.itertuples())
    return (
        f'<h2>{len(verdicts)} claims of the paper: <span class="counts">{summary}</span></h2>\n'
        f'<table class="verdicts"><tbody>{lines}</tbody></table>\n'
        '<p class="note">Effect with an interval; those of all claims together hold with 95 %. '
        "A verdict holds for this model and data set alone.</p>"
    )


def _line(row: Any, scales: bool) -> str:
    where = f" ({row.scale})" if scales else ""
    badge = f'<span class="verdict {escape(row.verdict)}">{escape(row.verdict)}</span>'
    cell = f"<td>{escape(row.text + where)}</td><td>{escape(effect(row))}</td>"
    return f"<tr><td>{badge}</td>{cell}<td>n = {row.n}</td></tr>"


def effect(row: Any) -> str:
    """An effect and its interval with their unit; differences always have a sign."""
    form = ".2f" if row.unit == "ratio" else "+.1f"
    middle, low, high = (f"{x:{form}}".replace("-", MINUS) for x in (row.effect, row.low, row.high))
    interval = "" if pd.isna(row.low) else f" [{low}, {high}]"
    return f"ratio {middle}{interval}" if row.unit == "ratio" else f"{middle} points{interval}"
