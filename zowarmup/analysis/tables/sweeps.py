"""Every cell of the studies that vary one thing: the numbers behind their figures."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

# study -> what it varies, beside the method, the network and the split
VARIES: dict[str, tuple[str, ...]] = {
    "S": ("S",),
    "tau": ("tau",),
    "eps": ("eps",),
    "lr": ("lr_2",),
    "seeds_shared": ("shared_directions",),
    "alpha": ("alpha",),
    "clients": ("clients", "images"),
    "extreme": (),
    "width": ("width",),
    "heterofl": (),
    "fedkseed": (),
    "memory": (),
    "estimator": ("estimator",),
}
NAMES = {
    "lr_2": "learning rate",
    "shared_directions": "directions shared:",
    "images": "images a client",
}
WORDS = {"True": "yes", "False": "no"}
CAPTION = (
    "Sweeps: final test accuracy in every cell of the studies that vary one thing, mean and "
    "standard deviation over n seeds. The difference is to High Res Only of the same study with "
    "the same clients and network, where the study has it: paired by seed, with its 95 % t "
    "interval (not corrected for the number of rows). A diverged run counts with the accuracy it "
    "ended at. What to see: how far each setting can be moved from the one chosen, and where the "
    "gain over High Res Only ends."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per cell of the studies in VARIES, study by study.

    Raises:
        MetricsError: the metrics hold no row of any of them.
    """
    final = m.final_rows(m.of_study(metrics, *VARIES))
    rows = []
    for study in VARIES:
        here = final[final["study"] == study]
        for _, _, group in m.by_split(here):
            rows += [_row(cell, here) for cell in _cells(group, VARIES[study])]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _cells(group: pd.DataFrame, varied: tuple[str, ...]) -> Iterator[pd.DataFrame]:
    """The cells by what the study varies, then by method and variant."""
    for _, point in group.groupby(list(varied) or "split"):
        for method in m.methods(point):
            here = point[point["method"] == method]
            for variant in here["variant"].unique():
                yield here[here["variant"] == variant]


def setting(cell: pd.DataFrame, study: str) -> str:
    """What is special about a cell: "tau 0.75", or the variant's name."""
    values = {column: cells.only(cell, column) for column in VARIES[study]}
    said = [f"{NAMES.get(c, c)} {WORDS.get(text, text)}" for c, text in values.items()]
    return ", ".join(said) or str(cell["variant"].iloc[0]).replace("_", " ")


def _row(cell: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    study = cell["study"].iloc[0]
    return {
        "study": study,
        **cell.iloc[0][["dataset", "model", "split"]],
        "setting": setting(cell, study),
        **cell.iloc[0][["method", "variant", "label"]],
        "lr_2": cells.only(cell, "lr_2"),
        **cells.accuracy(cell),
        **cells.difference(cell, cells.reference(cell, rows)),
        "missing_recall": cell["missing_recall"].mean(),
        "diverged": int(cell["diverged"].sum()),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }
