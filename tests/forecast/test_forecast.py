"""What a config will cost, beside Snakemake's count, formulas, and what a run counted."""

import json
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import workbench
from workbench import PROJECT

from zowarmup import api
from zowarmup.__main__ import main
from zowarmup.common.errors import UserError
from zowarmup.forecast import calibrate, flops, hours, schedule, sizes, storage
from zowarmup.forecast.clock import Seconds
from zowarmup.forecast.forecast import forecast, kinds
from zowarmup.forecast.sizes import Size
from zowarmup.forecast.text import text
from zowarmup.forecast.traffic import FIRST, LATER, PIVOT, traffic
from zowarmup.forecast.trial import cut
from zowarmup.forecast.work import Kind, Work
from zowarmup.plan.graph import Job, counts, graph
from zowarmup.plan.plan import plan

CIFAR, DIGITS = sizes.KNOWN["cifar10"], sizes.KNOWN["digits"]
CONFIGS = ("tests/tiny.yaml", *(f"config/{name}.yaml" for name in ("smoke", "config", "full")))


def work_of(config: str) -> Work:
    made = plan([str(PROJECT / config)])
    return Work(made, {n: sizes.dataset_size(n, d, {}) for n, d in made.config.datasets.items()})


def test_jobs_are_those_that_snakemake_counts(project: Path) -> None:
    calls = [(project, ["-n", "--configfile", str(PROJECT / config)]) for config in CONFIGS]
    for config, answer in zip(CONFIGS, workbench.snakemake_many(calls), strict=True):
        jobs = counts(graph(plan([str(PROJECT / config)])))
        assert jobs.pop("all") == 1
        assert jobs == workbench.planned(answer), config


# --- operations -----------------------------------------------------------------------------


def resnet18() -> int:
    """Multiply-adds of ResNet18's convolutions at 32x32, two blocks a stage."""
    macs, inside = 3 * 64 * 9 * 32**2, 64
    for width, side in ((64, 32), (128, 16), (256, 8), (512, 4)):
        shortcut = inside * width * side**2 if inside != width else 0
        macs += (inside + 3 * width) * width * 9 * side**2 + shortcut
        inside = width
    return 2 * (macs + 512 * 10)


def vit(tokens: int, h: int, mlp: int, layers: int, patch: int) -> int:
    """Of the ViT: four maps and the MLP for each token, and the two products of attention."""
    dense = tokens * (4 * h * h + 2 * h * mlp)
    attention = 2 * tokens * tokens * h
    return 2 * (layers * (dense + attention) + (tokens - 1) * patch * h + 10 * h)


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        ("mlp", DIGITS, 2 * (64 * 32 + 32 * 10)),
        ("resnet18", CIFAR, resnet18()),
        ("vit_small_p4", CIFAR, vit(65, 512, 2048, 6, 48)),
    ],
)
def test_operations_of_a_forward_pass(model: str, data: Size, expected: int) -> None:
    assert flops.of_image(model, data, 1.0) == expected


def test_resnet18_takes_the_operations_that_are_known_of_it() -> None:
    """1.115e9 with its norms, which are left out here; half the width, a quarter of them."""
    assert flops.of_image("resnet18", CIFAR, 1.0) == pytest.approx(1.115e9, rel=0.005)
    assert flops.of_image("resnet18", CIFAR, 1.0, 0.5) == pytest.approx(1.115e9 / 4, rel=0.02)


def test_operations_of_the_default_config_by_hand() -> None:
    """The run zowarmup-10-90: 300 rounds, 50 clients of 25 images, 3 directions both ways."""
    work = work_of("config/config.yaml")
    [piece] = work.pieces(Job("train", "zowarmup-10-90", "0"))
    assert (piece.rounds, piece.rows) == (300, 30 + 2)  # the pivot's row is the warm-up's
    image = 4736
    assert (piece.kind.crowd.train, piece.kind.crowd.heldout) == (25, 3)
    assert piece.flops().forward == 300 * 50 * 25 * 6 * image
    assert piece.flops().backward == 0
    assert piece.flops().evaluation == 32 * image * (360 + 50 * 28 + 3 * 50 * 25)
    [piece] = work.pieces(Job("warmup", "fedavg-high-10-90", "0"))
    assert (piece.rounds, piece.rows, piece.snapshots) == (500, 51, 11)
    assert piece.flops()[:2] == (500 * 5 * 25 * 3 * image, 2 * 500 * 5 * 25 * 3 * image)
    [piece] = work.pieces(Job("select", "zo-all-after-fedavg-10-90"))
    assert (piece.rounds, piece.heldout) == (6 * 300, 6 * (300 // 25 + 1))


def test_an_algorithm_without_a_formula_costs_as_one_of_its_settings() -> None:
    assert flops.like({"algorithm": "new", "epochs": 3, "batch": 16}) == "fedavg"
    assert flops.like({"algorithm": "new", "S": 3, "eps": 1e-4}) == "zo"
    with pytest.raises(UserError, match="new: nothing says what a round of it costs"):
        flops.like({"algorithm": "new"})


# --- bytes, held beside what a run counted ---------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A really made run of the smoke config, and its last row."""
    results = tmp_path_factory.mktemp("results")
    config = str(PROJECT / "config/smoke.yaml")
    rows = api.run_config(config, runs=["zowarmup-10-90"], seeds=[0], results=results)
    return results / "smoke", dict(rows.iloc[-1])


def test_bytes_are_those_that_a_run_counts(counted: tuple[Path, dict[str, int]]) -> None:
    """Warm-up to the pivot, the model to everybody, the second phase."""
    work = work_of("config/smoke.yaml")
    warmup, run = Job("warmup", "fedavg-high-10-90", "0"), Job("train", "zowarmup-10-90", "0")
    sent = traffic(work, [warmup, run])
    share = 8 / work.plan.warmups[warmup.name]["rounds"]  # it goes on for High Res Only
    first = sent[FIRST]
    assert share * first.up + sent[LATER].up == counted[1]["bytes_up"]
    down = share * first.down + sent[PIVOT].down + sent[LATER].down
    assert down == counted[1]["bytes_down"]


def test_files_are_about_as_large_as_foretold(counted: tuple[Path, dict[str, int]]) -> None:
    from zowarmup.forecast.storage import disk

    folder, jobs = counted[0], [Job("train", "zowarmup-10-90", "0")]
    found = disk(work_of("config/smoke.yaml"), [*jobs, Job("dataset", "digits")])
    run = folder / "runs/zowarmup-10-90/0"
    truth = {
        "journals": run / "journal.jsonl",
        "final models": run / "final.safetensors",
        "data sets": folder / "datasets/digits/dataset.npz",
    }
    for name, file in truth.items():
        assert found[name] == pytest.approx(file.stat().st_size, rel=0.1), name


# --- time -----------------------------------------------------------------------------------

JOBS = {Job("a"): (), Job("b"): (), Job("c"): (Job("a"),), Job("d"): (Job("b"), Job("c"))}
TOOK = {Job("a"): 1.0, Job("b"): 5.0, Job("c"): 2.0, Job("d"): 1.0}


def test_jobs_wait_for_cores_and_for_each_other() -> None:
    """One after the other 9; side by side b alone lasts until 5, then d; a and c lie beside it."""
    assert schedule.makespan(JOBS, TOOK, 1) == 9
    assert schedule.makespan(JOBS, TOOK, 2) == 6
    assert schedule.longest(JOBS, TOOK) == (6, [Job("b"), Job("d")])


def test_a_cut_kind_is_scaled_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a round takes 1 s for every client and 1 s for 1e4 operations, that is what is found."""
    [piece] = work_of("config/config.yaml").pieces(Job("train", "zowarmup-10-90", "0"))
    kind, asked = piece.kind, []

    def timed_round(part: Kind) -> tuple[Seconds, Seconds]:
        asked.append(part.crowd.train)
        one = part.round().all / 1e4 + part.crowd.clients
        return Seconds(one, one), Seconds()

    monkeypatch.setattr(calibrate, "timed_round", timed_round)
    monkeypatch.setattr(calibrate, "LARGE", 0)
    one = cut(kind, 1).round().all
    found = calibrate.timing(kind, speed=8.5 * one / calibrate.WHOLE)
    assert asked == [2, 8]
    assert found.round.wall == pytest.approx(50 + kind.round().all / 1e4)
    assert found.row.wall == pytest.approx(kind.row().all / 1e4)
    assert found.heldout.busy == pytest.approx(kind.heldout().all / 1e4)


def test_a_few_rounds_are_really_run() -> None:
    """All of the smallest config, as it is; and cut to pieces, as a large one would be."""
    work = work_of("tests/tiny.yaml")
    jobs = graph(work.plan)
    said: list[str] = []
    pieces = {job: work.pieces(job) for job in jobs}
    found = calibrate.machine(kinds(pieces), said.append)
    assert found.measured == len(found.timings) == len(said) - 2
    assert 1e7 < found.base < 2e9
    hours_here = hours.here(work, jobs, found, cores=2)
    assert 0 < hours_here.path <= hours_here.wall <= hours_here.work + 60
    [piece] = work.pieces(Job("train", "zowarmup", "0"))
    assert calibrate.timing(piece.kind, speed=1.0).round.busy > 0


# --- the command ----------------------------------------------------------------------------


def test_the_command_prints_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(PROJECT / "config/smoke.yaml")
    assert main(["plan", config, "--no-calibration", "--json"]) == 0
    [made] = json.loads(capsys.readouterr().out)
    assert made["jobs"]["train"] == 26
    assert "machine" not in made
    assert main(["plan", config, "--no-calibration"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("smoke: 72 jobs: 1 dataset, 2 federation")
    assert max(map(len, said.splitlines())) <= 100
    assert main(["plan", config, "--list"]) == 0
    assert "  zowarmup-10-90" in capsys.readouterr().out
    assert text(made) == said.rstrip("\n")


def test_sizes_of_files_are_read_from_their_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = {"x_train": np.zeros((40, 5, 6, 3), np.uint8), "x_test": np.zeros((7, 5, 6, 3), np.uint8)}
    y = {"y_train": np.arange(40) % 4, "y_test": np.arange(7) % 4}
    np.savez(tmp_path / "mine.npz", **x, **y)
    config = tmp_path / "mine.yaml"
    tiny = (PROJECT / "tests/tiny.yaml").read_text()
    source = "{source: digits, images_train: 300, images_test: 60}"
    assert source in tiny
    config.write_text(tiny.replace(source, "{source: mine}"))
    made = plan([str(config)])
    monkeypatch.setenv("ZOWARMUP_DATA_DIR", str(tmp_path))
    assert sizes.dataset_size("digits", made.config.datasets["digits"], {}) == Size(
        (3, 5, 6), 4, 40, 7
    )
    monkeypatch.delenv("ZOWARMUP_DATA_DIR")
    with pytest.raises(UserError, match=r"mine\.npz is in no data folder.*--size digits="):
        forecast(made, {}, 1, 1, None)
    given = dict([sizes.parse_size("digits=40,7,3,5,6,4")])
    assert forecast(made, given, 1, 1, None)["jobs"]["train"] == 2
    with pytest.raises(UserError, match="--size: digits=40: give NAME="):
        sizes.parse_size("digits=40")
    with pytest.raises(UserError, match="all numbers from 1 on"):
        sizes.parse_size("digits=-5,0,1,8,8,10")


def test_a_size_is_of_a_data_set_of_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(PROJECT / "config/smoke.yaml")
    assert main(["plan", config, "--no-calibration", "--size", "other=90,9,1,8,8,10"]) == 2
    assert "--size: other: no such data set; there is digits" in capsys.readouterr().err


def test_images_are_held_as_bytes() -> None:
    """ImageNet32 on a GPU: 4.0 GB in main memory, as much on the device, places beside."""
    work, data = work_of("config/paper.yaml"), sizes.KNOWN["imagenet32"]
    job = next(j for j in graph(work.plan) if j.rule == "train" and "imagenet32" in j.name)
    images, _ = storage.peak(work.pieces(job)[0])
    assert images == (2 * 3072 + 32) * (data.train + data.test)


def test_a_large_config_is_forecast_without_its_data() -> None:
    """ResNet18 on CIFAR-10 as in the paper: a zeroth-order round takes 45,000 x 6 passes."""
    made = plan([str(PROJECT / "config/cifar10-lite.yaml")])
    work = Work(made, {"cifar10": CIFAR})
    [piece] = work.pieces(Job("train", "zowarmup-10-90", "0"))
    one = flops.of_image("resnet8", CIFAR, 1.0)
    assert piece.kind.round().forward == 45_000 * 6 * one
    assert forecast(made, {}, 1, 1, None)["download_bytes"] in (0, 170_498_071)
    assert ceil(piece.kind.crowd.train / 900) == 1
