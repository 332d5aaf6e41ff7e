"""The table behind the figures of single settings: every cell of the studies that vary one."""

from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import REFERENCE, compared, first, in_study
from zowarmup.analysis.tables.studies import INTERVAL, MEAN
from zowarmup.analysis.tables.table import SPLIT, Cell, Table, only

# study -> the settings it varies, beside the method, the network and the split
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


def setting(cell: Cell) -> dict[str, str]:
    """The varied settings, "tau 0.75", or else the variant's name."""
    texts = {column: only(cell.rows, column) for column in VARIES[cell.first["study"]]}
    settings = [f"{NAMES.get(c, c)} {WORDS.get(text, text)}" for c, text in texts.items()]
    return {"setting": ", ".join(settings) or str(cell.first["variant"]).replace("_", " ")}


table = Table(
    {study: (*columns, "method", "variant") for study, columns in VARIES.items()},
    ("study", *SPLIT),
    (
        setting,
        first("method", "variant", "label"),
        cells.settings("lr_2"),
        compared(in_study("alpha", "clients", "width", method=REFERENCE)),
        cells.mean("missing_recall"),
        cells.diverged,
        cells.size,
    ),
    "Sweeps: final test accuracy in every cell of the studies that vary one setting, "
    f"{MEAN}. The difference is to High Res Only of the same study with the same clients and "
    f"network, where the study has it: {INTERVAL}. A diverged run counts with its last accuracy. "
    "Look for: how far each setting can be moved from the chosen one, and where the gain over "
    "High Res Only ends.",
)
