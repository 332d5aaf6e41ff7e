"""Copies the results that the documentation quotes into docs/evidence/ and into the pages.

`make evidence` calls it. With --check it changes no file and exits 1 if a page has other numbers
than the files.
"""

import csv
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import real_images

ROOT = Path(__file__).parents[2]
RESULTS, EVIDENCE = ROOT / "results", ROOT / "docs" / "evidence"
PAGES = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{page}.md"
        for page in ("method", "results", "every-study", "reproduction", "performance")
    ),
)
TABLES = (
    *("main", "pivot", "distribution", "depth", "variance", "learning_rates", "server"),
    *("server_sweep", "steps", "sweeps", "participation", "costs", "memory", "gradient_quality"),
)
FIGURES = ("steps", "sensitivity", "depth", "gradient_quality", "server", "clients")
REAL = ("metrics.csv", "tables/main.csv", "tables/main.md", "claims.csv")
RUN = "runs/zowarmup-*/{seed}/run.json"  # whose machine and versions stand for all runs
DEFAULT = ("main", "pivot", "distribution", "depth", "learning_rates", "costs")
NETWORKS = "studies/architecture"
SHOWN = ("training_curves", "depth", "learning_rates")
FILES = {
    "digits": (
        *(f"tables/{name}.{form}" for name in DEFAULT for form in ("csv", "md")),
        *("claims.csv", "claims.md"),
        *(f"figures/{name}.png" for name in SHOWN),
    ),
    "digits-full": (
        *(f"tables/{name}.{form}" for name in TABLES for form in ("csv", "md")),
        *("claims.csv", "claims.md", "signatures.md"),
        *(f"figures/{name}.png" for name in FIGURES),
    ),
    "digits-resnet-vit": (
        *(f"{NETWORKS}/tables/architecture.{form}" for form in ("csv", "md")),
        *("claims.csv", "claims.md", f"{NETWORKS}/figures/architecture.png"),
    ),
    "cifar10-cpu": (
        *REAL,
        "tables/gradient_quality.csv",
        *(f"figures/{name}.png" for name in ("training_curves", "estimator", "recall")),
    ),
}
FACTS = ("commit", "hardware", "versions")
PLUS = "zowarmup_plus"  # ours, in bold
OURS = "Beyond the paper"  # how the headings of families begin that are not the paper's
METHODS = (
    *("high_res_only", "zowarmup", "zowarmup_high_only", PLUS, "heterofl"),
    *("fedkseed_warm", "fedkseed", "zo_init", "fedavg_all"),
)


def copy(config: str) -> None:
    """Copy the files of a config; a missing file is an error that names it."""
    (EVIDENCE / config).mkdir(exist_ok=True)
    for file in FILES[config]:
        shutil.copyfile(RESULTS / config / file, EVIDENCE / config / Path(file).name)
    if config in real_images.PAPER:
        shutil.copyfile(first_run(config), EVIDENCE / config / "run.json")
    record = json.loads(first_run(config).read_text(encoding="utf-8"))
    about = {fact: record[fact] for fact in FACTS}
    text = json.dumps(about, indent=1, sort_keys=True) + "\n"
    (EVIDENCE / config / "about.json").write_text(text, encoding="utf-8")


def first_run(config: str) -> Path:
    """Return run.json of one run of ZOWarmUp."""
    return min((RESULTS / config).glob(RUN.format(seed="*")))


def read(page: Path) -> str:
    """Return a page of the documentation."""
    return page.read_text(encoding="utf-8")


def rows(name: str, config: str = "digits") -> list[dict[str, str]]:
    """Return the rows of a CSV file of the evidence."""
    with (EVIDENCE / config / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def results() -> str:
    """Return the table of final accuracies by method and split: mean, deviation and seeds."""
    cells = {(row["split"], row["method"]): row for row in rows("main.csv")}
    splits = list(dict.fromkeys(split for split, _ in cells))
    lines = [f"| high / low-resource clients, % | {' | '.join(splits)} |"]
    lines.append("|---" * (len(splits) + 1) + "|")
    for method in METHODS:
        values = " | ".join(_accuracy(cells.get((split, method))) for split in splits)
        label = cells[splits[0], method]["label"]
        lines.append(f"| **{label}** | {values} |" if method == PLUS else f"| {label} | {values} |")
    return "\n".join(lines)


def _accuracy(row: dict[str, str] | None) -> str:
    if row is None:
        return "–"
    mean, std = (100 * float(row[f"accuracy_{name}"]) for name in ("mean", "std"))
    return f"{mean:.1f} ± {std:.1f} ({row['n']})"


def verdicts(config: str) -> str:
    """Return the number of each verdict among the claims of the paper that a config can test."""
    # A negligible difference counts with those that are supported; too few seeds are no test.
    judged = [
        row
        for row in rows("claims.csv", config)
        if "too few seeds" not in row["note"] and not row["about"].startswith(OURS)
    ]
    words = [row["verdict"].partition(",")[0] for row in judged]
    tested = ("supported", "contradicted", "no difference", "inconclusive")
    counted = {word: words.count(word) for word in tested}
    listed = ", ".join(f"{n} {w}" for w, n in counted.items() if n or w != "no difference")
    return f"{sum(counted.values())} tested, {listed}"


def judged(config: str) -> str:
    """Return the tables of claims.md, without what was not run."""
    text = (EVIDENCE / config / "claims.md").read_text(encoding="utf-8")
    families = re.findall(r"(?m)^## (?!Not run|How).*\n\n((?:\|.*\n)+)", text)
    return "\n".join(families).strip()


def skew() -> str:
    """Return the paragraph on the data of low-resource clients, at 10/90 and at 50/50."""
    cells = {(row["split"], row["method"]): row for row in rows("main.csv")}

    def percent(split: str, method: str, column: str = "accuracy_mean") -> str:
        return f"{100 * float(cells[split, method][column]):.1f}"

    few, many = "10/90", "50/50"
    lacked = f"{float(cells[few, 'zowarmup']['missing_classes']):.1f}"
    recall = [percent(few, method, "missing_recall") for method in METHODS[:3]]
    at_few = ", ".join(percent(few, method) for method in METHODS[:3])
    at_many = " and ".join(percent(many, method) for method in METHODS[:2])
    n, n_many = (cells[split, "zowarmup"]["n"] for split in (few, many))
    return f"""
On digits at {few} the high-resource clients lack {lacked} of 10 classes on average. On those, High
Res Only ends with a recall of {recall[0]} %, ZOWarmUp with {recall[1]} %, and its control, which
takes such steps on the high-resource clients' data alone, with {recall[2]} %; their accuracies are
{at_few} %. At {many} no class is lacking, and the accuracies of the first two are {at_many} %.
(n = {n} seeds, and {n_many} at {many}; spreads in docs/evidence/digits/main.csv.)
""".strip()


def bench() -> str:
    """Return the table of the timings of the engine for small networks."""
    lines = ["| round | plain, ms | batched, ms | ratio | goal |", "|---|---|---|---|---|"]
    for name in ("W1", "W2", "W2b"):
        row = measured()[name]
        times = f"{row['plain_ms']:.2f} | {row['ours_ms']:.2f}"
        lines.append(f"| {row['what']} | {times} | {row['ratio']:.3f} | {row['goal']} |")
    return "\n".join(lines)


def all_bench() -> str:
    """Return the table of all measurements of `make bench`."""
    lines = ["| row | what | value [quartiles] | n | goal |", "|---|---|---|---|---|"]
    for name, row in measured().items():
        if isinstance(row, dict) and "value" in row:
            low, high = row["quartiles"]
            value = f"{row['value']:.4g} [{low:.4g}, {high:.4g}]"
            goal = "" if row["goal"] is None else f"{row['goal']:g}"
            lines.append(f"| {name} | {row['what']} | {value} | {row['n']} | {goal} |")
    return "\n".join(lines)


def measured() -> dict[str, Any]:
    """Return the measurements in the file that `make bench` writes."""
    text = (EVIDENCE / "digits" / "bench.json").read_text(encoding="utf-8")
    measurements: dict[str, Any] = json.loads(text)
    return measurements


def render(text: str) -> str:
    """Return a page with its quoted blocks rewritten from the files."""
    blocks = {
        "results": results(),
        "verdicts": verdicts("digits"),
        "full-verdicts": verdicts("digits-full"),
        "networks verdicts": judged("digits-resnet-vit"),
        "skew": skew(),
        "bench": bench(),
        "all-bench": all_bench(),
        **real_images.blocks(),
    }
    words = {"digits": "default", "digits-full": "full", "digits-resnet-vit": "networks"}
    for config, word in words.items():
        for file in sorted((EVIDENCE / config).glob("*.md")):
            # headings one level down, since the page has a heading for each file
            lowered = re.sub(r"(?m)^(#+) ", r"#\1 ", file.read_text(encoding="utf-8"))
            blocks[f"{word} {file.stem}"] = lowered.strip()
    for name, block in blocks.items():
        body = f"\n{block}\n" if "\n" in block else block
        mark = f"<!-- {name} -->"
        pattern = f"(?s){re.escape(mark)}.*?{re.escape(mark)}"
        text = re.sub(pattern, lambda _, whole=f"{mark}{body}{mark}": whole, text)
    return text


def main() -> int:
    """Copy the files and write the pages, or check them."""
    if "--check" in sys.argv:
        return int(any((old := read(page)) != render(old) for page in PAGES))
    for config in FILES:
        if (RESULTS / config).is_dir():
            copy(config)
        else:
            print(f"results/{config}: no results; the files in docs/evidence stay as they are")
    if (RESULTS / "bench.json").is_file():
        shutil.copyfile(RESULTS / "bench.json", EVIDENCE / "digits" / "bench.json")
    for page in PAGES:
        page.write_text(render(read(page)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
