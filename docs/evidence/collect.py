"""Copy what the documentation quotes out of results/, and write it into the pages: `make evidence`.

With --check nothing is copied or written; exits 1 if a page says other numbers than the files.
"""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS, HERE = ROOT / "results", Path(__file__).parent / "digits"
PAGES = (ROOT / "README.md", ROOT / "docs" / "method.md")
FILES = [
    *(f"digits/tables/{name}.csv" for name in ("main", "pivot", "distribution")),
    "digits/claims.csv",
    "digits/figures/training_curves.png",
    "bench.json",
]
FACTS = ("commit", "hardware", "versions")
METHODS = ("high_res_only", "zowarmup", "zowarmup_high_only", "fedavg_all")


def copy() -> None:
    """Take the files over; fails, naming it, if one has not been made."""
    HERE.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copyfile(RESULTS / file, HERE / Path(file).name)
    record = json.loads((RESULTS / "digits/runs/zowarmup-10-90/0/run.json").read_text())
    about = {fact: record[fact] for fact in FACTS}
    (HERE / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def rows(name: str) -> list[dict[str, str]]:
    """The lines of one of the files."""
    with (HERE / name).open(newline="") as file:
        return list(csv.DictReader(file))


def results() -> str:
    """Final accuracy by split and method, mean and standard deviation."""
    cells = {(row["split"], row["method"]): row for row in rows("main.csv")}
    labels = [next(r["label"] for r in rows("main.csv") if r["method"] == m) for m in METHODS]
    lines = [f"| high / low-resource clients, % | {' | '.join(labels)} |", "|---" * 5 + "|"]
    for split in dict.fromkeys(split for split, _ in cells):
        lines.append(f"| {split} | {' | '.join(_accuracy(cells[split, m]) for m in METHODS)} |")
    return "\n".join(lines)


def _accuracy(row: dict[str, str]) -> str:
    return f"{100 * float(row['accuracy_mean']):.1f} ± {100 * float(row['accuracy_std']):.1f}"


def verdicts() -> str:
    """How the claims came out."""
    words = [row["verdict"] for row in rows("claims.csv")]
    counted = {word: words.count(word) for word in ("supported", "contradicted", "inconclusive")}
    return ", ".join(f"{count} {word}" for word, count in counted.items())


def skew() -> str:
    """What the data of low-resource clients is worth where they hold most of it, and the least."""
    found = {(row["split"], row["method"]): row for row in rows("main.csv")}

    def percent(split: str, method: str, column: str = "accuracy_mean") -> str:
        return f"{100 * float(found[split, method][column]):.1f}"

    few, many = "10/90", "90/10"
    lacked = f"{float(found[few, 'zowarmup']['missing_classes']):.1f}"
    recall = [percent(few, method, "missing_recall") for method in METHODS[:3]]
    at_few, at_many = (", ".join(percent(x, m) for m in METHODS[:3]) for x in (few, many))
    n = found[few, "zowarmup"]["n"]
    return f"""
On digits at {few} the high-resource clients lack {lacked} of 10 classes on average. On those, High
Res Only ends with a recall of {recall[0]} %, ZOWarmUp with {recall[1]} %, and its control, which
takes the same steps on the high-resource clients' data, with {recall[2]} %; their accuracies are
{at_few} %. At {many} no class is lacking, and the accuracies are {at_many} %.
(n = {n} seeds; spreads in docs/evidence/digits/main.csv.)
""".strip()


def bench() -> str:
    """The timings of the engines."""
    measured = json.loads((HERE / "bench.json").read_text())
    lines = ["| round | plain, ms | batched, ms | ratio | goal |", "|---|---|---|---|---|"]
    for name in ("W1", "W2", "W2b"):
        row = measured[name]
        times = f"{row['plain_ms']:.2f} | {row['ours_ms']:.2f}"
        lines.append(f"| {row['what']} | {times} | {row['ratio']:.3f} | {row['goal']} |")
    return "\n".join(lines)


def render(text: str) -> str:
    """A page with its quoted blocks made from the files."""
    blocks = {"results": results(), "verdicts": verdicts(), "skew": skew(), "bench": bench()}
    for name, block in blocks.items():
        body = f"\n{block}\n" if "\n" in block else block
        mark = f"<!-- {name} -->"
        text = re.sub(f"(?s){mark}.*?{mark}", f"{mark}{body}{mark}", text)
    return text


def main() -> int:
    """Copy and write, or check."""
    if "--check" in sys.argv:
        return int(any(page.read_text() != render(page.read_text()) for page in PAGES))
    copy()
    for page in PAGES:
        page.write_text(render(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
