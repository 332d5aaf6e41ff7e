"""The tables of final accuracies: the rows, columns, reference and caption of each table."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import (
    REFERENCE,
    SPLIT,
    Cell,
    Table,
    compared,
    in_study,
)

METHOD = (*SPLIT, "method", "label")
PARTS = ("participation_1", "participation_2")
RADEMACHER = in_study(variant="rademacher")
INTERVAL = "paired by seed, with its 95 % t interval (not corrected for the number of rows)"
MEAN = "mean and standard deviation over n seeds"


def variant(cell: Cell) -> dict[str, Any]:
    """Return the variant and its label."""
    name = cell.first["variant"]
    return {"variant": name, "label": cells.VARIANTS.get(name, name)}


main = Table(
    {"main": ("method",)},
    METHOD,
    (
        compared(in_study(method=REFERENCE)),
        cells.at_equal_passes,
        cells.mean("missing_classes", "missing_recall"),
        cells.costs,
        cells.converged,
    ),
    f"Main comparison: final test accuracy, {MEAN}. Look for: the difference to High Res Only "
    "(paired by seed, with its 95 % t interval, not corrected for the number of rows; the claims "
    "are) should be largest where high-resource clients are few, and ZOWarmUp on the high-resource"
    " clients' data alone should not share it. Passes are forward passes of one image, a backward "
    "pass counting as two; at equal passes is the accuracy of a method when it had taken as many "
    "as ZOWarmUp takes in all, or its last one if it takes fewer. Missing classes have under 1 % "
    "of their training images on high-resource clients: their number and the recall on them, means"
    " over seeds. Bytes are of all clients and rounds; of one low-resource client, up and down "
    "together. A diverged run counts with its last accuracy; converged is the mean over the other "
    "runs. FedAvg on all clients is a bound: it treats every client as high-resource, so it is the"
    " same on every split.",
)

pivot = Table(
    {"pivot": ("pivot",)},
    (*SPLIT, "pivot", "rounds"),
    (compared(cells.in_main(REFERENCE)), cells.costs),
    f"Pivot ablation: final test accuracy of ZOWarmUp by the round at which zeroth-order training "
    f"starts, {MEAN}. Look for: a pivot in the middle should beat an early one (too little "
    "warm-up) and a late one (too few rounds with the low-resource clients' data). The difference "
    f"is to High Res Only of the main comparison, {INTERVAL}, and empty without common seeds. "
    "All pivots of a seed start from the same warm-up.",
)


def spread(cell: Cell) -> dict[str, Any]:
    """Return the ratio of the standard deviation to Rademacher's and its Pitman-Morgan test."""
    sides = [m.by_seed(cell.rows), m.by_seed(RADEMACHER(cell))]
    pairs = pd.concat(sides, axis=1, join="inner").to_numpy()
    estimate = statistics.spread_ratio(pairs[:, 0], pairs[:, 1])
    return {
        "std_ratio": estimate.effect,
        "std_ratio_low": estimate.low,
        "std_ratio_high": estimate.high,
        "pitman_morgan_p": estimate.p,
    }


distribution = Table(
    {"distribution": ("variant",)},
    SPLIT,
    (
        variant,
        cells.settings("tau", "lr_2"),
        lambda cell: cells.accuracy(cell.rows),
        lambda cell: {"accuracy_min": cell.rows["test_accuracy"].min()},
        lambda cell: cells.difference(cell.rows, RADEMACHER(cell)),
        spread,
        cells.diverged,
    ),
    "Distribution ablation: final test accuracy of ZOWarmUp with Rademacher and Gaussian "
    "directions over n seeds. Tau rescales the step by tau squared, so Gaussian directions have "
    "(a) tau 1 at Rademacher's learning rate, (b) the same tau and learning rate, (c) the same tau "
    "at their own selected learning rate. Look for: whether Rademacher varies less in every way "
    "shown or only in (a), where the steps are larger too. Std ratio is Gaussian over Rademacher "
    "with the uncorrected 95 % interval of the Pitman-Morgan test for paired samples, and its p. "
    f"The difference is to Rademacher, {INTERVAL}.",
)

server = Table(
    {"server": ("variant",)},
    SPLIT,
    (
        variant,
        cells.settings("lr_1", "lr_2", "beta2", "epsilon"),
        compared(in_study(variant="sgd")),
        cells.diverged,
        cells.size,
    ),
    "Server optimizers: final test accuracy of ZOWarmUp with Adam at the server in phase 1, in "
    f"phase 2 or in both, {MEAN}, at learning rates selected for each. That of Reddi et al. does "
    "not correct its moments for their bias and has a larger epsilon. The difference is to plain "
    f"averages and steps, {INTERVAL}. Look for: whether Adam is worse, and in which phase; P/d "
    "says how noisy the zeroth-order steps are from which Adam estimates its second moment.",
)

server_sweep = Table(
    {"server_sweep": ("beta2", "epsilon")},
    SPLIT,
    (
        cells.settings("beta2", "epsilon", "lr_2"),
        compared(cells.in_main("zowarmup")),
        cells.diverged,
        cells.size,
    ),
    "Settings of the server's Adam in the zeroth-order phase: final test accuracy by beta2 and "
    f"epsilon, {MEAN}. The larger epsilon, the more the step is a plain one. The difference is to "
    f"ZOWarmUp of the main comparison, {INTERVAL}. Look for: whether any setting is better than "
    "plain steps.",
)


def network_difference(cell: Cell) -> dict[str, float]:
    """Return the paired difference to the same method with the first network; NaN for that one."""
    first = cell.study["model"].iloc[0]
    other = cell.others("dataset", "split", "method", model=first)
    columns = cells.difference(cell.rows, other, "model_")
    columns.pop("model_pairs")
    return columns


architecture = Table(
    {"architecture": ("method",)},
    ("dataset", "split", "model", "method", "label"),
    (
        compared(in_study("alpha", "clients", "width", method=REFERENCE)),
        network_difference,
        cells.diverged,
        cells.size,
    ),
    f"Architectures: final test accuracy, {MEAN}. The first difference is to High Res Only of the "
    f"same network, the second to the first network with the same method: {INTERVAL}. Look for: "
    "whether ZOWarmUp gains with every network, and which network reaches more; they differ in d, "
    "the number of parameters, and so in P/d, too.",
)


def drift(cell: Cell) -> dict[str, float]:
    """Return the drift, averaged over the rounds of the second phase and then over the seeds."""
    rows = cell.metrics.merge(cell.rows[m.RUN], on=m.RUN)
    return {"drift": pd.Series(m.means_over_phase_2(rows, "drift"), dtype=float).mean()}


steps = Table(
    {"steps": ("variant",)},
    (*SPLIT, "variant"),
    (
        lambda cell: {"label": cells.steps(cell.rows)},
        cells.settings("lr_2"),
        compared(in_study(variant="one_step")),
        drift,
        cells.mean("forward_passes"),
        cells.costs,
        cells.size,
    ),
    "Steps of a client in a round of the second phase: final test accuracy with one step on all "
    f"images (ZOWarmUp) and with several on mini-batches, {MEAN}. Drift is the root mean square "
    "distance of the clients' models from their mean at the end of a round, averaged over the "
    "phase (a diverged run counts with its last drift to the end) and then over the seeds. The "
    f"difference is to one step, {INTERVAL}. Look for: at an equal number "
    "of forward passes more steps should drift further and reach less; they send more, too.",
)

participation = Table(
    {"participation": ("method", *PARTS)},
    (*METHOD, *PARTS),
    (compared(in_study("method", participation_1=1, participation_2=1)), cells.costs, cells.size),
    "Participation: final test accuracy of ZOWarmUp when a part of a phase's clients takes part in "
    f"each round, {MEAN}. A client that comes back catches up from the records of the rounds it "
    f"missed. The difference is to full participation in both phases, {INTERVAL}. Look for: fewer "
    "clients are fewer directions P in a zeroth-order round, so its step is noisier. The bytes of "
    "a low-resource client fall with the part of all clients that sends scalars in a round; it "
    "receives these whether or not it takes part itself.",
)

# study -> the settings that it varies, besides method, network and split
VARIES: dict[str, tuple[str, ...]] = {
    "S": ("S",), "tau": ("tau",), "eps": ("eps",), "lr": ("lr_2",),
    "seeds_shared": ("shared_directions",), "alpha": ("alpha",), "clients": ("clients", "images"),
    "extreme": (), "width": ("width",), "heterofl": (), "fedkseed": (), "memory": (),
    "estimator": ("estimator",),
}  # fmt: skip
NAMES = {
    "lr_2": "learning rate",
    "shared_directions": "directions shared:",
    "images": "images a client",
}
WORDS = {"True": "yes", "False": "no"}


def setting(cell: Cell) -> dict[str, str]:
    """Return the varied settings, such as "tau 0.75", or else the variant's name."""
    texts = {column: cells.only(cell.rows, column) for column in VARIES[cell.first["study"]]}
    settings = [f"{NAMES.get(c, c)} {WORDS.get(text, text)}" for c, text in texts.items()]
    return {"setting": ", ".join(settings) or str(cell.first["variant"]).replace("_", " ")}


sweeps = Table(
    {study: (*columns, "method", "variant") for study, columns in VARIES.items()},
    ("study", *SPLIT),
    (
        setting,
        cells.first("method", "variant", "label"),
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
