"""The blocks of docs/reproduction.md: runs on real images beside the results of the paper."""

import csv
import statistics
from pathlib import Path

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"
Row = dict[str, str]

# (High Res Only, ZOWarmUp), final test accuracy in % at 10/90, ResNet18, 200 + 300 rounds.
PAPER = {"cifar10-cpu": (44.3, 54.3)}
DATA = {"cifar10-cpu": ("CIFAR-10", "5,000 images of CIFAR-10 at 16 x 16")}
METHODS = ("high_res_only", "zowarmup", "zowarmup_high_only", "zo_init")
BOTH = "cifar10-cpu"  # has runs with both estimators


def blocks() -> dict[str, str]:
    """Return each block by the name of its mark in the page."""
    texts = {"beside the paper": beside(), "estimators": estimators()}
    for config in PAPER:
        texts[f"{config} seeds"] = seeds(config)
        texts[f"{config} main"] = (
            (EVIDENCE / config / "main.md").read_text(encoding="utf-8").strip()
        )
    return texts


def beside() -> str:
    """Return the table of the paper's main result beside these runs."""
    lines = [
        "| accuracy at 10/90, % | High Res Only | ZOWarmUp | difference, points |",
        "|---|---|---|---|",
    ]
    for config, (first, second) in PAPER.items():
        name, ours = DATA[config]
        own = {row["method"]: row for row in rows(config, "main.csv")}
        means = " | ".join(_spread(own[method]) for method in METHODS[:2])
        n = own["zowarmup"]["n"]
        ends = (own["zowarmup"][f"difference{end}"] for end in ("", "_low", "_high"))
        gain = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * float(end) for end in ends))
        gain = gain.replace("-", "−")
        lines.append(f"| {name}, ResNet18, paper | {first} | {second} | {second - first:+.1f} |")
        lines.append(f"| {ours}, ResNet-8, ours (n = {n}) | {means} | {gain} |")
    return "\n".join(lines)


def seeds(config: str) -> str:
    """Return the table of final accuracy, test loss and recall of each method and seed."""
    cells = {(row["method"], row["seed"]): row for row in ends(config) if row["study"] == "main"}
    numbers = sorted({seed for _, seed in cells}, key=int)
    heads = " | ".join(f"seed {seed}" for seed in numbers)
    what = "accuracy, %; test loss; recall on lacked classes, %"
    lines = [f"| {what} | {heads} |", "|---" * (len(numbers) + 1) + "|"]
    for method in METHODS:
        values = " | ".join(_all_three(cells[method, seed]) for seed in numbers)
        lines.append(f"| {cells[method, numbers[0]]['label']} | {values} |")
    return "\n".join(lines)


def estimators() -> str:
    """Return a sentence that compares the paired seeds of both estimators."""
    final = [row for row in ends(BOTH) if row["study"] == "estimator"]
    texts = [f"`{row['estimator']}` ends at {_both(row)}" for row in final]
    curves: dict[str, list[float]] = {}
    for row in rows(BOTH, "metrics.csv"):
        if row["study"] == "estimator" and int(row["round"]) > float(row["pivot"]):
            curves.setdefault(row["round"], []).append(float(row["train_loss"]))
    apart = [abs(a - b) for a, b in curves.values()]
    seed = final[0]["seed"]
    return (
        f"On seed {seed}, {' and '.join(texts)} (accuracy in %, test loss). Their training losses, "
        f"measured {len(apart)} times after the pivot, differ by {statistics.mean(apart):.0e} on "
        f"average and {max(apart):.0e} at most."
    )


def rows(config: str, name: str) -> list[Row]:
    """Return the rows of a CSV file of the evidence."""
    with (EVIDENCE / config / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ends(config: str) -> list[Row]:
    """Return the last row of every run, seed and study."""
    last = {(r["study"], r["run"], r["seed"]): r for r in rows(config, "metrics.csv")}
    return list(last.values())


def _both(row: Row) -> str:
    return f"{100 * float(row['test_accuracy']):.1f}; {float(row['test_loss']):.3f}"


def _all_three(row: Row) -> str:
    accuracy, recall = (100 * float(row[name]) for name in ("test_accuracy", "missing_recall"))
    return f"{accuracy:.1f}; {float(row['test_loss']):.2f}; {recall:.1f}"


def _spread(row: Row) -> str:
    return f"{100 * float(row['accuracy_mean']):.1f} ± {100 * float(row['accuracy_std']):.1f}"
