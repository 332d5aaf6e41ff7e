"""The numbers of the tables against hand computation, and their four formats."""

import csv
import re
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import frames
import pandas as pd
import pytest

from zowarmup.analysis import cost_formulas, metrics
from zowarmup.analysis.claims import sample
from zowarmup.analysis.tables import costs, display, gradient_quality, studies, write
from zowarmup.config import registry, tables_and_figures

approx = pytest.approx
OF_ROWS = [name for name in tables_and_figures.TABLES if name not in tables_and_figures.NEED_MEMORY]
METRICS = frames.everything()
MEASURED = {"depth": [frames.curvature()], "learning_rates": [frames.trials()]}
T2 = 4.302653  # Student's t, two degrees of freedom, 95 %
REFERENCE = frames.run("high_res_only", {0: 0.40, 1: 0.42, 2: 0.44})


def only(table: pd.DataFrame, **chosen: Any) -> Any:
    """The one row with these values."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    (found,) = table.to_dict("records")
    return found


class TestMain:
    TABLE = studies.main(
        frames.frame(
            frames.run("zowarmup", {0: 0.50, 1: 0.53, 2: 0.53}, missing_recall=0.75),
            REFERENCE,
            frames.run("zowarmup", {0: 0.5, 1: 0.7}, split="50/50", missing_recall=frames.NAN),
        )
    )

    def test_rows_go_by_split_and_method(self) -> None:
        rows = list(zip(self.TABLE["split"], self.TABLE["label"], strict=True))
        assert rows == [("10/90", "High Res Only"), ("10/90", "ZOWarmUp"), ("50/50", "ZOWarmUp")]

    def test_mean_and_spread(self) -> None:
        """50, 53, 53: mean 52, deviations -2, 1, 1, so the variance is (4 + 1 + 1) / 2 = 3."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        assert row["accuracy_mean"] == approx(0.52)
        assert row["accuracy_std"] == approx(0.01 * sqrt(3))
        assert row["n"] == 3

    def test_the_difference_is_paired_by_seed(self) -> None:
        """10, 11, 9: mean 10, standard deviation 1, half the interval t / sqrt 3."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        half = 0.01 * T2 / sqrt(3)
        assert row["difference"] == approx(0.10)
        assert (row["difference_low"], row["difference_high"]) == approx((0.1 - half, 0.1 + half))
        assert row["pairs"] == 3

    @pytest.mark.parametrize(
        "chosen", [{"method": "high_res_only"}, {"method": "zowarmup", "split": "50/50"}]
    )
    def test_without_a_reference_there_is_no_difference(self, chosen: dict[str, str]) -> None:
        row = only(self.TABLE, **chosen)
        assert isnan(row["difference"])
        assert row["pairs"] == 0

    def test_costs_and_recall_on_missing_classes(self) -> None:
        """20 rounds of 1000 bytes up and 2000 down, then 20 of one byte each way."""
        row = only(self.TABLE, split="10/90", method="zowarmup")
        assert (row["bytes_up"], row["bytes_down"]) == (20_020, 40_020)
        assert (row["missing_classes"], row["missing_recall"]) == (1, 0.75)
        assert isnan(only(self.TABLE, split="50/50")["missing_recall"])

    def test_a_diverged_run_counts_with_chance(self) -> None:
        """Seed 1 ends without an accuracy; two classes make chance one half. 40, 50, 44: 134/3."""
        table = studies.main(frames.diverge(frames.frame(REFERENCE), 1, 20))
        (row,) = table.to_dict("records")
        assert row["accuracy_mean"] == approx(1.34 / 3)
        assert (row["n"], row["diverged"]) == (3, 1)

    def test_the_other_seeds_have_a_mean_of_their_own(self) -> None:
        """40 and 44 %, since seed 1 diverged; if none did, there is nothing to tell apart."""
        table = studies.main(frames.diverge(frames.frame(REFERENCE), 1, 20))
        assert table["accuracy_converged"].tolist() == approx([0.42])
        assert isnan(only(self.TABLE, split="10/90", method="zowarmup")["accuracy_converged"])

    def test_accuracy_at_equal_passes(self) -> None:
        """ZOWarmUp: 20 rounds of 24 + 2 x 24 and 20 of 240 passes, 6,240 in all.

        At 72 a round, High Res Only takes 2,880 in all. At 480 a round, zeroth-order steps have
        taken 4,800 after round 10 and 9,600 after round 20: round 10 counts, a quarter of the way.
        """
        rows = frames.run("zo_init", {0: 0.5})
        zo = [row | {"forward_passes": 480 * row["round"], "backward_passes": 0} for row in rows]
        table = studies.main(frames.frame(frames.run("zowarmup", {0: 0.5}), REFERENCE, zo))
        passes = [only(table, method=m)["passes"] for m in ("zowarmup", "high_res_only", "zo_init")]
        assert passes == [6240, 2880, 480 * 40]
        assert only(table, method="zo_init")["accuracy_equal_passes"] == approx(0.1 + 0.4 / 4)
        own = only(table, method="high_res_only")
        assert own["accuracy_equal_passes"] == approx(own["accuracy_mean"])

    def test_one_seed_has_neither_spread_nor_interval(self) -> None:
        table = studies.main(
            frames.frame(frames.run("high_res_only", {0: 0.4}), frames.run("zowarmup", {0: 0.5}))
        )
        shown = display.display(table)
        assert shown["accuracy, %"].tolist() == ["40.0", "50.0"]
        assert shown["difference [95 %], points"].tolist() == ["–", "+10.0"]

    def test_what_a_reader_sees(self) -> None:
        """The half interval is 0.0248: 0.10 - 0.0248 = 0.0752 and 0.10 + 0.0248 = 0.1248."""
        row = only(display.display(self.TABLE), method="ZOWarmUp", **{"high/low, %": "10/90"})
        assert row["accuracy, %"] == "52.0 ± 1.7"
        assert row["difference [95 %], points"] == "+10.0 [+7.5, +12.5]"
        assert row["recall on them, %"] == "75.0"
        assert row["bytes up"] == "20.0 kB"
        assert row["bytes of a low-resource client"] == "4 B"


class TestPivot:
    EARLY = frames.run("zowarmup", {0: 0.45, 1: 0.47, 2: 0.49}, study="pivot", pivot=10)
    LATE = frames.run("zowarmup", {0: 0.41, 1: 0.44, 2: 0.47}, study="pivot", pivot=30)

    def test_each_pivot_against_high_res_only(self) -> None:
        """1, 2, 3: mean 2, standard deviation 1. 5, 5, 5 has no spread, so no interval either."""
        table = studies.pivot(frames.frame(REFERENCE, self.EARLY, self.LATE))
        assert table["pivot"].tolist() == [10, 30]
        assert table["accuracy_mean"].tolist() == approx([0.47, 0.44])
        assert table["accuracy_std"].tolist() == approx([0.02, 0.03])
        assert table["difference"].tolist() == approx([0.05, 0.02])
        assert isnan(table["difference_low"][0])
        assert table["difference_low"][1] == approx(0.02 - 0.01 * T2 / sqrt(3))
        assert table["bytes_up"].tolist() == [10_030, 30_010]

    def test_without_the_main_study_there_is_no_difference(self) -> None:
        table = studies.pivot(frames.frame(self.EARLY))
        assert table["difference"].isna().all()
        assert "and empty without common seeds" in table.attrs["caption"]
        assert table["n"].tolist() == [3]


class TestDistribution:
    TABLE = studies.distribution(frames.frame(*reversed(frames.distribution())))

    def test_rademacher_is_first_then_the_three_ways(self) -> None:
        assert self.TABLE["variant"].tolist() == list(frames.WAYS)
        assert self.TABLE["tau"].tolist() == ["0.75", "1", "0.75", "0.75"]

    def test_mean_spread_and_minimum(self) -> None:
        """60, 64, 62, 66 has variance 20/3; 50, 62, 54, 66 has 160/3; see test_figures."""
        assert self.TABLE["accuracy_mean"][:2].tolist() == approx([0.63, 0.58])
        assert self.TABLE["accuracy_std"][:2].tolist() == approx(
            [0.01 * sqrt(20 / 3), 0.01 * sqrt(160 / 3)]
        )
        assert self.TABLE["accuracy_min"][:2].tolist() == approx([0.60, 0.50])

    def test_the_spreads_are_compared_in_pairs(self) -> None:
        """Deviations -3, 1, -1, 3 and -8, 4, -4, 8: the ratio of std is sqrt 8.

        Their products sum to 24 + 4 + 4 + 24 = 56, so r = 56 / sqrt(20 * 160) = 0.98995 and
        1 - r^2 = 0.02. With K = 1 + 2 t^2 0.02 / 2 and t = 4.302653 the interval is the ratio
        divided and multiplied by sqrt(K + sqrt(K^2 - 1)).
        """
        row = only(self.TABLE, variant="gaussian_tau1_same_lr")
        k = 1 + T2**2 * 0.02
        widen = sqrt(k + sqrt(k**2 - 1))
        assert row["std_ratio"] == approx(sqrt(8))
        assert (row["std_ratio_low"], row["std_ratio_high"]) == approx(
            (sqrt(8) / widen, sqrt(8) * widen)
        )
        assert row["pitman_morgan_p"] < 0.05

    def test_the_reference_is_not_compared_with_itself(self) -> None:
        row = only(self.TABLE, variant="rademacher")
        assert isnan(row["difference"])
        assert isnan(row["std_ratio"])


class TestServer:
    TABLE = studies.server(frames.frame(*frames.server()))

    def test_plain_is_first_and_the_reference(self) -> None:
        """Adam in phase 1 is 5 points below on every seed: no spread, so no interval."""
        assert self.TABLE["variant"].tolist() == ["sgd", "adam_phase1", "adam_phase2", "reddi_both"]
        assert isnan(self.TABLE["difference"][0])
        assert self.TABLE["difference"][1:].tolist() == approx([-0.05, -0.10, -0.15])
        assert self.TABLE["p_over_d"].tolist() == approx([15 / 2410] * 4)

    def test_a_setting_that_a_variant_does_not_have_is_empty(self) -> None:
        assert self.TABLE["beta2"].tolist() == [""] * 4


class TestServerSweep:
    def test_each_setting_against_zowarmup_of_the_main_study(self) -> None:
        """50 to 52 % everywhere; ZOWarmUp has 45, 47, 49: the difference is 5, 4, 3."""
        own = frames.run("zowarmup", {0: 0.45, 1: 0.47, 2: 0.49})
        table = studies.server_sweep(frames.frame(*frames.server(), own))
        assert table["beta2"].tolist() == ["0.9"] * 4 + ["0.999"] * 4
        assert table["epsilon"][:4].tolist() == ["1e-08", "1e-05", "0.001", "0.1"]
        assert table["difference"].tolist() == approx([0.04] * 8)
        assert studies.server_sweep(frames.frame(*frames.server()))["difference"].isna().all()


class TestArchitecture:
    TABLE = studies.architecture(frames.frame(*frames.networks()))

    def test_the_two_differences(self) -> None:
        """Residual network 50 and 60 %, transformer 40 and 50 %, the same over seeds."""
        assert self.TABLE["model"].tolist() == ["resnet_tiny"] * 2 + ["vit_tiny"] * 2
        own, between = self.TABLE["difference"], self.TABLE["model_difference"]
        assert own[[1, 3]].tolist() == approx([0.1, 0.1])
        assert own[[0, 2]].isna().all()
        assert between[:2].isna().all()
        assert between[2:].tolist() == approx([-0.1, -0.1])

    def test_p_over_d_is_that_of_each_network(self) -> None:
        assert self.TABLE["d"].tolist() == [4000, 4000, 12_000, 12_000]
        assert self.TABLE["p_over_d"][[1, 3]].tolist() == approx([15 / 4000, 15 / 12_000])
        assert self.TABLE["p_over_d"][[0, 2]].isna().all()


class TestSteps:
    TABLE = studies.steps(frames.frame(*frames.steps()))

    def test_rows_say_what_a_client_does(self) -> None:
        """Eight images: two epochs of two batches of 4, one of one batch of 8."""
        assert self.TABLE["label"].tolist() == [
            "1 step on all images",
            "4 steps on 4 images",
            "FedKSeed, 1 step on all images",
        ]

    def test_drift_is_the_mean_over_the_second_phase(self) -> None:
        """0.1 ten rounds after the pivot and 0.2 at the end."""
        assert isnan(self.TABLE["drift"][0])
        assert self.TABLE["drift"][1:].tolist() == approx([0.15, 0.15])

    def test_a_diverged_seed_drifts_as_much_as_in_a_claim(self) -> None:
        """Seed 1 ends in round 30 at 0.1, the others average 0.15: (0.15 + 0.1 + 0.15) / 3."""
        rows = frames.diverge(frames.frame(*frames.steps()), 1, 30, variant="local_b4_e2")
        drift = only(studies.steps(rows), variant="local_b4_e2")["drift"]
        own = sample.values(rows[rows["variant"] == "local_b4_e2"], "drift", "phase_2")
        assert drift == approx(own["value"].mean()) == approx(0.4 / 3)

    def test_the_difference_is_to_one_step(self) -> None:
        assert isnan(self.TABLE["difference"][0])
        assert self.TABLE["difference"][1:].tolist() == approx([-0.05, -0.10])


class TestSweeps:
    TABLE = studies.sweeps(frames.everything())

    def test_every_cell_of_every_study_has_a_row(self) -> None:
        rows = self.TABLE.groupby("study", sort=False).size().to_dict()
        assert rows == {
            "S": 3, "tau": 4, "eps": 3, "lr": 3, "seeds_shared": 2, "alpha": 8, "clients": 6,
            "extreme": 2, "width": 6, "heterofl": 4, "fedkseed": 2, "memory": 2,
            "estimator": 2,
        }  # fmt: skip

    def test_the_setting_is_named(self) -> None:
        said = dict(zip(self.TABLE["study"], self.TABLE["setting"], strict=True))
        assert said["tau"] == "tau 3"
        assert said["seeds_shared"] == "directions shared: yes"
        assert said["clients"] == "clients 200, images a client 2"
        assert said["alpha"] == "alpha inf"
        assert said["fedkseed"] == "pro"
        assert said["heterofl"] == ""

    def test_the_reference_has_the_same_clients_and_network(self) -> None:
        """ZOWarmUp is 10 points above High Res Only of its own point, whatever the others are."""
        own = self.TABLE[(self.TABLE["method"] == "zowarmup") & (self.TABLE["study"] != "S")]
        paired = own[own["study"].isin(["alpha", "clients", "extreme", "width", "memory"])]
        assert paired["difference"].tolist() == approx([0.1] * 12)
        narrow = self.TABLE[self.TABLE["method"] == "heterofl"]
        assert narrow["difference"].tolist() == approx([0.1] * 2)
        assert own[own["study"] == "tau"]["difference"].isna().all()
        reference = self.TABLE[self.TABLE["method"] == "high_res_only"]
        assert reference["difference"].isna().all()


class TestParticipation:
    def test_the_difference_is_to_full_participation(self) -> None:
        """50, 52, 54, 56 % for (0.5, 0.5), (0.5, 1), (1, 0.5), (1, 1)."""
        table = studies.participation(frames.everything())
        parts = list(zip(table["participation_1"], table["participation_2"], strict=True))
        assert parts == [(1, 1), (1, 0.5), (0.5, 1), (0.5, 0.5)]
        assert isnan(table["difference"][0])
        assert table["difference"][1:].tolist() == approx([-0.02, -0.04, -0.06])

    def test_the_caption_says_what_the_bytes_follow(self) -> None:
        """210 kB with all clients and 30 kB with a tenth of them: a tenth of the scalars."""
        caption = studies.participation.caption
        assert "bytes of a low-resource client fall with the part of all clients" in caption


class TestGradientQuality:
    def test_mean_over_rounds_then_seeds_beside_theory(self) -> None:
        """Cosines are theory times 0.8 + accuracy / 10; accuracies 0.5 and 0.6."""
        table = gradient_quality.table(frames.frame(frames.run("zowarmup", {0: 0.5, 1: 0.6})))
        (row,) = table.to_dict("records")
        theory = sqrt(15 / 2425)
        assert row["cosine_expected"] == approx(theory)
        assert row["cosine_mean"] == approx(0.855 * theory)
        assert row["cosine_std"] == approx(0.01 / sqrt(2) * theory)
        assert row["cosine_ratio"] == approx(0.855)
        assert row["dissimilarity"] == approx(4.55)  # 4 plus the accuracy
        expected = (sqrt(15 / (15 + b * 2410)) for b in (4.5, 4.6))
        assert row["cosine_dissimilar"] == approx(sum(expected) / 2)

    def test_without_a_cosine_it_says_what_it_needs(self) -> None:
        with pytest.raises(metrics.MetricsError, match="has a gradient_cosine"):
            gradient_quality.table(frames.frame(REFERENCE))


class TestCosts:
    """Five clients of 8 images, one of them high-resource; d = 2,410; 20 + 20 rounds."""

    ROW = {"round": 40, "pivot": 20, "d": 2410, "d_low": 610, "S": 3, "images": 8.0} | {
        "clients": 5, "high_clients": 1, "estimator": "two_point", "candidates": 64,
        "sampling": "uniform",
    }  # fmt: skip

    def total(self, method: str, tier: str, **changed: Any) -> tuple[float, ...]:
        return tuple(
            cost_formulas.total(
                {"algorithm_2": ""} | frames.phases(method) | self.ROW | changed, tier
            )
        )

    def test_models_travel(self) -> None:
        """FedAvg on all: 40 rounds of 4 d each way, three passes over 8 images, four clients."""
        assert self.total("fedavg_all", "low", pivot=frames.NAN) == (
            4 * 40 * 9640, 4 * 40 * 9640, 4 * 40 * 24, 4 * 40 * 24,
        )  # fmt: skip
        assert self.total("high_res_only", "low", pivot=frames.NAN) == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("download", "message"),
        [("float32", 9640), ("int8", 2410 + 16), ("sign", 302 + 16), ("top", 8 * 24)],
    )
    def test_mixed_rounds(self, download: str, message: int) -> None:
        """Four low-resource clients send 3 scalars; all get the difference and 12 scalars."""
        mixed = {"algorithm_2": "zo_mixed", "clients_2": "all", "participation_2": 1.0} | {
            "epochs_2": 3, "batch_2": 4, "high_factor": 1.0, "top": 0.01, "download": download,
            "tensors": 4,
        }  # fmt: skip
        down = 9640 + 20 * (message + 48)
        assert self.total("zowarmup", "low", **mixed) == (4 * 240, 4 * down, 4 * 20 * 48, 0)
        assert self.total("zowarmup", "high", **mixed) == (
            40 * 9640, 20 * 9640 + down, 40 * 24, 40 * 24,
        )  # fmt: skip
        none = self.total("zowarmup", "high", **mixed | {"high_factor": 0.0})
        assert none == (20 * 9640, 20 * 9640 + 9640 + 20 * 48, 20 * 24, 20 * 24)

    def test_a_narrow_model_for_the_low_tier(self) -> None:
        assert self.total("heterofl", "low")[:2] == (4 * 40 * 2440, 4 * 40 * 2440)
        assert self.total("heterofl", "high")[:2] == (40 * 9640, 40 * 9640)

    def test_scalars_travel_after_one_model(self) -> None:
        """4 S = 12 bytes up, 4 S A = 60 down, 4 d once; 2 S n = 48 passes."""
        assert self.total("zowarmup", "low") == (
            4 * 20 * 12, 4 * (20 * 60 + 9640), 4 * 20 * 48, 0,
        )  # fmt: skip
        assert self.total("zowarmup", "high") == (
            20 * 9640 + 20 * 12, 20 * 9640 + 20 * 60 + 9640, 20 * 24 + 20 * 48, 20 * 24,
        )  # fmt: skip
        assert self.total("zowarmup_high_only", "high")[1] == 20 * 9640 + 20 * 12 + 9640
        assert self.total("zo_init", "low")[:2] == (4 * 40 * 12, 4 * (40 * 60 + 9640))

    def test_a_backward_pass_in_place_of_two_forward_ones(self) -> None:
        assert self.total("zo_init", "low", estimator="directional")[2:] == (1280, 1280)

    def test_local_steps_send_a_scalar_each(self) -> None:
        """T = 3 * 2: 72 bytes up, five times that down; 2 S E n = 144 passes."""
        assert self.total("zowarmup_local", "low") == (
            4 * 20 * 72, 4 * (20 * 360 + 9640), 4 * 20 * 144, 0,
        )  # fmt: skip

    def test_fedkseed_sends_what_is_shorter(self) -> None:
        """Six pairs of 6 bytes up, five times that down, or 4 K, 8 K with "pro"; 2 E n passes."""
        assert self.total("fedkseed_warm", "low") == (
            4 * 20 * 36, 4 * (20 * 180 + 9640), 4 * 20 * 48, 0,
        )  # fmt: skip
        few = self.total("fedkseed_warm", "low", candidates=8)
        assert few[:2] == (4 * 20 * 32, 4 * (20 * 32 + 9640))
        pro = self.total("fedkseed_warm", "low", sampling="pro", candidates=8)
        assert pro[1] == 4 * (20 * 64 + 9640)

    def test_a_run_that_diverged_is_counted_up_to_there(self) -> None:
        assert self.total("zowarmup", "low", round=30)[0] == 4 * 10 * 12
        assert self.total("zowarmup", "low", round=20) == (0, 0, 0, 0)

    def counted(self, **changed: Any) -> pd.DataFrame:
        """A run of FedAvg on all whose counts are those of the formulas, but for the changes."""
        sent = 40 * 9640
        exact = {"bytes_up": 5 * sent, "bytes_down": 5 * sent, "bytes_up_low": 4 * sent}
        exact |= {"bytes_down_low": 4 * sent, "forward_passes": 4800, "backward_passes": 4800}
        rows = frames.frame(frames.run("fedavg_all", {0: 0.5, 1: 0.6}))
        return costs.costs(rows.assign(**exact | changed))

    def test_equal_means_to_the_byte(self) -> None:
        table = self.counted()
        names = ["a high-resource client", "a low-resource client", "all clients"]
        assert table["tier"].tolist() == names
        assert table["clients"].tolist() == [1, 4, 5]
        assert table["bytes_up"].tolist() == [385_600, 385_600, 1_928_000]
        assert table["formula_up"].tolist() == table["bytes_up"].tolist()
        assert table["up_1"][:2].tolist() == [9640, 9640]
        assert table["equal"].tolist() == ["yes"] * 3
        assert self.counted(bytes_up_low=1_542_401)["equal"].tolist() == ["no", "no", "yes"]
        assert self.counted(forward_passes=4801)["equal"].tolist() == ["yes", "yes", "no"]

    def test_a_run_that_diverged_is_not_compared(self) -> None:
        """Seed 1 has five rows of other counts; if both are lost, nothing is compared."""
        sent = [5 * 40 * 9640] * 5 + [1] * 5
        assert self.counted(bytes_up=sent)["equal"].tolist() == ["no", "yes", "no"]
        lost = [False] * 5 + [True] * 5
        assert self.counted(bytes_up=sent, diverged=lost)["equal"].tolist() == ["yes"] * 3
        assert self.counted(diverged=True)["equal"].tolist() == [""] * 3

    def test_a_new_method_without_formula_is_counted_all_the_same(self) -> None:
        """Its phase is of the high-resource client alone; nobody else costs what is not known."""
        table = self.counted(algorithm_1="mine")
        assert table["equal"].tolist() == ["no formula"] * 3
        assert table["bytes_up"].tolist() == [385_600, 385_600, 1_928_000]
        assert table["formula_up"].isna().all()
        low = self.counted(algorithm_1="mine", clients_1="high", bytes_up_low=0, bytes_down_low=0)
        assert low["equal"].tolist() == ["no formula", "yes", "no formula"]

    def test_a_tier_without_clients_has_no_row(self) -> None:
        table = self.counted(high_clients=5, bytes_up_low=0, bytes_down_low=0)
        assert table["tier"].tolist() == ["a high-resource client", "all clients"]


class TestReading:
    def test_a_new_column_is_needed_and_checked(self, tmp_path: Path) -> None:
        path = tmp_path / "metrics.csv"
        rows = frames.frame(frames.run("zowarmup", {0: 0.5}))
        rows.to_csv(path, index=False)
        read = metrics.read(path)
        assert read["algorithm_2"].tolist() == ["zo"] * 5
        assert read["width"].tolist() == [1] * 5
        rows.assign(gradient_cosine=1.5).to_csv(path, index=False)
        with pytest.raises(metrics.MetricsError, match=r"'gradient_cosine' must lie in -1\.\.1;"):
            metrics.read(path)
        rows.drop(columns="d_low").to_csv(path, index=False)
        with pytest.raises(metrics.MetricsError, match="column 'd_low' is missing"):
            metrics.read(path)

    def test_a_split_without_shares_comes_last(self) -> None:
        rows = pd.DataFrame({"split": ["memory", "50/50", "2/98", "10/90"]})
        assert metrics.splits(rows) == ["2/98", "10/90", "50/50", "memory"]


@pytest.mark.parametrize(
    "name",
    [n for n in OF_ROWS if tables_and_figures.SHOWS[n] and n not in tables_and_figures.NEED_TRIALS],
)
def test_a_study_that_is_missing_is_named(name: str) -> None:
    other = frames.frame(frames.run("zowarmup", {0: 0.5}, study="other"))
    wanted = " or ".join(map(repr, tables_and_figures.SHOWS[name]))
    with pytest.raises(ValueError, match=rf"no rows of study {wanted} \(they hold: other\)"):
        registry.load(tables_and_figures.TABLES, name)(other, *MEASURED.get(name, []))


@pytest.mark.parametrize(
    ("name", "study"), [(name, s) for name in OF_ROWS for s in tables_and_figures.SHOWS[name]]
)
def test_the_rows_of_one_study_that_it_shows_are_enough(name: str, study: str) -> None:
    rows = frames.everything()
    rows = rows[rows["study"] == study]
    if len(rows):
        more = MEASURED.get(name, [])
        assert len(registry.load(tables_and_figures.TABLES, name)(rows, *more))


def test_every_study_has_a_row_for_each_of_its_runs() -> None:
    """Also a study of a name that no other table knows, and runs that differ in an own setting."""
    runs = {0.1: 0.6, 0.5: 0.8}  # by a setting; the run's name alone tells them apart
    rows = [frames.run("mine", {0: a, 1: a + 0.1}, study="beta", b=b) for b, a in runs.items()]
    rows += [frames.run("high_res_only", {0: 0.5, 1: 0.5}, study="beta")]
    table = registry.load(tables_and_figures.TABLES, "studies")(frames.frame(*rows))
    assert table["run"].nunique() == 3
    assert table["accuracy_mean"].round(6).tolist()[:2] == [0.65, 0.85]
    assert table["difference"].round(6).tolist()[:2] == [0.15, 0.35]
    assert set(table["study"]) == {"beta"}


class Page(HTMLParser):
    """Refuses tags that do not close in order, and keeps the cells of each row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data.strip()


@cache
def of_everything(name: str) -> pd.DataFrame:
    """A table of all studies, computed once; not to be changed."""
    computed = registry.load(tables_and_figures.TABLES, name)(METRICS, *MEASURED.get(name, []))
    assert isinstance(computed, pd.DataFrame)
    return computed


@pytest.mark.parametrize("name", OF_ROWS)
class TestFormats:
    def table(self, name: str) -> pd.DataFrame:
        return of_everything(name)

    def seen(self, name: str) -> list[list[str]]:
        """The heading and the rows that all formats for readers must show."""
        shown = display.display(self.table(name))
        return [list(shown), *shown.to_numpy().tolist()]

    def test_csv_keeps_every_column_and_ten_digits(self, name: str) -> None:
        table = self.table(name)
        again = list(csv.DictReader(StringIO(write.plain(table))))
        assert len(again) == len(table)
        for column in table:
            values = [row[str(column)] for row in again]
            if pd.api.types.is_numeric_dtype(table[column]):
                read = [float(v) if v else frames.NAN for v in values]
                assert read == approx(table[column].tolist(), rel=1e-9, nan_ok=True)
            else:
                assert values == table[column].tolist()

    def test_markdown(self, name: str) -> None:
        above, below = write.markdown(self.table(name)).split("\n\n")
        cells = [[c.strip() for c in line.strip("|").split("|")] for line in above.split("\n")]
        assert all(set(c) <= set(":-") for c in cells.pop(1))
        assert cells == self.seen(name)
        assert below.endswith(".\n")

    def test_html(self, name: str) -> None:
        assert Page(write.html(self.table(name))).rows == self.seen(name)

    def test_latex(self, name: str) -> None:
        text = write.latex(self.table(name))
        body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
        rows = [line for line in body.strip().split("\n") if "midrule" not in line]
        widths = {len(re.split(r"(?<!\\)&", row)) for row in rows}
        assert widths == {len(self.seen(name)[0])}
        assert len(rows) == len(self.seen(name))
        assert text.isascii()
        assert not re.search(r"(?<!\\)[%_#^~]", text)
        assert not re.search(r"(?<!\\)&", text.split(r"\toprule")[0])
        plain = text.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}")
        assert text.count("$") % 2 == 0

    def test_files_are_written_in_the_format_of_their_endings(
        self, name: str, tmp_path: Path
    ) -> None:
        paths = [tmp_path / f"{name}{ending}" for ending in write.FORMATS]
        write.write(self.table(name), paths)
        expected = [form(self.table(name)) for form in write.FORMATS.values()]
        assert [path.read_text(encoding="utf-8") for path in paths] == expected

    def test_an_unknown_format_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"a\.xls: .* must end in one of \.csv, \.md, "):
            write.write(self.table(name), [tmp_path / "a.xls"])


def test_a_caption_means_no_command_to_latex() -> None:
    table = pd.DataFrame({"n": [1]})
    table.attrs["caption"] = "|g|^2 & 5 % of a_b, #1 costs $2 ~ {c}\\d − 3 → --"
    first, _ = write.latex(table).split("\n\\centering")
    assert first == (
        "\\begin{table*}\n\\caption{|g|\\^{}2 \\& 5 \\% of a\\_b, \\#1 costs \\$2 "
        r"\textasciitilde{} \{c\}\textbackslash{}d $-$ 3 $\to$ -{}-}"
    )


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (display.percent, 0.543, "54.3"),
        (display.percent, -0.0001, "0.0"),
        (display.signed_percent, 0.012, "+1.2"),
        (display.signed_percent, -0.012, "−1.2"),
        (display.signed_percent, 0.0, "0.0"),
        (display.size, 999, "999 B"),
        (display.size, 9_820_000, "9.82 MB"),
        (display.size, 241e6, "241 MB"),
        (display.probability, 0.0004, "<0.001"),
        (display.probability, 0.0494, "0.049"),
        (display.whole, 2.0, "2"),
        (display.whole, 1.6, "1.6"),
        (display.three_digits, 0.1, "0.100"),
    ],
)
def test_how_numbers_look(form: display.Format, value: float, text: str) -> None:
    assert form(value) == text
