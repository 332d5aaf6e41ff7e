"""Warm-ups shared between clones through Snakemake's cache, which is told what it does not see."""

from pathlib import Path

import numpy as np
import workbench

from zowarmup.__main__ import main
from zowarmup.data import datasets

TINY = Path("results/tiny")
WARMUP = TINY / "warmups/fedavg-high"


def test_two_clones_share_a_warm_up_and_no_other(tmp_path: Path) -> None:
    """The second trains none and has the same bytes; one with other images trains its own."""
    text = (workbench.PROJECT / "tests/tiny.yaml").read_text()
    text = text.replace("source: digits, images_train: 300, images_test: 60", "source: mine")
    text = text.replace("fedavg: {lr: select,", "fedavg: {lr: 0.1,")
    text = text.replace("rounds: 60", "rounds: 20")
    data = datasets.load_source("digits", images_train=300, images_test=60).arrays
    cache = tmp_path / "cache"
    cache.mkdir()
    names = ["metrics.csv", *(f"snapshots/round-0000{t}0.safetensors" for t in (0, 1, 2))]
    targets = [f"{WARMUP}/{seed}/metrics.csv" for seed in (0, 1)]
    made = {}
    for clone, shift in (("first", 0), ("second", 0), ("other", 1)):
        folder = workbench.copy_project(tmp_path / clone)
        (folder / "tiny.yaml").write_text(text)
        images = {key: np.roll(data[key], shift, axis=-1) for key in ("x_train", "x_test")}
        labels = {key: data[key] for key in ("y_train", "y_test")}
        (folder / "data").mkdir()
        np.savez(folder / "data/mine.npz", **images, **labels)
        said = workbench.snakemake(
            folder,
            *("--cores", "2", *targets, "--cache", "--configfile", "tiny.yaml"),
            SNAKEMAKE_OUTPUT_CACHE=str(cache),
            ZOWARMUP_DATA_DIR=str(folder / "data"),
        )
        assert said.code == 0, said.text
        made[clone] = [(folder / WARMUP / s / name).read_bytes() for s in "01" for name in names]
        trained = list((folder / WARMUP).glob("*/state"))  # what a job leaves that has run
        assert len(trained) == (0 if clone == "second" else 2)
        if clone == "second":
            again = ["--dry-run", *targets, "--configfile", "tiny.yaml"]
            [answer] = workbench.snakemake_many([(folder, again)])
            assert workbench.planned(answer) == {}  # sharing or not makes nothing out of date
    assert made["first"] == made["second"]
    assert all(a != b for a, b in zip(made["first"][1:4], made["first"][5:8], strict=True))
    assert made["first"][1] == made["other"][1]  # the initialisation knows no images
    assert all(made["first"][i] != made["other"][i] for i in (0, 2, 3, 4, 6, 7))
    first = tmp_path / "first"
    assert main(["clean", str(first / "tiny.yaml"), "--results", str(first / "results")]) == 0
    assert len(list(cache.glob("*_snapshots/round-*"))) == 4 * 3  # the others' too
