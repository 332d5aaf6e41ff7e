"""Failure signatures of the paper: in a job, from its rows, and over all runs."""

from pathlib import Path
from typing import Any

import frames
import pandas as pd
import pytest

from zowarmup.analysis import metrics as m
from zowarmup.analysis.report import signatures_page
from zowarmup.analysis.tables import write
from zowarmup.common import failure_signatures

NAN = float("nan")
WARM = {"algorithm": "fedavg", "clients": "high"}


def loss_rows(*losses: float, phase: int = 2, diverged: bool = False) -> list[dict[str, Any]]:
    """The row at the pivot, round 200 of phase 1, then one every hundred rounds."""
    rows = [
        {
            "phase": 1 if i == 0 else phase,
            "round": 200 + 100 * i,
            "train_loss": loss,
            "train_loss_high": loss / 10,
            "diverged": False,
        }
        for i, loss in enumerate(losses)
    ]
    rows[-1]["diverged"] = diverged
    return rows


def warnings(rows: list[dict[str, Any]], algorithm: str = "zo", clients: str = "all") -> list[str]:
    phases = [WARM, {"algorithm": algorithm, "clients": clients}]
    return list(failure_signatures.sentences(rows, phases))


# --- the signature of a loss ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "signature"),
    [
        (2.0, 1.95, ""),  # fell by 2.5 %
        (2.0, 1.97, "flat loss"),  # by 1.5 %
        (2.0, 2.0, "flat loss"),
        (2.0, 2.19, "flat loss"),  # rose by 9.5 %
        (2.0, 2.21, "diverging loss"),  # by 10.5 %
        (2.0, NAN, "diverging loss"),
        (2.0, float("inf"), "diverging loss"),
        (0.09, 0.09, ""),  # small already
        (0.05, 0.1, ""),
        (0.05, 0.11, "diverging loss"),
    ],
)
def test_the_signature_of_two_losses(start: float, end: float, signature: str) -> None:
    assert failure_signatures.of_losses(start, end) == signature


def test_a_diverged_run_has_a_diverging_loss() -> None:
    assert failure_signatures.of_losses(2.0, 1.0, diverged=True) == "diverging loss"


# --- sentences for the log of a job --------------------------------------------------------------


def test_a_good_second_phase_says_nothing() -> None:
    assert warnings(loss_rows(2.0, 1.5, 1.0)) == []


def test_a_flat_second_phase_names_cause_and_remedy() -> None:
    (sentence,) = warnings(loss_rows(2.0, 1.5, 1.99))  # what counts is where it ends
    assert sentence.startswith("flat loss in phase 2 (zo): train_loss went")
    assert "from 2 to 1.99" in sentence
    assert "likely the pivot is too early" in sentence
    assert "try a later pivot" in sentence


def test_a_diverging_second_phase_points_at_the_step() -> None:
    (sentence,) = warnings(loss_rows(2.0, 30.0, diverged=True))
    assert "tau is too large" in sentence
    assert "a third of the learning rate" in sentence
    (sentence,) = warnings(loss_rows(2.0, NAN, diverged=True))
    assert "from 2 to nan" in sentence


def test_the_cause_depends_on_the_algorithm() -> None:
    (adam,) = warnings(loss_rows(2.0, 2.0), "zo_adam")
    assert "Adam's moments" in adam
    (local,) = warnings(loss_rows(2.0, 9.0), "zo_local")
    assert "fewer local steps" in local


def test_the_loss_is_that_of_those_who_train() -> None:
    """A tenth of the loss of all, and small: 0.08 to 0.09 is nothing to warn of."""
    assert len(warnings(loss_rows(0.8, 0.9))) == 1
    assert warnings(loss_rows(0.8, 0.9), clients="high") == []


def test_a_phase_without_a_row_before_it_is_passed_over() -> None:
    assert warnings(loss_rows(2.0, 2.0)[1:]) == []
    assert warnings([]) == []


def test_a_run_of_one_phase_starts_in_round_0() -> None:
    rows = [
        {"phase": 1, "round": 0, "train_loss": 2.3, "diverged": False},
        {"phase": 1, "round": 500, "train_loss": 2.3, "diverged": False},
    ]
    (sentence,) = failure_signatures.sentences(rows, [{"algorithm": "zo", "clients": "all"}])
    assert "random initialisation" in sentence
    assert "a warm-up" in sentence
    (adam,) = failure_signatures.sentences(rows, [{"algorithm": "fedadam", "clients": "all"}])
    assert "Adam's moments" in adam


# --- all runs together ----------------------------------------------------------------------------


def run(method: str, accuracies: list[float], **columns: Any) -> pd.DataFrame:
    """Per seed the rows of the start, of the pivot with a loss of 2, and of the end with 1."""
    base: dict[str, Any] = dict.fromkeys(m.TEXT, "") | dict.fromkeys(m.NUMBERS, NAN)
    base |= {"study": "main", "dataset": "digits", "model": "mlp", "split": "10/90", "run": method}
    base |= {"method": method, "alpha": 0.1, "clients": 50, "width": 1, "rounds": 500}
    base |= {"algorithm_1": "fedavg", "clients_1": "high", "diverged": False, "classes": 2}
    if method != "high_res_only":
        base |= {"algorithm_2": "zo", "clients_2": "all", "pivot": 200, "directions": 150}
    changes = [
        {"round": 0, "phase": 1, "train_loss": 2.3},
        {"round": 200, "phase": 1, "train_loss": 2.0},
        {"round": 500, "phase": 2, "train_loss": 1.0},
    ]
    return pd.DataFrame(
        [
            base | {"seed": seed, "test_accuracy": accuracy / 100} | change | columns
            for seed, accuracy in enumerate(accuracies)
            for change in changes
        ]
    )


def table_of(*runs: pd.DataFrame) -> pd.DataFrame:
    return signatures_page.table(pd.concat(runs, ignore_index=True))


def test_nothing_is_found_where_nothing_is_amiss() -> None:
    table = table_of(run("zowarmup", [60, 61, 62]), run("high_res_only", [50, 51, 52]))
    assert table.empty
    assert list(table) == signatures_page.COLUMNS


def test_below_high_res_only() -> None:
    """Differences -3, -1, -2 over the three seeds of both; the fourth has no partner."""
    table = table_of(run("zowarmup", [47, 49, 49, 49]), run("high_res_only", [50, 50, 51]))
    (row,) = table.itertuples()
    assert (row.run, row.signature, row.unit, row.n) == (
        "zowarmup", "below High Res Only", "points", 3,
    )  # fmt: skip
    assert row.number == pytest.approx(-2)
    assert "severely skewed" in row.likely_cause


def test_a_difference_within_its_standard_error_is_none() -> None:
    """Differences -2, 1, 0 have mean -1/3 and standard error sqrt(7/9) = 0.88."""
    other = run("high_res_only", [60, 60, 60])
    assert table_of(run("zowarmup", [58, 61, 60]), other).empty
    assert len(table_of(run("zowarmup", [58, 61, 55]), other)) == 1  # -2 with 1.73


def test_the_reference_has_the_same_clients_and_network() -> None:
    other = run("high_res_only", [90, 91, 92], alpha=1.0)
    assert table_of(run("zowarmup", [60, 61, 62]), other).empty


def test_the_reference_may_be_that_of_main() -> None:
    mine = run("zowarmup", [47, 48, 49], study="S")
    assert table_of(mine, run("high_res_only", [50, 51, 52]))["number"].tolist() == pytest.approx(
        [-3]
    )


def test_a_control_on_high_resource_data_is_not_skewed() -> None:
    control = run("zowarmup_high_only", [47, 48, 49], clients_2="high", train_loss_high=0.05)
    assert table_of(control, run("high_res_only", [50, 51, 52])).empty


def test_high_variance_over_seeds() -> None:
    """54, 60, 66 have the standard deviation 6; 55, 60, 65 have 5, which is not above."""
    (row,) = table_of(run("zowarmup", [54, 60, 66])).itertuples()
    assert (row.signature, row.n) == ("high variance over seeds", 3)
    assert row.number == pytest.approx(6)
    assert "a larger S" in row.what_to_try
    assert table_of(run("zowarmup", [55.1, 60, 65])).empty
    assert table_of(run("zowarmup", [40, 80])).empty


def test_without_directions_more_of_them_are_no_mend() -> None:
    (row,) = table_of(run("heterofl", [54, 60, 66], directions=0)).itertuples()
    assert row.signature == "high variance over seeds"
    assert "directions" not in row.likely_cause + row.what_to_try


def test_seeds_with_a_flat_or_diverging_second_phase() -> None:
    runs = run("zowarmup", [60, 60, 60, 60])
    end = runs["round"] == 500
    runs.loc[end, "train_loss"] = [1.0, 2.0, 2.0, 9.0]
    table = table_of(runs)
    assert table["signature"].tolist() == ["flat loss in phase 2", "diverging loss in phase 2"]
    assert table["number"].tolist() == [2, 1]
    assert table["n"].tolist() == [4, 4]
    assert (table["unit"] == "seeds").all()


def test_adam_below_fedavg() -> None:
    adam = run("zowarmup_adam", [55, 56, 57], algorithm_2="zo_adam")
    (row,) = table_of(adam, run("zowarmup", [60, 61, 62])).itertuples()
    assert (row.run, row.signature) == ("zowarmup_adam", "Adam below FedAvg")
    assert row.number == pytest.approx(-5)
    assert "as the paper expects" in row.likely_cause


def test_several_references_are_none() -> None:
    """As in a study that varies something else as well; which one is meant nobody can tell."""
    adam = run("zowarmup_adam", [55, 56, 57], algorithm_2="zo_adam")
    both = [run("zowarmup", [60, 61, 62], run=f"S{S}", S=S) for S in (1, 3)]
    assert table_of(adam, *both).empty


def test_a_run_that_studies_share_stands_once() -> None:
    wild = run("zowarmup", [50, 60, 70])
    table = table_of(wild, wild.assign(study="S"))
    assert table["study"].tolist() == ["main"]


def test_files_say_so_where_nothing_was_found(tmp_path: Path) -> None:
    paths = [tmp_path / f"signatures.{ending}" for ending in ("csv", "md", "html")]
    write.write(table_of(run("zowarmup", [60, 61, 62])), paths)
    assert paths[0].read_text() == ",".join(signatures_page.COLUMNS) + "\n"
    assert all("no run shows any" in path.read_text() for path in paths[1:])
    write.write(table_of(run("zowarmup", [54, 60, 66])), paths)
    assert all("high variance over seeds" in path.read_text() for path in paths)


def test_a_rate_at_the_edge_of_its_grid_is_named() -> None:
    """Once for the run, whatever its number of seeds."""
    frame = frames.frame(frames.run("zowarmup", {0: 0.5, 1: 0.5}))
    assert signatures_page.table(frame).empty
    (row,) = signatures_page.table(frame.assign(lr_at_edge="True")).to_dict("records")
    assert (row["signature"], row["number"], row["n"]) == (signatures_page.EDGE, 0.1, 2)
    assert "selection.grid" in row["likely_cause"]
