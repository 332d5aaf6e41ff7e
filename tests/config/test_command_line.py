"""What `snakemake --config KEY=VALUE` means, with the values that Snakemake makes of it."""

from pathlib import Path

import pytest
import workbench
from snakemake.cli import parse_config

from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.plan import plan

TINY = workbench.PROJECT / "tests" / "tiny.yaml"

# KEY=VALUE of every kind of key: numbers, names, lists, mappings, and what lies in them.
GOOD = [
    "seeds=[0,1]", "seeds=[ 3 ]", "seeds=3", "name=other", "name=null", "split=50/50", "model=cnn",
    "width=0.5", "width=1e-1", "width=2", "evaluate_every=5", "snapshot_every=20",
    "engine={name: plain}", "engine={micro_batch: 8}", "engine={options: {block: 2}}",
    "engine={name: plain, channels_last: true}", "engine={name: plain, channels_last: True}",
    "pin={federation: 3}", "algorithms={zo: {eps: 1e-3, S: 5}}", "algorithms={zo: {lr: .5}}",
    "selection={rounds: {}, joint_grid: {zo: [1, 2e-1]}}",
    "algorithms={zo: {lr: select, shared_directions: yes}}", "algorithms={zo: {lr: null}}",
    "selection={seeds: [3, 4], trials: null}", "selection={grid: {zo: [1e-2, 1E5, 3]}}",
    "federations={default: {clients: 20, alpha: infinite}}",
    "federations={default: {alpha: 0.1, tier_order: first}}",
    "federations={default: {memory: [{share: 0.4, megabytes: 1}, {share: 0.6, megabytes: 2}]}}",
    "datasets={digits: {images_train: 200, images_test: null}}",
    "methods={zowarmup: {label: 'a b'}}", "tables=[]", "figures=[training_curves]",
    "methods={high_res_only: {phases: [{algorithm: fedavg, clients: high, rounds: 40}]}}",
    "studies={main: {grid: {pivot: [10, 20]}}}", "studies={main: {seeds: [3, 4]}}",
    "studies={main: {grid: {split: [30/70, 50/50]}}}", "studies={main: {set: {zo.S: 5}}}",
    "studies={two: {methods: [zowarmup], set: {pin.directions: 7, width: 2}}}",
    "memory={models: [mlp], shape: [1, 8, 8]}", "jobs={minutes: 30}", "claims=config/claims.yaml",
]  # fmt: skip


@pytest.mark.parametrize("argument", GOOD)
def test_a_value_means_what_it_means_in_a_file(argument: str, tmp_path: Path) -> None:
    key, _, value = argument.partition("=")
    if value == "null":
        value = "'null'"  # a name that the workflow takes from the command line, as any other
    file = tmp_path / "config.yaml"
    file.write_text(f"extends: {TINY}\n{key}: {value}\n")
    assert plan([str(TINY)], parse_config([argument])) == plan([str(file)])


@pytest.mark.parametrize("label", ["2024", "yes", "1e-4", "~", "null", "50:50", "010"])
def test_a_text_stays_one_where_the_schema_wants_text(label: str) -> None:
    made = plan([str(TINY)], parse_config([f"methods={{zowarmup: {{label: {label}}}}}"]))
    assert made.config.methods["zowarmup"].label == label


def test_nothing_takes_a_key_out_as_in_a_file() -> None:
    made = plan([str(TINY)], parse_config(["studies={main: null, two: {methods: [zowarmup]}}",
                                           "tables=[]", "figures=[]", "pin="]))  # fmt: skip
    assert list(made.config.studies) == ["two"]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("seeds=[0,a]", "seeds.1: input should be a valid integer, not 'a'"),
        ("seeds=[0.5]", "seeds.0: input should be a valid integer, not 0.5"),
        ("seeds=", "seeds: this key is required; add it"),
        ("name=2024", "valid string, not 2024; put it in quotes (in a config file)"),
        ("engine=plain", "engine: input should be a valid dictionary, not 'plain'"),
        (
            "split=50:50",
            "--config: split: 50:50: give percentages that add up to 100",
        ),
        ("algorithms={zo: {eps: fast}}", "--config: algorithms.zo.eps: input should be a valid n"),
        ("jobs={minutes: -5}", "jobs.minutes: input should be greater than or equal to 1, not -5"),
        ("studies={main: {grid: {zo.S: [0]}}}", "equal to 1, not 0"),
    ],
)
def test_a_bad_value_is_blamed_on_the_command_line(argument: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan([str(TINY)], parse_config([argument]))
    assert str(caught.value).startswith(f"{TINY} + --config: ")
    assert sentence in str(caught.value)


def test_snakemake_plans_the_seeds_of_a_list(project: Path) -> None:
    """A run of each seed, and a federation of each that a run or a selection has."""
    call = ["-n", "--quiet", "host", "--configfile", "tiny.yaml", "--config", "seeds=[3, 4, 9]"]
    mapping = [*call, "selection={seeds: [5, 6]}"]
    three, more = workbench.snakemake_many([(project, call), (project, mapping)])
    assert workbench.planned(three)["train"] == 3
    assert workbench.planned(more)["federation"] == 5
