"""The front page of the report: what was run, the comparison that counts, and every verdict.

An HTML fragment that workflow/report/workflow.rst places. It shows what metrics.csv, claims.csv and
the records of the jobs hold, and nothing else.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims.judge import VERDICTS
from zowarmup.analysis.tables import cells, display

METHOD = "zowarmup"
QUESTION = (
    "Only some clients, the high-resource ones, can backpropagate. ZOWarmUp lets them warm the "
    "model up with first-order steps; then all clients train it by forward passes alone. Does that "
    "beat High Res Only, first-order training on the high-resource clients alone?"
)
NOTE = (
    "A verdict holds for this data set and these networks alone. Verdicts in the menu has every "
    "claim with its effect, interval and note, and what looks wrong in the runs."
)
NOTE_OF_TABLES = (
    '<p class="note">Final test accuracy in %, mean ± standard deviation over n seeds; '
    "difference paired by seed with its t interval, not corrected.</p>"
)
LISTED = 4  # of more values than these only the first and the last are named
MINUS = "−"
STYLE = """
.max-w-lg:has(.front) { max-width: none; }
.front { max-width: 74rem; font-size: 13px; line-height: 1.35; }
.front > p { margin: .2rem 0; }
.front .columns { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start; }
.front h1 { font-size: 22px; margin: 0 0 .3rem; font-weight: 700; }
.front h2 { font-size: 15px; margin: .6rem 0 .2rem; font-weight: 700; }
.front .counts { font-weight: 400; }
.front dl { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: .5rem 0; }
.front dt { color: #666; font-size: 12px; }
.front dd { margin: 0; }
.front .headline { font-size: 15px; margin: .6rem 0 .3rem; }
.front .headline b { font-weight: 700; }
.front table { border-collapse: collapse; margin: 0; font-variant-numeric: tabular-nums; }
.front th, .front td { text-align: left; padding: .05rem 1.2rem .05rem 0; font-size: 12.5px; }
.front th { border-bottom: 1px solid #333; font-weight: 600; }
.front .note { color: #666; font-size: 12px; margin: .3rem 0; }
.front .decided { display: flex; gap: .8rem; margin-top: .4rem; }
.front ul { margin: 0; padding-left: 1rem; list-style: disc; }
.front li { margin: 0; }
.front .verdict { flex: 0 0 6rem; font-weight: 600; }
.front .supported { color: #1b6b3a; }
.front .contradicted { color: #a32020; }
"""


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
        f'<meta charset="utf-8">\n<section class="front">\n<style>{STYLE}</style>\n'
        f"<h1>ZOWarmUp on {escape(several(rows['dataset']))}</h1>\n<p>{escape(QUESTION)}</p>\n"
        f'{_facts(facts)}\n<div class="columns">\n<div>{comparison(rows)}</div>\n'
        f"<div>{verdict_counts(verdicts)}</div>\n</div>\n"
        f"{decided(verdicts, 'contradicted')}{decided(verdicts, 'supported')}"
        f'<p class="note">{NOTE}</p>\n</section>\n'
    )


def main_rows(final: pd.DataFrame) -> pd.DataFrame:
    """The last rows of the main comparison; without one, those of all runs."""
    main = final[final["study"] == "main"]
    return main if len(main) else final


# --- what was run ---------------------------------------------------------------------------


def setting(rows: pd.DataFrame) -> dict[str, str]:
    """Where the main comparison was made."""
    skew = rows["alpha"].map(lambda a: "IID" if a == float("inf") else f"Dirichlet {a:g}")
    steps = rows[(rows["method"] == METHOD) & (rows["directions"] > 0)]
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
    """ZOWarmUp against High Res Only, of one data set and network after the other."""
    scales = m.scales(rows)
    texts = [
        _at_scale(m.at_scale(rows, scale), f"{', '.join(scale)}: at" if len(scales) > 1 else "At")
        for scale in scales
    ]
    return "".join(texts) + (NOTE_OF_TABLES if any(texts) else "")


def _at_scale(rows: pd.DataFrame, at: str) -> str:
    """Every split; the hardest one also in words."""
    pairs = {split: _both(rows[rows["split"] == split]) for split in m.splits(rows)}
    pairs = {split: pair for split, pair in pairs.items() if len(pair[0]) and len(pair[1])}
    if not pairs:
        return ""
    lines = [_compared(split, *pair) for split, pair in pairs.items()]
    labels = [escape(side.iloc[0]["label"]) for side in next(iter(pairs.values()))]
    head = ("high/low, %", *labels, "difference, points [95 %]", "n")
    split, ours, theirs, difference, _ = lines[0]
    return (
        f'<p class="headline">{escape(at)} {split} {labels[0]} reaches <b>{ours} %</b>, '
        f"{labels[1]} <b>{theirs} %</b>: <b>{difference}</b> points.</p>\n"
        f"{_table(head, lines)}\n"
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


def verdict_counts(verdicts: pd.DataFrame) -> str:
    """How many claims under each heading came out how."""
    total = verdicts["verdict"].value_counts()
    summary = ", ".join(f"{total.get(word, 0)} {word}" for word in VERDICTS)
    counts = pd.crosstab(verdicts["about"], verdicts["verdict"]).reindex(columns=[*VERDICTS])
    counts = counts.reindex(verdicts["about"].unique()).fillna(0).astype(int)
    lines = [
        (about, *map(str, row)) for about, row in zip(counts.index, counts.values, strict=True)
    ]
    return (
        f"<h2>{len(verdicts)} verdicts on claims of the paper: "
        f'<span class="counts">{summary}</span></h2>\n'
        f"{_table(('statements about', *VERDICTS), lines)}\n"
    )


def decided(verdicts: pd.DataFrame, word: str) -> str:
    """The claims with one verdict, as a list."""
    rows = verdicts[verdicts["verdict"] == word]
    several = verdicts.loc[verdicts["n"] > 0, "scale"].map(_dataset).nunique() > 1
    items = "".join(
        f"<li>{escape(_where(row) * several + row.text)} {escape(effect(row))}</li>"
        for row in rows.itertuples()
    )
    badge = f'<span class="verdict {word}">{word}</span>'
    return f'<div class="decided">{badge}<ul>{items}</ul></div>\n' if len(rows) else ""


def _dataset(scale: str) -> str:
    """The data set of "cifar10, resnet18, d = 11,173,962"."""
    return scale.partition(",")[0]


def _where(row: Any) -> str:
    return f"{_dataset(row.scale)}: "


def effect(row: Any) -> str:
    """An effect and its interval with their unit; differences always have a sign."""
    form = ".3g" if row.unit == "ratio" else "+.1f" if row.unit == "points" else "+.3g"
    middle, low, high = (f"{x:{form}}".replace("-", MINUS) for x in (row.effect, row.low, row.high))
    interval = "" if pd.isna(row.low) else f" [{low}, {high}]"
    return f"({middle}{interval} {row.unit}, n = {row.n})"
