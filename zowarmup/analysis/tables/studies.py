"""The tables of final accuracies: the runs of a row, its columns, its reference, the caption."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import (
    REFERENCE,
    compared,
    costs,
    diverged,
    in_main,
    in_study,
    mean,
    settings,
    size,
)
from zowarmup.analysis.tables.table import SPLIT, VARIANTS, Cell, Table, select

METHOD = (*SPLIT, "method", "label")
PARTS = ("participation_1", "participation_2")
RADEMACHER = in_study(variant="rademacher")
INTERVAL = "paired by seed, with its 95 % t interval (not corrected for the number of rows)"
MEAN = "mean and standard deviation over n seeds"


def variant(cell: Cell) -> dict[str, Any]:
    """The variant with its label."""
    name = cell.first["variant"]
    return {"variant": name, "label": VARIANTS.get(name, name)}


main = Table(
    {"main": ("method",)},
    METHOD,
    (compared(in_study(method=REFERENCE)), mean("missing_classes", "missing_recall"), costs),
    f"Main comparison: final test accuracy, {MEAN}. "
    "Look for: the difference to High Res Only (paired by seed, with its 95 % t interval, not "
    "corrected for the number of rows; the claims are) should be largest where high-resource "
    "clients are few, and ZOWarmUp restricted to the high-resource clients' data should not share "
    "it. Missing classes are those with under 1 % of their training images on high-resource "
    "clients: their number and the mean recall on them, both averaged over seeds. Bytes are summed "
    "over all clients and rounds; those of one low-resource client are up and down together. A "
    "diverged run counts with its last accuracy. FedAvg on all clients is a bound: it treats "
    "every client as high-resource, so it is the same on every split.",
)

pivot = Table(
    {"pivot": ("pivot",)},
    (*SPLIT, "pivot", "rounds"),
    (compared(in_main(REFERENCE)), costs),
    "Pivot ablation: final test accuracy of ZOWarmUp by the round at which zeroth-order training "
    f"starts, {MEAN}. Look for: a pivot in the middle should beat both an early one (the warm-up "
    "is not yet good enough) and a late one (too few rounds with the low-resource clients' data). "
    f"The difference is to High Res Only of the main comparison, {INTERVAL}. All pivots of a seed "
    "start from the same warm-up trajectory.",
)


def spread(cell: Cell) -> dict[str, Any]:
    """The ratio of the standard deviation to Rademacher's, by the Pitman-Morgan test."""
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
        settings("tau", "lr_2"),
        lambda cell: cells.accuracy(cell.rows),
        lambda cell: {"accuracy_min": cell.rows["test_accuracy"].min()},
        lambda cell: cells.difference(cell.rows, RADEMACHER(cell)),
        spread,
        diverged,
    ),
    "Distribution ablation: final test accuracy of ZOWarmUp with Rademacher and with Gaussian "
    "directions over n seeds. Since tau rescales the step by tau squared, Gaussian directions are "
    "tried three ways: (a) tau 1 at Rademacher's learning rate, (b) the same tau and the same "
    "learning rate, (c) the same tau at their own selected learning rate. Look for: whether "
    "Rademacher varies less in all three ways or only in (a), where the steps are larger too. "
    "Std ratio is the Gaussian spread over the Rademacher spread with the 95 % interval of the "
    "Pitman-Morgan test for paired samples, and p that test's; the difference is to Rademacher, "
    "paired by seed, with its 95 % t interval. Neither is corrected for the number of rows.",
)

server = Table(
    {"server": ("variant",)},
    SPLIT,
    (
        variant,
        settings("lr_1", "lr_2", "beta2", "epsilon"),
        compared(in_study(variant="sgd")),
        diverged,
        size,
    ),
    "Server optimizers: final test accuracy of ZOWarmUp with Adam at the server in phase 1, in "
    f"phase 2 or in both, {MEAN}; each with learning rates selected for it. Adam corrects its "
    "moments for their bias, that of Reddi et al. does not and has a larger epsilon. The "
    f"difference is to plain averages and steps, {INTERVAL}. Look for: whether Adam is worse, and "
    "in which phase; P/d says how noisy a zeroth-order step is, which Adam's second moment has to "
    "estimate.",
)

server_sweep = Table(
    {"server_sweep": ("beta2", "epsilon")},
    SPLIT,
    (settings("beta2", "epsilon", "lr_2"), compared(in_main("zowarmup")), diverged, size),
    "Settings of the server's Adam in the zeroth-order phase: final test accuracy by beta2 and "
    f"epsilon, {MEAN}. The larger epsilon, the more the step is a plain one. The difference is to "
    f"ZOWarmUp of the main comparison, {INTERVAL}. Look for: whether any setting is better than "
    "plain steps.",
)


def networks(rows: pd.DataFrame) -> list[str]:
    """The networks in the order of the study."""
    return list(rows["model"].unique())


def network_difference(cell: Cell) -> dict[str, float]:
    """The paired difference to the same method with the first network; NaN for that itself."""
    other = cell.others("dataset", "split", "method", model=networks(cell.study)[0])
    columns = cells.difference(cell.rows, other, "model_")
    return {name: value for name, value in columns.items() if name != "model_pairs"}


architecture = Table(
    {"architecture": ("method",)},
    ("dataset", "split", "model", "method", "label"),
    (
        compared(in_study("alpha", "clients", "width", method=REFERENCE)),
        network_difference,
        diverged,
        size,
    ),
    f"Architectures: final test accuracy, {MEAN}. The first difference is to High Res Only of the "
    "same network, the second to the first network with the same method, both paired by seed, with "
    "95 % t intervals (not corrected for the number of rows). Look for: whether ZOWarmUp gains "
    "with every network, and which network reaches more; they differ in d, the number of "
    "parameters, and so in P/d, too.",
)


def drift(cell: Cell) -> dict[str, float]:
    """The mean drift over the rounds of the phase and the seeds."""
    rows = select(cell.metrics, study="steps", variant=cell.first["variant"])
    return {"drift": rows[rows["run"].isin(cell.rows["run"])]["drift"].mean()}


steps = Table(
    {"steps": ("variant",)},
    (*SPLIT, "variant"),
    (
        lambda cell: {"label": cells.steps(cell.rows)},
        settings("lr_2"),
        compared(in_study(variant="one_step")),
        drift,
        mean("forward_passes"),
        costs,
        size,
    ),
    "Steps of a client in a round of the second phase: final test accuracy with one step on all "
    f"images (ZOWarmUp) and with several on mini-batches, {MEAN}. Drift is the root mean square "
    "distance of the clients' models from their mean at the end of a round, averaged over the "
    f"phase and the seeds. The difference is to one step, {INTERVAL}. Look for: at an equal number "
    "of forward passes more steps should drift further and reach less; they send more, too.",
)

participation = Table(
    {"participation": ("method", *PARTS)},
    (*METHOD, *PARTS),
    (compared(in_study("method", participation_1=1, participation_2=1)), costs, size),
    "Participation: final test accuracy of ZOWarmUp when a part of a phase's clients takes part in "
    f"each round, {MEAN}. A client that comes back catches up from the records of the rounds it "
    f"missed. The difference is to full participation in both phases, {INTERVAL}. Look for: fewer "
    "clients are fewer directions P in a zeroth-order round, so its step is noisier; the bytes "
    "that a low-resource client receives hardly depend on how often it takes part.",
)
