"""The forecast beside Snakemake's count of jobs, hand-made formulas, and the costs of a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workbench
from workbench import PROJECT

from zowarmup import api
from zowarmup.__main__ import main
from zowarmup.common.errors import UserError
from zowarmup.forecast import calibration, machine, sizes
from zowarmup.forecast.calibration import Speed
from zowarmup.forecast.forecast import PIVOT, disk, forecast, traffic
from zowarmup.forecast.jobs import ALONE, FIRST, LATER, Work
from zowarmup.forecast.part import formula_name, image_flops, peak
from zowarmup.forecast.sizes import Size
from zowarmup.plan.graph import Job, counts, graph
from zowarmup.plan.plan import plan

CIFAR, DIGITS = sizes.KNOWN["cifar10"], sizes.KNOWN["digits"]
CONFIGS = ("tests/tiny.yaml", *(f"config/{name}.yaml" for name in ("smoke", "config", "full")))


def work_of(config: str) -> Work:
    one = plan([str(PROJECT / config)])
    return Work(one, {n: sizes.dataset_size(n, d) for n, d in one.config.datasets.items()})


@pytest.mark.parametrize(
    "config", [*CONFIGS[:2], *(pytest.param(name, marks=pytest.mark.long) for name in CONFIGS[2:])]
)
def test_jobs_are_those_that_snakemake_counts(config: str, project: Path) -> None:
    call = project, ["-n", "--configfile", str(PROJECT / config)]
    jobs = counts(graph(plan([str(PROJECT / config)])))
    assert jobs.pop("all") == 1
    assert jobs == workbench.planned(workbench.snakemake_many([call])[0])


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
    assert image_flops(model, data, 1.0) == expected


def test_resnet18_takes_the_operations_that_are_known_of_it() -> None:
    """1.115e9 with its norms, which are left out here; half the width, a quarter of them."""
    assert image_flops("resnet18", CIFAR, 1.0) == pytest.approx(1.115e9, rel=0.005)
    assert image_flops("resnet18", CIFAR, 1.0, rate=0.5) == pytest.approx(1.115e9 / 4, rel=0.02)


def test_operations_of_the_default_config_by_hand() -> None:
    """The run zowarmup-10-90: 300 rounds, 50 clients of 25 images, 3 directions both ways."""
    work = work_of("config/config.yaml")
    [part] = work.parts(Job("train", "zowarmup-10-90", "60"))
    assert (part.rounds, part.rows) == (300, 30 + 2)  # the pivot's row is the warm-up's
    image = 2 * (64 * 32 + 4 * 32 * 32 + 32 * 10)
    assert part.images == (25, 3)
    assert (part.round.forward, part.round.backward) == (50 * 25 * 6 * image, 0)
    assert part.training == 300 * part.round.forward
    assert part.evaluation == 32 * image * (360 + 50 * 28 + 3 * 50 * 25)
    [part] = work.parts(Job("warmup", "fedavg-high-10-90", "60"))
    assert (part.rounds, part.rows, part.snapshots) == (500, 51, 11)
    assert part.round[2:] == (5 * 25 * 3 * image, 2 * 5 * 25 * 3 * image)
    first, second = work_of("config/full.yaml").parts(Job("select", "zowarmup-10-90"))
    assert (first.rounds, first.losses) == (5 * 3 * 200, 0)  # one warm-up for four candidates each
    trials = 5 * 12
    assert (second.rounds, second.losses) == (trials * 300, trials * (250 // 25 + 50 // 10))


def test_an_algorithm_without_a_formula_costs_as_one_with_its_settings() -> None:
    assert formula_name({"algorithm": "new", "epochs": 3, "batch": 16}) == "fedavg"
    assert formula_name({"algorithm": "new", "S": 3, "eps": 1e-4}) == "zo"
    with pytest.raises(UserError, match="new: no formula gives the cost of a round"):
        formula_name({"algorithm": "new"})


# --- bytes, held beside what a run counted ---------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A finished run of the smoke config, and its last row."""
    results = tmp_path_factory.mktemp("results")
    config = str(PROJECT / "config/smoke.yaml")
    rows = api.run_config(config, runs=["zowarmup-10-90"], seeds=[0], results=results)
    return results / "smoke", dict(rows.iloc[-1])


def test_bytes_are_those_that_a_run_counts(counted: tuple[Path, dict[str, int]]) -> None:
    """Warm-up to the pivot, the model to everybody, the second phase."""
    work = work_of("config/smoke.yaml")
    run = Job("train", "zowarmup-10-90", "0")
    warmup = Job("warmup", str(work.plan.runs[run.name].warmup), "0")
    sent = traffic(work.table([warmup, run]))
    share = 8 / work.plan.warmups[warmup.name].phase.rounds  # a longer run may share it
    up, down = ({stage: both[way] for stage, both in sent.items()} for way in ("up", "down"))
    assert share * up[FIRST] + up[LATER] == counted[1]["bytes_up"]
    assert share * down[FIRST] + down[PIVOT] + down[LATER] == counted[1]["bytes_down"]


def test_runs_of_one_phase_are_counted_apart() -> None:
    """HeteroFL and FedAvg on all clients; High Res Only shares ZOWarmUp's warm-up."""
    work = work_of("config/config.yaml")
    names = ("heterofl-all-10-90", "fedavg-all", "fedavg-high-10-90")
    stages = [part.stage for name in names for part in work.parts(Job("warmup", name, "60"))]
    assert stages == [ALONE, ALONE, FIRST]


def test_files_are_about_as_large_as_forecast(counted: tuple[Path, dict[str, int]]) -> None:
    work, folder = work_of("config/smoke.yaml"), counted[0]
    jobs = [Job("train", "zowarmup-10-90", "0"), Job("dataset", "digits")]
    bytes_of = disk(work, jobs, work.table(jobs))
    run = folder / "runs/zowarmup-10-90/0"
    truth = {
        "journals": run / "journal.jsonl",
        "final models": run / "final.safetensors",
        "data sets": folder / "datasets/digits/dataset.npz",
    }
    for name, file in truth.items():
        assert bytes_of[name] == pytest.approx(file.stat().st_size, rel=0.1), name


# --- time -----------------------------------------------------------------------------------


def test_the_critical_path_is_the_longest_chain() -> None:
    """b alone lasts until 5, then d; a and c, 3 seconds, lie beside it."""
    a, b, c, d = map(Job, "abcd")
    assert machine.longest({a: (), b: (), c: (a,), d: (b, c)}, {a: 1, b: 5, c: 2, d: 1}) == 6


def test_a_long_round_is_cut_to_two_small_clients() -> None:
    """One client of each tier, and the operations of its images alone."""
    [part] = work_of("config/config.yaml").parts(Job("train", "zowarmup-10-90", "0"))
    few = calibration.cut(part, 4)
    assert (few.members, few.high, few.images) == (2, 1, (4, 1))
    assert few.training / part.training == pytest.approx(2 * 4 / (50 * 25))
    assert calibration.cut(part, 400).images == (25, 1)
    now = calibration.speed(part, light=1.0)
    assert min(now.training, now.evaluation) > 0
    assert 0 <= now.fixed < 10


def test_what_does_not_grow_with_the_images_is_no_cost_of_an_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FedKSeed's directions took seconds in a round of few images, and months in the forecast."""
    [part] = work_of("config/config.yaml").parts(Job("train", "zowarmup-10-90", "0"))
    monkeypatch.setattr(calibration, "_timed", lambda one: (2.0 + 1e-6 * one.training, 1.0))
    now = calibration.speed(part, light=1.0)
    assert (now.fixed, now.training) == (pytest.approx(2), pytest.approx(1e-6))
    whole = replace(part, rows=0)
    assert now.seconds(whole) == pytest.approx(2 * part.rounds + 1e-6 * part.training)


def test_a_few_rounds_are_really_run(tmp_path: Path) -> None:
    work = work_of("tests/tiny.yaml")
    jobs = graph(work.plan)
    parts = {job: work.parts(job) for job in jobs}
    now = machine.hours(work.plan, jobs, parts, tmp_path, cores=2)
    assert (now.recorded, now.kinds) == (0, 2)
    assert 1e7 < now.process_bytes < 2e9
    assert 0 < max(now.path, now.work / 2) <= now.wall <= now.work + 60


def test_kinds_without_time_left_are_scaled_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind with most operations runs; the others of its algorithm take its seconds."""
    work = work_of("tests/tiny.yaml")
    kinds = {calibration.kind(p): p for job in graph(work.plan) for p in work.parts(job)}
    monkeypatch.setattr(calibration, "speed", lambda part: Speed(1.0, part.training, 0.0))
    timed = calibration.calibrated(kinds, budget=-1.0)
    for name, part in kinds.items():
        alike = [p for p in kinds.values() if p.phase["algorithm"] == part.phase["algorithm"]]
        assert timed[name] == Speed(1.0, max(p.training for p in alike), 0.0)


def test_jobs_that_have_run_count_as_recorded(tmp_path: Path) -> None:
    """By Snakemake's benchmark files; another seed as the mean, changed settings not at all."""
    one = plan([str(PROJECT / "config/smoke.yaml")])
    drawn = Job("table", "main")
    jobs = [*(Job("train", "zowarmup-10-90", seed) for seed in "012"), drawn]
    for job, seconds in ((jobs[0], 2.0), (jobs[1], 4.0), (drawn, 3.0)):
        file = tmp_path / "benchmarks" / ("/".join(filter(None, job)) + ".tsv")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tcpu_time\n{seconds}\t0.1\n")
    assert machine.recorded(one, jobs, tmp_path) == {drawn: 3.0}
    spec = one.runs[jobs[0].name].model_dump(mode="json")
    spec["phases"][-1]["lr"] = 0.125  # as selected
    for job in jobs[:2]:
        record = tmp_path / "runs" / job.name / job.part / "run.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"spec": spec}))
    known = machine.recorded(one, jobs, tmp_path)
    assert known == {jobs[0]: 2.0, jobs[1]: 4.0, jobs[2]: 3.0, drawn: 3.0}
    spec["phases"][-1]["rounds"] += 1
    record.write_text(json.dumps({"spec": spec}))
    assert machine.recorded(one, jobs, tmp_path)[jobs[1]] == 2.0
    (tmp_path / "benchmarks/table/main.tsv").write_text("")
    with pytest.raises(UserError, match=r"main\.tsv: "):
        machine.recorded(one, jobs, tmp_path)


# --- the command ----------------------------------------------------------------------------


def test_the_command_prints_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(PROJECT / "config/smoke.yaml")
    assert main(["plan", config, "--no-calibration", "--json"]) == 0
    [numbers] = json.loads(capsys.readouterr().out)
    assert numbers["jobs"]["train"] == 24
    assert numbers["machine"] is None
    assert main(["plan", config, "--no-calibration"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("smoke: 87 jobs: 1 dataset, 3 federation")
    assert max(map(len, said.splitlines())) <= 100
    assert main(["plan", config, "--list"]) == 0
    assert "  zowarmup-10-90" in capsys.readouterr().out


def test_sizes_are_those_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = {"x_train": np.zeros((40, 5, 6, 3), np.uint8), "x_test": np.zeros((7, 5, 6, 3), np.uint8)}
    y = {"y_train": np.arange(40) % 4, "y_test": np.arange(7) % 4}
    np.savez(tmp_path / "mine.npz", **x, **y)
    config = tmp_path / "mine.yaml"
    tiny = (PROJECT / "tests/tiny.yaml").read_text()
    source = "{source: digits, images_train: 300, images_test: 60}"
    assert source in tiny
    config.write_text(tiny.replace(source, "{source: mine}"))
    one = plan([str(config)])
    monkeypatch.setenv("ZOWARMUP_DATA_DIR", str(tmp_path))
    size = Size((3, 5, 6), 4, 40, 7)
    assert sizes.dataset_size("digits", one.config.datasets["digits"]) == size
    monkeypatch.delenv("ZOWARMUP_DATA_DIR")
    with pytest.raises(UserError, match=r"mine\.npz is in no data folder"):
        forecast(one, 1, 1, None)


def test_images_are_held_as_bytes() -> None:
    """ImageNet32 on a GPU: 4.0 GB in main memory, as much on the device, indices beside."""
    work, data = work_of("config/paper.yaml"), sizes.KNOWN["imagenet32"]
    job = next(j for j in graph(work.plan) if j.rule == "train" and "imagenet32" in j.name)
    images = peak(work.parts(job)[0])["images"]
    assert images == (2 * 3072 + 32) * (data.train + data.test)


def test_a_large_config_is_forecast_without_its_data() -> None:
    """A zeroth-order round on CIFAR-10 takes 45,000 x 6 passes."""
    one = plan([str(PROJECT / "config/cifar10-lite.yaml")])
    [part] = Work(one, {"cifar10": CIFAR}).parts(Job("train", "zowarmup-10-90", "0"))
    assert part.round.forward == 45_000 * 6 * image_flops("resnet8", CIFAR, 1.0)
    assert forecast(one, 1, 1, None).download_bytes in (0, 170_498_071)
