"""What the profiles say, and what a job asks a cluster for."""

import re
from pathlib import Path
from typing import Any

import pytest
import workbench
import yaml

PROFILES = workbench.PROJECT / "profiles"
STATUS = "slurm-status-command"


def profile(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
    return found


def test_the_two_cluster_profiles_differ_in_how_they_look_at_jobs_alone() -> None:
    """And in the comment above; so that nobody edits one and forgets the other."""
    texts = [(PROFILES / name / "config.yaml").read_text() for name in ("slurm", "slurm-squeue")]
    with_sacct, with_squeue = (text.splitlines()[2:] for text in texts)
    assert [line for line in with_sacct if STATUS not in line] == [
        line for line in with_squeue if STATUS not in line
    ]
    assert profile("slurm")[STATUS] == "sacct"
    assert profile("slurm-squeue")[STATUS] == "squeue"


@pytest.mark.parametrize("name", ["slurm", "slurm-squeue", "local-gpu"])
def test_no_profile_sets_what_the_default_one_would_win_over(name: str) -> None:
    assert not profile(name).keys() & profile("default").keys()


@pytest.mark.parametrize("name", ["slurm", "slurm-squeue"])
def test_a_cluster_profile_leaves_sizes_to_the_rules(name: str) -> None:
    """A number here would take the place of one that knows images, processes and attempts."""
    for own in profile(name)["set-resources"].values():
        assert own.keys() == {"slurm_partition"}
    assert "slurm-array-jobs" not in profile(name)


def asked(finished: Path, rule: str, *more: Path) -> dict[str, int]:
    """The numbers among the resources of a rule's jobs."""
    call = ["--dry-run", "--forcerun", rule, "--configfile", "tiny.yaml", *map(str, more)]
    [answer] = workbench.snakemake_many([(finished, call)])
    assert answer.code == 0, answer.text
    text = answer.text.split(f"rule {rule}:")[1].split("resources: ")[1].splitlines()[0]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)(?=,|$)", text)}


def test_a_training_job_asks_for_each_of_its_processes(finished: Path, tmp_path: Path) -> None:
    images = 2 * (finished / "results/tiny/datasets/digits/dataset.npz").stat().st_size // 10**6
    alone = asked(finished, "train")
    assert (alone["mem_mb"], alone["runtime"], alone["gpu"]) == (2000 + images, 240, 0)
    more = tmp_path / "more.yaml"
    more.write_text("engine: {processes: 3, device: cuda}\njobs: {memory_mb: 700, minutes: 9}\n")
    several = asked(finished, "train", more)
    assert (several["mem_mb"], several["runtime"]) == (3 * (700 + images), 9)
    assert several["gpu"] == 3
