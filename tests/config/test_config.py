"""What a config may say, what it means, and the one sentence for everything that it may not say.

Every bad config is read twice, by the library and by Snakemake as a user calls it.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import workbench
from overlays import TINY, overlay, refusal
from workbench import Answer

from zowarmup.config.registry import ALGORITHMS
from zowarmup.config.schema import load
from zowarmup.data import dataset_file, federation
from zowarmup.data.federation import FederationError
from zowarmup.plan import studies
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan, plan
from zowarmup.plan.specs import Backprop, Selected

CONFIGS = sorted(
    file for file in workbench.PROJECT.glob("config/*.yaml") if not file.name.startswith("claims")
)
PHASES = """
methods:
  zowarmup:
    phases:
      - {{algorithm: fedavg, clients: high, rounds: 20, {}}}
      - {{algorithm: zo, clients: all, rounds: 40}}
"""
UNTIL = """
rounds: {{pivot: 20, total: 60}}
methods:
  zowarmup:
    phases:
      - {{algorithm: fedavg, clients: high, {}}}
      - {{algorithm: zo, clients: all, {}}}
"""
SHARED = "lr: {same_as: high_res_only}"  # as in tiny.yaml, where two methods share a warm-up
JOINT = PHASES.format("lr: select")
GRID = "studies: {{main: {{grid: {{{}}}}}}}"

# name: (what is laid over tiny.yaml, the key that the sentence names, how it can be mended)
BAD = {
    "unknown key": ("splitt: 10/90", "splitt", "did you mean split?"),
    "unknown key without a likeness": ("wxyz: 1", "wxyz", "remove it, or use one of algorithms"),
    "unknown key of the engine": ("engine: {thread: 1}", "engine.thread", "did you mean threads?"),
    "unknown option of the engine": (
        "engine: {options: {blok: 2}}",
        "engine.options",
        "there is no blok; use one of block",
    ),
    "unknown key of a federation": (
        "federations: {default: {clints: 3}}",
        "federations.default.clints",
        "did you mean clients?",
    ),
    "unknown key of a phase": (
        PHASES.format("epoch: 3"),
        "methods.zowarmup.phases.0.epoch",
        "did you mean epochs?",
    ),
    "unknown key of an algorithm": (
        "algorithms: {zo: {tua: 1.0}}",
        "algorithms.zo.tua",
        "did you mean tau?",
    ),
    "unknown key in a grid": (GRID.format("zo.tua: [1]"), "zo.tua", "did you mean zo.tau?"),
    "unknown key of a variant": (
        "studies: {main: {variants: {a: {method: zowarmup, sat: {}}}}}",
        "studies.main.variants.a.sat",
        "did you mean set?",
    ),
    "unknown pin": ("pin: {direction: 3}", "pin.direction", "'directions'"),
    "a key that is required": ("engine: null", "engine", "add it"),
    "a rate that is required": (
        "methods: {zowarmup: {phases: [{algorithm: fedadam, clients: high, rounds: 60}]}}",
        "methods.zowarmup.phases.0.client_lr",
        "add it",
    ),
    "text for a number": ("snapshot_every: ten", "snapshot_every", "a valid integer, not 'ten'"),
    "yes for a number": (
        PHASES.format("epochs: true"),
        "methods.zowarmup.phases.0.epochs",
        "a valid integer, not True",
    ),
    "text for seeds": ("seeds: many", "seeds", "a valid integer or a valid list, not 'many'"),
    "text for a rate": ("algorithms: {zo: {lr: fast}}", "algorithms.zo.lr", "or 'select'"),
    "a list for a mapping": ("datasets: [digits]", "datasets", "valid dictionary"),
    "a value for a list": (GRID.format("split: 30/70"), "studies.main.grid.split", "a valid list"),
    "number for a split": (
        GRID.format("split: [30]"),
        "split",
        "valid string, not 30; put it in quotes",
    ),
    "text for a pinned seed": (
        GRID.format("pin.directions: [a]"),
        "pin.directions",
        "valid integer, not 'a'",
    ),
    "number for a name": ("name: a/b", "name", "use only letters"),
    "no high-resource share": ("split: 0/100", "split: 0/100", "give a larger first share"),
    "no high-resource client": ("split: 4/96", "split: 4/96", "no high-resource client among 10"),
    "no high-resource client in a grid": (
        GRID.format("split: [30/70, 0/100]"),
        "split: 0/100",
        "give a larger first share",
    ),
    "no low-resource client": (
        "split: 100/0\n" + PHASES.replace("all", "low").format("epochs: 1"),
        "split: 100/0",
        "no low-resource client for zowarmup",
    ),
    "shares of 90": ("split: 30/60", "split: 30/60", "that add up to 100"),
    "no shares": ("split: most", "split", "10/90"),
    "pivot off the stride": (GRID.format("pivot: [15]"), "pivot: 15", "a multiple of"),
    "pivot at 0": (GRID.format("pivot: [0]"), "pivot: 0", "between 1 and 59"),
    "pivot at the end": (GRID.format("pivot: [60]"), "pivot: 60", "between 1 and 59"),
    "pivot past the end": (GRID.format("pivot: [70]"), "pivot: 70", "between 1 and 59"),
    "unknown mark": (
        UNTIL.format("until: pivto", "until: total"),
        "methods.zowarmup.phases.0.until",
        "there is no mark pivto in `rounds`; did you mean pivot?",
    ),
    "unknown mark without a likeness": (
        UNTIL.format("until: [1]", "until: total"),
        "methods.zowarmup.phases.0.until",
        "use pivot, total, or a number",
    ),
    "a mark at which no phase ends": (
        UNTIL.format("until: pivot", "until: total").replace("total: 60", "total: 60, pivott: 8"),
        "rounds.pivott",
        "no phase of `methods` ends at pivott; did you mean pivot?",
    ),
    "a mark like no other": ("rounds: {end: 8}", "rounds.end", "remove it"),
    "a mark that is not above the one before": (
        UNTIL.format("until: total", "until: pivot"),
        "methods.zowarmup.phases.1.until",
        "pivot is round 20, but the phase begins after round 60; use a mark after 60",
    ),
    "a mark in a grid past the end": (
        UNTIL.format("until: pivot", "until: total") + GRID.format("rounds.pivot: [70]"),
        "methods.zowarmup.phases.1.until",
        "use a mark after 70",
    ),
    "a mark and a number of rounds": (
        UNTIL.format("until: pivot, rounds: 20", "until: total"),
        "methods.zowarmup.phases.0",
        "give either `rounds: <number>` or",
    ),
    "neither a mark nor a number of rounds": (
        UNTIL.format("lr: 0.1", "until: total"),
        "methods.zowarmup.phases.0.rounds",
        "give either `rounds: <number>` or `until: <mark>`",
    ),
    "a mark at 0": ("rounds: {pivot: 0}", "rounds.pivot", "equal to 1, not 0"),
    "unknown mark in a grid": (
        UNTIL.format("until: pivot", "until: total") + GRID.format("rounds.pivto: [10]"),
        "studies.main: rounds.pivto",
        "did you mean rounds.pivot?",
    ),
    "text for a mark in a grid": (
        UNTIL.format("until: pivot", "until: total") + GRID.format("rounds.pivot: [half]"),
        "studies.main: rounds.pivot",
        "valid integer, not 'half'",
    ),
    "stride off the evaluations": ("snapshot_every: 15", "snapshot_every", "multiple of"),
    "S": ("algorithms: {zo: {S: 0}}", "algorithms.zo.S", "greater than or equal to 1, not 0"),
    "S in a grid": (GRID.format("zo.S: [0]"), "studies: zo.S", "equal to 1, not 0"),
    "eps of 0": ("algorithms: {zo: {eps: 0}}", "algorithms.zo.eps", "greater than 0, not 0"),
    "eps below 0": ("algorithms: {zo: {eps: -1e-4}}", "algorithms.zo.eps", "than 0, not -0.0001"),
    "tau of 0": ("algorithms: {zo: {tau: 0.0}}", "algorithms.zo.tau", "greater than 0, not 0.0"),
    "tau below 0": ("algorithms: {zo: {tau: -1}}", "algorithms.zo.tau", "greater than 0, not -1"),
    "alpha of 0": (
        "federations: {default: {alpha: 0}}",
        "federations.default.alpha",
        "greater than 0 or 'infinite', not 0",
    ),
    "alpha below 0": (
        "federations: {default: {alpha: -0.1}}",
        "federations.default.alpha",
        "greater than 0",
    ),
    "a rate of 0": ("selection: {grid: {zo: [0]}}", "selection.grid.zo.0", "greater than 0, not 0"),
    "all held out": (
        "federations: {default: {holdout: 1.0}}",
        "federations.default.holdout",
        "less than 1",
    ),
    "a method twice": (
        "methods:\n  a: {label: A}\n  a: {label: B}",
        "line 4: a",
        "given twice; rename one",
    ),
    "a study twice": ("studies:\n  a: {}\n  a: {}", "line 4: a", "given twice; rename one"),
    "a table twice": ("tables: [main, main]", "tables", "given twice; remove one"),
    "budgets of some clients": (
        "federations: {default: {memory: [{share: 0.5, megabytes: 1}]}}",
        "federations.default.memory",
        "must add up to 1, not to 0.5",
    ),
    "unknown network to measure": (
        "memory: {models: [other]}",
        "memory.models",
        "there is no other",
    ),
    "a table of no measurements": ("tables: [memory]", "memory.models", "at least one network"),
    "a figure twice": ("figures: [federation, federation]", "figures", "given twice; remove one"),
    "a seed twice": ("seeds: [1, 2, 1]", "seeds", "give each seed once"),
    "a study without seeds": ("studies: {main: {seeds: []}}", "studies.main.seeds", "at least one"),
    "an end off the stride of evaluation": (
        "evaluate_every: 7\nsnapshot_every: 7\nstudies: {main: {methods: [high_res_only]}}",
        "methods.high_res_only.phases.0",
        "a multiple of evaluate_every",
    ),
    "a study's seed twice": ("studies: {main: {seeds: [1, 1]}}", "studies.main.seeds", "once"),
    "a tuning seed twice": ("selection: {seeds: [1, 1]}", "selection.seeds", "once"),
    "a study's method twice": (
        "studies: {main: {methods: [zowarmup, zowarmup]}}",
        "studies.main: methods",
        "zowarmup is given twice; remove one",
    ),
    "a point of a grid twice": (
        GRID.format("pivot: [10, 20, 10]"),
        "studies.main: pivot",
        "10 is given twice; remove one",
    ),
    "no seed": ("seeds: []", "seeds", "at least one"),
    "0 seeds": ("seeds: 0", "seeds", "greater than or equal to 1"),
    "a seed below 0": ("seeds: [-1]", "seeds.0", "greater than or equal to 0, not -1"),
    "fewer images than clients": (
        "datasets: {digits: {images_train: 9}}",
        "federations.default.clients",
        "10 clients share only 9 images, and each needs two; use fewer clients",
    ),
    "one image for each client": (
        "datasets: {digits: {images_train: 19}}",
        "federations.default.clients",
        "each needs two",
    ),
    "more clients than digits has images": (
        "datasets: {digits: {images_train: null}}\nfederations: {default: {clients: 1500}}",
        "federations.default.clients",
        "1500 clients share only 1437 images",
    ),
    "images larger than they are": (
        "datasets: {digits: {resize: 9}}",
        "datasets.digits.resize",
        "images of digits have 8 x 8 pixels; use 1 to 8, or leave resize out",
    ),
    "images without pixels": (
        "datasets: {digits: {resize: 0}}",
        "datasets.digits.resize",
        "greater than or equal to 1, not 0",
    ),
    "images of half a pixel": (
        "datasets: {digits: {resize: 7.5}}",
        "datasets.digits.resize",
        "not 7.5",
    ),
    "unknown method": ("studies: {main: {methods: [fedavg]}}", "studies.main", "define it in"),
    "unknown method of a variant": (
        "studies: {main: {variants: {a: {method: fedavg}}}}",
        "studies.main",
        "there is no method fedavg",
    ),
    "unknown method for a rate": (
        "algorithms: {zo: {lr: {same_as: fedavg}}}",
        "methods.zowarmup: lr.same_as",
        "there is no method fedavg",
    ),
    "the rate of a method that selects none": (
        "algorithms: {zo: {lr: {same_as: high_res_only}}}",
        "methods.zowarmup: lr.same_as",
        "phase 2 of high_res_only is not zo; name a method whose phase 2 is",
    ),
    "rounds of a selection": (
        "selection: {rounds: 300}",
        "selection.rounds",
        "a trial trains the whole method; leave it out, or give earlier marks such as {total: 200}",
    ),
    "unknown mark of a selection": (
        "rounds: {total: 60}\nselection: {rounds: {pivot: 5}}",
        "selection.rounds",
        "there is no pivot; use one of total",
    ),
    "a variant of what its method lacks": (
        "studies: {more: {variants: {S8: {method: high_res_only, set: {zo.S: 8}}}}}",
        "studies.more.variants.S8.set.zo.S",
        "high_res_only has no phase of zo; its phases are fedavg",
    ),
    "a variant with a pivot in one phase": (
        "studies: {more: {variants: {early: {method: high_res_only, set: {pivot: 20}}}}}",
        "studies.more.variants.early.set.pivot",
        "high_res_only has one phase, so no pivot; leave it out",
    ),
    "studies that take rates from each other": (
        "studies: {main: {same_as: more}, more: {methods: [zowarmup], same_as: main}}",
        "studies.more.same_as",
        "more and main take their learning rates from each other; leave same_as out of one",
    ),
    "trials that are longer than the runs": (
        UNTIL.format("until: pivot, lr: select", "until: total")
        + "selection: {rounds: {pivot: 5, total: 90}}",
        "selection.rounds",
        "the trials of zowarmup take 90 rounds, and the longest run 60; give earlier marks",
    ),
    "unknown grid of joint selections": (
        "selection: {joint_grid: {zo.client_lr: [1]}}",
        "selection.joint_grid",
        "there is no zo.client_lr; use one of",
    ),
    "no candidates of the clients' rate": (
        "selection: {grid: {fedadam: [1]}}\n"
        "methods: {zowarmup: {phases: "
        "[{algorithm: fedadam, clients: high, rounds: 60, client_lr: select}]}}",
        "selection.grid: fedadam.client_lr",
        "add candidate",
    ),
    "unknown study for rates": (
        "studies: {main: {same_as: mian}}",
        "studies.main.same_as",
        "there is no mian; use one of main",
    ),
    "unknown model": ("model: resnett", "model", "there is no resnett; use one of mlp,"),
    "unknown model in a grid": (GRID.format("model: [mpl]"), "model", "there is no mpl; use one"),
    "unknown precision": (
        "engine: {precision: float16}",
        "engine.precision",
        "'float32' or 'bfloat16', not 'float16'",
    ),
    "a precision that the engine does not know": (
        "engine: {precision: bfloat16}",
        "engine.precision",
        "batched computes only with `precision: float32`; leave this key out, or use the engine",
    ),
    "a layout that the engine does not know": (
        "engine: {channels_last: true}",
        "engine.channels_last",
        "batched computes only with `channels_last: false`",
    ),
    "unknown engine": (
        "engine: {name: fast}",
        "engine.name",
        "there is no fast; use one of plain,",
    ),
    "unknown engine in a grid": (
        GRID.format("engine: [fast]"),
        "engine",
        "there is no fast; use one of plain,",
    ),
    "a width of 0": ("width: 0", "width", "greater than 0, not 0"),
    "a width of 0 in a grid": (GRID.format("width: [0]"), "width", "greater than 0, not 0"),
    "text for a width": (GRID.format("width: [wide]"), "width", "valid number, not 'wide'"),
    "a setting of another algorithm": (
        GRID.format("fedkseed.S: [1]"),
        "fedkseed.S",
        "unknown key; did you mean",
    ),
    "a rate of HeteroFL above 1": (
        "algorithms: {heterofl: {rate: 2}}\n"
        "methods: {zowarmup: {phases: [{algorithm: heterofl, clients: all, rounds: 60}]}}",
        "algorithms.heterofl.rate",
        "less than or equal to 1, not 2",
    ),
    "unknown device": ("engine: {device: tpu}", "engine.device", "'cpu' or 'cuda', not 'tpu'"),
    "unknown table": ("tables: [mian]", "tables", "there is no mian; use one of main,"),
    "unknown figure": ("figures: [curves]", "figures", "there is no curves; use one of"),
    "unknown federation": ("federation: other", "federation", "define it in `federations`"),
    "unknown federation in a grid": (
        GRID.format("federation: [other]"),
        "federation",
        "there is no other; define it in `federations`",
    ),
    "unknown data set": (
        "federations: {default: {dataset: other}}",
        "federations.default.dataset",
        "define it in `datasets`",
    ),
    "unknown algorithm of a phase": (
        PHASES.format("batch: 1").replace("algorithm: zo", "algorithm: fedzo"),
        "methods.zowarmup.phases.1.algorithm",
        f"there is no fedzo; use {', '.join(ALGORITHMS)}",
    ),
    "unknown algorithm": ("algorithms: {fedzo: {lr: 1}}", "algorithms", "there is no fedzo"),
    "unknown algorithm to select for": (
        "selection: {grid: {fedzo: [1]}}",
        "selection.grid",
        "there is no fedzo",
    ),
    "no candidates": ("selection: {grid: {zo: null}}", "selection.grid: zo", "add candidate"),
    "no study": ("studies: {main: null}", "studies", "at least 1 item"),
    "an empty study": ("studies: {main: {methods: []}}", "studies.main", "name at least one"),
    "an empty part of a study": (
        "studies: {main: {also: {more: {seeds: 1}}}}",
        "studies.main.also.more",
        "name at least one method or variant",
    ),
    "a part that repeats a run": (
        "studies: {main: {also: {more: {methods: [zowarmup], seeds: [1, 2]}}}}",
        "studies.main.also.more",
        "zowarmup is in another part of the study already; leave it out of one",
    ),
    "unknown method of a part": (
        "studies: {main: {also: {more: {methods: [other]}}}}",
        "studies.main.also.more",
        "there is no method other",
    ),
    "a varied engine that cannot be": (
        GRID.format("engine.micro_batch: [0]"),
        "studies: engine.micro_batch",
        "greater than or equal to 1, not 0",
    ),
    "unknown setting of a varied engine": (
        GRID.format("engine.micro_batches: [8]"),
        "studies.main: engine.micro_batches",
        "did you mean engine.micro_batch?",
    ),
    "unknown order of tiers": (
        "federations: {default: {tier_order: last}}",
        "federations.default.tier_order",
        "'random' or 'first', not 'last'",
    ),
    "a study named like a rule": (
        "studies: {train: {methods: [zowarmup]}}",
        "studies.train",
        "rename the study",
    ),
    "a table without its study": ("tables: [pivot]", "tables", "pivot shows the study pivot"),
    "a figure without its study": ("figures: [pivot]", "figures", "or add the study"),
    "a circle of files": ("extends: config.yaml", "extends", "break the circle"),
    "a file that is not there": ("extends: nowhere.yaml", "nowhere.yaml", "give the path"),
    "a folder for a file": ("extends: .", "Is a directory", "give the path"),
}
THROUGH_SNAKEMAKE = [*BAD][::8]  # every sentence takes the same way through it


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: overlay(tmp_path_factory.mktemp("bad"), text) for name, (text, *_) in BAD.items()}


@pytest.fixture(scope="module")
def answers(project: Path, bad_files: dict[str, Path]) -> dict[str, Answer]:
    calls = [(project, ["-n", "--configfile", str(bad_files[name])]) for name in THROUGH_SNAKEMAKE]
    return dict(zip(THROUGH_SNAKEMAKE, workbench.snakemake_many(calls), strict=True))


# --- bad configs ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_names_file_key_and_mend(name: str, bad_files: dict[str, Path]) -> None:
    _, key, mend = BAD[name]
    sentence = refusal(bad_files[name])
    assert "\n" not in sentence
    assert sentence.startswith(str(bad_files[name].parent))
    assert re.search(rf"[:/ ]{re.escape(key)}\b", sentence), sentence
    assert mend in sentence, sentence


@pytest.mark.parametrize("name", THROUGH_SNAKEMAKE)
def test_snakemake_says_that_sentence_and_nothing_of_its_own(
    name: str, bad_files: dict[str, Path], answers: dict[str, Answer]
) -> None:
    answer = answers[name]
    assert answer.code == 1
    assert answer.text.splitlines()[-1] == f"zowarmup: {refusal(bad_files[name])}"
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text


def test_the_command_line_shows_the_sentence_too(project: Path, tmp_path: Path) -> None:
    """One call in a process of its own, as the calls above share one."""
    file = overlay(tmp_path, "splitt: 10/90")
    answer = workbench.snakemake(project, "--dry-run", "--configfile", str(file))
    assert (answer.code, answer.text.splitlines()[-1]) == (1, f"zowarmup: {refusal(file)}")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a: [1", "not valid YAML"),
        (b"a: 1\n\tb: 2", "not valid YAML"),
        (b"? [a]\n: 1", "not valid YAML"),
        (b"\xff\xfe", "not valid YAML"),
        (b"- a", "a config is a mapping"),
        (b"", "a config is a mapping"),
    ],
)
def test_a_file_that_is_no_config(tmp_path: Path, content: bytes, fault: str) -> None:
    """Of files given by --configfile Snakemake says so itself, before it reads the Snakefile."""
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    sentence = refusal(file)
    assert sentence.startswith(f"{file}: ")
    assert fault in sentence
    assert "\n" not in sentence


def test_a_missing_file(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path / "x.yaml")
        == f"{tmp_path}/x.yaml: No such file or directory; give the path of a config"
    )


def test_a_long_circle_of_files(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {other}.yaml")
    assert "break the circle" in refusal(tmp_path / "a.yaml")


def test_a_value_of_the_command_line_is_blamed_on_it() -> None:
    assert refusal(TINY, seeds=0).startswith(f"{TINY} + --config: seeds: ")


def test_several_files_are_all_named(tmp_path: Path) -> None:
    file = overlay(tmp_path, "seeds: 0")
    assert refusal(TINY, file).startswith(f"{TINY} + {file}: seeds: ")


def test_too_few_images_in_a_file_of_the_user(tmp_path: Path) -> None:
    """Their number is not known while the graph is made; the job that deals them says it."""
    x, y = np.zeros((19, 8, 8), np.uint8), np.arange(19) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    own = f"datasets: {{mine: {{source: mine, data_dir: {tmp_path}}}}}"
    assert plan([str(overlay(tmp_path, own + "\nfederations: {default: {dataset: mine}}"))]).runs
    mine = dataset_file.load_source("mine", tmp_path)
    with pytest.raises(FederationError, match=r"10 clients share only 19 .* of mine.*use fewer"):
        federation.build(mine, clients=10, alpha=0.5, holdout=0.1, seed=0)


def test_every_rule_is_known_as_a_taken_name(project: Path) -> None:
    text = "\n".join(path.read_text() for path in [project / "Snakefile", *project.glob("rules/*")])
    assert set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)", text, re.MULTILINE)) == set(
        studies.RULES
    )


# --- reading --------------------------------------------------------------------------------


def test_extends_merges_mappings_and_replaces_the_rest(tmp_path: Path) -> None:
    config = load([overlay(tmp_path, "federations: {default: {clients: 20}}\nseeds: [3, 4]")])
    assert config.federations["default"].model_dump() == {
        "dataset": "digits",
        "clients": 20,
        "alpha": 0.5,
        "holdout": 0.1,
        "tier_order": "random",
        "memory": None,
    }
    assert config.seeds == [3, 4]


def test_extends_is_relative_to_its_file_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    overlay(tmp_path, "seeds: 7\nmodel: cnn")
    last = tmp_path / "inner" / "last.yaml"
    last.write_text("extends: ../config.yaml\nmodel: mlp\n")
    config = load([last])
    assert (config.seeds, config.model, config.name) == (7, "mlp", "tiny")


def test_null_takes_a_key_out(tmp_path: Path) -> None:
    made = plan([str(overlay(tmp_path, "studies: {main: null, new: {methods: [zowarmup]}}\n"
                                       "tables: []\nfigures: []"))])  # fmt: skip
    assert list(made.config.studies) == ["new"]
    assert list(made.runs) == ["zowarmup"]


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "1e-04", "0.0001", "+1e-4", ".1e-3"])
def test_numbers_as_people_write_them(tmp_path: Path, text: str) -> None:
    made = plan([str(overlay(tmp_path, f"algorithms: {{zo: {{eps: {text}}}}}"))])
    assert made.runs["zowarmup"].phases[1].eps == 1e-4


@pytest.mark.parametrize("text", ["1e-4x", "e4", '"1e-4"', "1e", "v1e4"])
def test_texts_stay_texts(tmp_path: Path, text: str) -> None:
    assert "valid number" in refusal(overlay(tmp_path, f"algorithms: {{zo: {{eps: {text}}}}}"))


# --- what a config means --------------------------------------------------------------------


def made_of(tmp_path: Path, text: str) -> Plan:
    return plan([str(overlay(tmp_path, text))])


def cells_of(made: Plan, study: str) -> list[tuple[str, str, str]]:
    return [(c.method, c.split, c.run) for c in made.cells if c.study == study]


def test_identical_cells_of_two_studies_are_one_run(tmp_path: Path) -> None:
    """The pivot study's point at 20 is the main comparison itself."""
    made = made_of(tmp_path, "studies: {pivot: {methods: [zowarmup], grid: {pivot: [20, 40]}}}")
    assert cells_of(made, "main")[1] == ("zowarmup", "30/70", "zowarmup")
    assert cells_of(made, "pivot") == [
        ("zowarmup", "30/70", "zowarmup"),
        ("zowarmup", "30/70", "zowarmup-pivot40"),
    ]


def test_a_run_has_the_seeds_of_all_its_studies(tmp_path: Path) -> None:
    made = made_of(tmp_path, "studies: {more: {methods: [zowarmup], seeds: [1, 5]}}")
    assert made.seeds_of("zowarmup") == [0, 1, 5]
    assert made.seeds_of("high_res_only") == [0, 1]


def test_what_a_method_lacks_makes_no_second_cell(tmp_path: Path) -> None:
    """A method of one phase has no pivot: its rows would stand in the metrics twice."""
    made = made_of(
        tmp_path, "studies: {pivot: {methods: [high_res_only], grid: {pivot: [20, 40]}}}"
    )
    assert cells_of(made, "pivot") == [("high_res_only", "30/70", "high_res_only")]


def test_phases_end_at_marks_or_after_numbers_of_rounds(tmp_path: Path) -> None:
    """A phase ends at a mark, at a round, or after some rounds: it is the same run."""
    expected = plan([str(TINY)]).runs["zowarmup"]
    marks = "pivot: 20, total: 60"
    for left, first, second in (
        (marks, "until: pivot", "until: total"),
        ("", "until: 20", "until: 60"),
        ("pivot: 20", "until: pivot", "until: 60"),
        ("total: 60", "rounds: 20", "until: total"),
    ):
        text = UNTIL.format(f"{first}, {SHARED}", second).replace(marks, left)
        assert made_of(tmp_path, text).runs["zowarmup"] == expected


def test_an_algorithm_may_say_where_its_phases_end(tmp_path: Path) -> None:
    own = UNTIL.format(f"until: pivot, {SHARED}", "EMPTY").replace(", EMPTY", "")
    ends = "algorithms: {zo: {until: total}}\n"
    expected = plan([str(TINY)]).runs["zowarmup"]
    assert made_of(tmp_path, own + ends).runs["zowarmup"] == expected


def test_the_control_of_the_paper_s_config_starts_from_the_warm_up_that_it_controls() -> None:
    made = plan([str(workbench.PROJECT / "config/paper.yaml")])
    runs = {cell.variant: made.runs[cell.run] for cell in made.cells if cell.study == "control"}
    assert runs["high_data"].warmup == runs["all_data"].warmup
    assert runs["high_data"].phases[1].lr == runs["all_data"].phases[1].lr
    sweeps = [made.runs[c.run] for c in made.cells if c.study in ("tau", "eps", "lr")]
    assert {run.warmup for run in sweeps} == {runs["all_data"].warmup}


def test_one_line_changes_the_rounds_of_every_method(tmp_path: Path) -> None:
    text = UNTIL.format("until: pivot", "until: total").replace("total: 60", "total: 30")
    phases = made_of(tmp_path, text).runs["zowarmup"].phases
    assert [phase.rounds for phase in phases] == [20, 10]


def test_a_study_moves_a_mark_as_it_moves_the_pivot(tmp_path: Path) -> None:
    """The same runs by the same names."""
    text = UNTIL.format("until: pivot", "until: total")
    study = "studies: {more: {methods: [zowarmup], grid: {%s: %s}}}"
    by_mark = made_of(tmp_path, text + study % ("rounds.pivot", [10, 20, 40]))
    by_pivot = made_of(tmp_path, text + study % ("pivot", [10, 20, 40]))
    assert by_mark.runs == by_pivot.runs
    assert by_mark.cells == by_pivot.cells
    assert list(by_mark.selections) == list(by_pivot.selections)
    longer = made_of(tmp_path, text + study % ("rounds.total", [60, 90]))
    assert [run for _, _, run in cells_of(longer, "more")] == ["zowarmup", "zowarmup-total90"]


def test_fedavg_on_all_clients_is_one_run_for_all_splits(tmp_path: Path) -> None:
    made = made_of(
        tmp_path,
        """
methods:
  bound: {label: Bound, phases: [{algorithm: fedavg, clients: all, rounds: 60}]}
studies:
  main: {methods: [zowarmup, bound], grid: {split: [30/70, 50/50]}}
""",
    )
    assert cells_of(made, "main")[2:] == [("bound", "30/70", "bound"), ("bound", "50/50", "bound")]
    assert made.runs["bound"].split is None
    assert {"zowarmup-30-70", "zowarmup-50-50", "bound"} <= set(made.runs)


def test_runs_with_one_first_phase_share_a_warmup(tmp_path: Path) -> None:
    """It is as long as the longest of them, here High Res Only."""
    made = made_of(tmp_path, "studies: {pivot: {methods: [zowarmup], grid: {pivot: [10, 40]}}}")
    assert {run.warmup for run in made.runs.values()} == {"fedavg-high"}
    assert made.warmups["fedavg-high"].phase.rounds == 60


def test_runs_whose_rates_are_selected_apart_have_their_own_warmups(tmp_path: Path) -> None:
    made = made_of(
        tmp_path, JOINT + "studies: {pivot: {methods: [zowarmup], grid: {pivot: [10, 20]}}}"
    )
    rates = {run.warmup: run.phases[0].lr for run in made.runs.values()}
    assert len(rates) == 3
    for warmup, rate in rates.items():
        assert made.warmups[warmup].phase.lr == rate


def test_all_rates_of_a_method_are_selected_together(tmp_path: Path) -> None:
    """For each pivot anew, each time from the first round on and without a warm-up."""
    made = made_of(
        tmp_path, JOINT + "studies: {pivot: {methods: [zowarmup], grid: {pivot: [10, 20]}}}"
    )
    assert list(made.selections) == ["high_res_only", "zowarmup", "zowarmup-pivot10"]
    for name, pivot in (("zowarmup", 20), ("zowarmup-pivot10", 10)):
        spec = made.selections[name]
        assert [phase.rounds for phase in spec.phases] == [pivot, 60 - pivot]
        assert list(spec.axes) == ["1.lr", "2.lr"]
        assert [phase.lr for phase in made.runs[name].phases] == [
            Selected(selection=name, axis="1.lr"),
            Selected(selection=name, axis="2.lr"),
        ]
        assert spec.selections == ()
        assert set(Paths(made).training_inputs(spec, "")) == {"data", "federations", "selections"}


def test_rates_selected_together_have_the_candidates_of_the_joint_grid(tmp_path: Path) -> None:
    """A rate that is selected alone has those of the grid, as one without a joint grid."""
    made = made_of(tmp_path, JOINT + "selection: {joint_grid: {fedavg: [0.2, 0.1, 0.05]}}")
    assert made.selections["high_res_only"].axes == {"1.lr": (0.03, 0.1)}
    assert made.selections["zowarmup"].axes == {"1.lr": (0.05, 0.1, 0.2), "2.lr": (0.03, 0.1)}


def test_a_number_is_no_axis(tmp_path: Path) -> None:
    text = "selection: {joint_grid: {zo: [1, 2]}}\n" + PHASES.format("lr: 0.07")
    spec = made_of(tmp_path, text).selections["zowarmup"]
    assert spec.axes == {"2.lr": (0.03, 0.1)}
    assert spec.phases[0].lr == 0.07


def test_a_study_takes_the_rates_of_another_one(tmp_path: Path) -> None:
    """A study of pivots trains with the rates of main's cell at its split."""
    made = made_of(
        tmp_path,
        JOINT
        + """
studies:
  main: {methods: [high_res_only, zowarmup], grid: {split: [30/70, 50/50]}}
  pivot:
    methods: [zowarmup]
    grid: {pivot: [10, 30], split: [50/50, 30/70]}
    same_as: main
""",
    )
    rates = {name: {phase.lr.selection for phase in run.phases} for name, run in made.runs.items()}
    for split in ("30-70", "50-50"):
        assert made.selections[f"zowarmup-{split}"].split == split.replace("-", "/")
        for run in (f"zowarmup-{split}", f"zowarmup-pivot10-{split}", f"zowarmup-pivot30-{split}"):
            assert rates[run] == {f"zowarmup-{split}"}
    assert set(made.selections) == set.union(*rates.values())
    assert len(made.selections) == 4


def test_a_study_that_is_referred_to_may_refer_to_another(tmp_path: Path) -> None:
    made = made_of(
        tmp_path,
        JOINT
        + """
studies:
  main: {methods: [zowarmup], grid: {split: [30/70, 50/50]}}
  S: {methods: [zowarmup], grid: {split: [50/50], zo.S: [2, 5]}, same_as: main}
  tau: {methods: [zowarmup], set: {split: 50/50}, grid: {zo.tau: [0.5]}, same_as: S}
""",
    )
    assert set(made.selections) == {"zowarmup-30-70", "zowarmup-50-50"}
    tau = [made.runs[run] for _, _, run in cells_of(made, "tau")]
    assert [run.phases[1].lr.selection for run in tau] == ["zowarmup-50-50"]


def test_the_trials_of_a_study_have_the_settings_of_the_one_that_it_refers_to(
    tmp_path: Path,
) -> None:
    made = made_of(
        tmp_path,
        "studies: {main: {set: {zo.S: 5}}, "
        "more: {methods: [zowarmup], set: {zo.S: 2}, same_as: main}}",
    )
    runs = [made.runs[run] for _, _, run in cells_of(made, "main")[1:] + cells_of(made, "more")]
    assert [run.phases[1].S for run in runs] == [5, 2]
    assert runs[0].phases[1].lr == runs[1].phases[1].lr
    assert made.selections[runs[0].phases[1].lr.selection].phases[1].S == 5


def test_trials_may_end_at_earlier_marks(tmp_path: Path) -> None:
    """At any round, since they have no snapshots; then the pivots of a study share a selection."""
    made = made_of(
        tmp_path,
        UNTIL.format("until: pivot", "until: total")
        + "selection: {rounds: {pivot: 5, total: 12}}\n"
        + "studies: {pivot: {methods: [zowarmup], grid: {pivot: [10, 40]}}}",
    )
    assert [phase.rounds for phase in made.selections["zowarmup"].phases] == [5, 7]
    own = UNTIL.format("until: pivot", "until: total").rstrip() + "\n    pivot: 30\n"
    apart = made_of(tmp_path, own + "selection: {rounds: {pivot: 5, total: 12}}\n")
    assert [phase.rounds for phase in apart.selections["zowarmup"].phases] == [5, 7]
    ends = {name: [phase.rounds for phase in run.phases] for name, run in made.runs.items()}
    assert ends["zowarmup"] == [20, 40]
    assert ends["zowarmup-pivot40"] == [40, 20]
    assert {run.phases[-1].lr.selection for run in made.runs.values()} == {
        "high_res_only",
        "zowarmup",
    }


def test_another_method_s_rate_is_that_method_s_selection(tmp_path: Path) -> None:
    """In a study `same_as` undoes its settings of the phase, but keeps its split."""
    made = made_of(
        tmp_path,
        """
studies:
  main: {methods: [high_res_only, zowarmup], grid: {split: [30/70, 50/50]}}
  laws:
    set: {split: 50/50}
    variants:
      borrowed:
        method: zowarmup
        set: {zo.distribution: gaussian, zo.lr: {same_as: zowarmup}}
      own: {method: zowarmup, set: {zo.distribution: gaussian}}
""",
    )
    rates = {name: run.phases[-1].lr.selection for name, run in made.runs.items()}
    assert rates["borrowed-50-50"] == rates["zowarmup-50-50"] == "zowarmup-50-50"
    assert rates["own-50-50"] not in (rates["borrowed-50-50"], rates["zowarmup-30-70"])
    gaussian = made.selections[rates["own-50-50"]]
    assert gaussian.phases[1].distribution == "gaussian"
    assert made.selections["zowarmup-50-50"].phases[1].distribution == "rademacher"


def test_two_methods_share_their_warm_up_also_where_a_study_varies_it(tmp_path: Path) -> None:
    """A `same_as` of the methods themselves is of the same cell, at its settings and its rates."""
    study = "studies: {epochs: {methods: [high_res_only, zowarmup], grid: {fedavg.epochs: [1, 3]}}}"
    made = made_of(tmp_path, study)
    for longer in ("", "-epochs3"):
        alone, warmed = (made.runs[name + longer] for name in ("high_res_only", "zowarmup"))
        assert alone.phases[0].lr == warmed.phases[0].lr
        assert alone.warmup == warmed.warmup
    assert made.runs["zowarmup"].warmup != made.runs["zowarmup-epochs3"].warmup


def test_a_rate_that_a_study_varies_is_still_selected_for_who_borrows_it(tmp_path: Path) -> None:
    """Here FedAdam's clients, whose rate is that of FedAvg."""
    text = FEDADAM.format("lr: 0.01, client_lr: {same_as: high_res_only}").replace(
        "studies: {server: {methods: [adam]}}",
        "studies: {server: {methods: [high_res_only, adam], grid: {fedavg.lr: [0.01, 0.3]}}}",
    )
    made = made_of(tmp_path, text)
    borrowed = Selected(selection="high_res_only", axis="1.lr")
    assert made.runs["adam"].phases[0].client_lr == borrowed


def test_a_variant_may_set_what_decides_a_borrowed_rate(tmp_path: Path) -> None:
    """Its method lacks the setting, but the method that lends the rate has it."""
    variant = "{method: high_res_only, set: {zo.S: 8, fedavg.lr: {same_as: zowarmup}}}"
    made = made_of(tmp_path, f"{JOINT}\nstudies: {{more: {{variants: {{other: {variant}}}}}}}")
    [lender] = [one for name, one in made.selections.items() if name.endswith("S8")]
    assert lender.phases[1].S == 8


FEDADAM = """
selection: {{grid: {{fedadam: [0.001, 0.01]}}}}
methods:
  adam:
    label: FedAdam
    phases:
      - {{algorithm: fedadam, clients: high, rounds: 20, {}}}
      - {{algorithm: zo, clients: all, rounds: 40}}
  scratch:
    label: Scratch
    phases: [{{algorithm: zo, clients: all, rounds: 60}}]
studies: {{server: {{methods: [adam]}}}}
"""


def test_a_client_s_rate_is_the_selection_of_another_method(tmp_path: Path) -> None:
    """FedAdam's clients train with the rate chosen for FedAvg; the server's is its own.

    So its selection waits for that of FedAvg, and the warm-up and the run wait for both, in the
    order in which a job takes them: phase after phase, lr before client_lr.
    """
    made = made_of(tmp_path, FEDADAM.format("client_lr: {same_as: high_res_only}"))
    own, later = (Selected(selection="adam", axis=axis) for axis in ("1.lr", "2.lr"))
    other = Selected(selection="high_res_only", axis="1.lr")
    first, second = made.runs["adam"].phases
    assert (first.lr, first.client_lr, second.lr) == (own, other, later)
    chosen = made.selections["adam"]
    assert chosen.phases == (first, second)
    assert chosen.axes == {"1.lr": (0.001, 0.01), "2.lr": (0.03, 0.1)}
    warmup = made.warmups[made.runs["adam"].warmup]
    assert (warmup.phase.lr, warmup.phase.client_lr) == (own, other)
    paths = Paths(made)
    files = [paths.selection(name) for name in ("adam", "high_res_only")]
    assert paths.training_inputs(chosen, "")["selections"] == files[1:]
    assert paths.training_inputs(warmup, 0)["selections"] == files
    assert paths.training_inputs(made.runs["adam"], 0)["selections"] == files
    assert paths.training_inputs(made.selections["high_res_only"], "")["selections"] == []


def test_a_client_s_rate_as_a_number_needs_no_other_selection(tmp_path: Path) -> None:
    made = made_of(tmp_path, FEDADAM.format("client_lr: 1"))
    assert made.runs["adam"].phases[0].client_lr == 1.0
    chosen = made.selections["adam"]
    assert chosen.phases[0].client_lr == 1.0
    assert Paths(made).training_inputs(chosen, "")["selections"] == []


def test_a_client_s_rate_is_selected_with_the_others(tmp_path: Path) -> None:
    """Its candidates stand below the algorithm and the setting."""
    grids = "selection: {grid: {fedadam: [0.01], fedadam.client_lr: [0.3, 0.1]}}"
    text = FEDADAM.format("client_lr: select")
    made = made_of(tmp_path, text.replace("selection: {grid: {fedadam: [0.001, 0.01]}}", grids))
    assert made.selections["adam"].axes == {
        "1.lr": (0.01,),
        "1.client_lr": (0.1, 0.3),
        "2.lr": (0.03, 0.1),
    }
    rate = Selected(selection="adam", axis="1.client_lr")
    assert made.runs["adam"].phases[0].client_lr == rate


def test_a_client_s_rate_of_a_method_with_the_same_phase_is_its_client_s(tmp_path: Path) -> None:
    """Not the server's: a second method with FedAdam in its first phase trains like the first."""
    text = FEDADAM.format("client_lr: select").replace(
        "studies:",
        """  both:
    label: Both
    phases:
      - {algorithm: fedadam, clients: high, rounds: 20, lr: {same_as: adam},
         client_lr: {same_as: adam}}
      - {algorithm: zo, clients: all, rounds: 40}
studies:""",
    )
    grids = "selection: {grid: {fedadam: [0.01], fedadam.client_lr: [0.3, 0.1]}}"
    text = text.replace("selection: {grid: {fedadam: [0.001, 0.01]}}", grids)
    made = made_of(tmp_path, text.replace("methods: [adam]", "methods: [adam, both]"))
    assert made.runs["both"].phases[0] == made.runs["adam"].phases[0]


def test_two_methods_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    text = FEDADAM.format("client_lr: {same_as: both}").replace(
        "studies:",
        """  both:
    label: Both
    phases:
      - {algorithm: fedadam, clients: high, rounds: 20, lr: {same_as: adam}, client_lr: select}
      - {algorithm: zo, clients: all, rounds: 40}
studies:""",
    )
    text = text.replace("[0.001, 0.01]}", "[0.01], fedadam.client_lr: [0.1]}")
    assert "learning rates wait for each other" in refusal(overlay(tmp_path, text))


def test_clients_of_mixed_rounds_train_at_the_rate_of_a_phase_of_fedavg(tmp_path: Path) -> None:
    text = """
algorithms: {zo_mixed: {client_lr: {same_as: high_res_only}}}
methods:
  mixed:
    label: Mixed
    phases:
      - {algorithm: fedavg, clients: high, rounds: 20, lr: {same_as: high_res_only}}
      - {algorithm: zo_mixed, clients: all, rounds: 40, lr: 0.01}
studies: {mixed: {methods: [mixed]}}
"""
    first, second = made_of(tmp_path, text).runs["mixed"].phases
    assert (second.client_lr, second.lr) == (first.lr, 0.01)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ("client_lr: {same_as: scratch}", "scratch has no phase of fedavg; name a method that has"),
        ("client_lr: {same_as: nobody}", "there is no method nobody"),
        (
            "client_lr: {same_as: high_res_only}, lr: {same_as: high_res_only}",
            "is not fedadam; name",
        ),
        ("client_lr: {same_as: zowarmup}, lr: {same_as: adam}", "phase 1 selects no lr, which"),
        ("client_lr: {same_as: adam}", "phase 1 selects no client_lr, which"),
    ],
)
def test_rates_that_lead_nowhere(tmp_path: Path, rate: str, expected: str) -> None:
    sentence = refusal(overlay(tmp_path, FEDADAM.format(rate)))
    assert expected in sentence
    assert "methods." in sentence


def test_a_phase_selects_its_rate_unless_one_is_given(tmp_path: Path) -> None:
    taken_out = made_of(tmp_path, "algorithms: {zo: {lr: null}, fedavg: {lr: null}}")
    assert taken_out.runs == plan([str(TINY)]).runs


def test_width_and_engine_are_settings_of_a_run(tmp_path: Path) -> None:
    """With a warm-up and a selection of its own; another engine has none of these options."""
    made = made_of(
        tmp_path,
        "engine: {name: batched, options: {block: 2}}\n"
        "studies: {other: {methods: [zowarmup], grid: {width: [1, 2], engine: [batched, plain]}}}",
    )
    runs = [run for _, _, run in cells_of(made, "other")]
    assert len(set(runs)) == 4
    assert runs[0] == "zowarmup"
    found = [(made.runs[run].width, made.runs[run].engine) for run in runs]
    assert [width for width, _ in found] == [1.0, 1.0, 2.0, 2.0]
    assert {type(width) for width, _ in found} == {float}
    for (_, engine), (name, options) in zip(
        found, [("batched", {"block": 2}), ("plain", {})] * 2, strict=True
    ):
        assert (engine.name, engine.options) == (name, options)
    assert len({made.runs[run].warmup for run in runs}) == 4
    rates = {made.runs[run].phases[1].lr.selection for run in runs}
    assert len(rates) == 4
    widths = {(made.selections[rate].width, made.selections[rate].engine.name) for rate in rates}
    assert widths == {(w, e) for w in (1.0, 2.0) for e in ("batched", "plain")}


def test_a_study_can_have_parts_that_no_grid_says(tmp_path: Path) -> None:
    """Here the wider network is run with another method, for other seeds and micro-batches."""
    made = made_of(
        tmp_path,
        "studies: {main: {seeds: 3, also: {wide: {methods: [zowarmup], seeds: [1, 7], "
        "set: {width: 2, engine.micro_batch: 8}}, same: {methods: [zowarmup], set: {width: 4}}}}}",
    )
    cells = [cell for cell in made.cells if cell.study == "main"]
    wide = "zowarmup-width2-micro_batch8"
    assert [(cell.run, cell.seeds) for cell in cells] == [
        ("high_res_only", (0, 1, 2)),
        ("zowarmup", (0, 1, 2)),
        (wide, (1, 7)),
        ("zowarmup-width4", (0, 1, 2)),
    ]
    assert made.runs[wide].engine.micro_batch == 8
    assert made.warmups[made.runs[wide].warmup].engine.micro_batch == 8


def test_the_width_of_the_config_is_that_of_its_runs(tmp_path: Path) -> None:
    made = made_of(tmp_path, "width: 2")
    assert {spec.width for spec in (*made.runs.values(), *made.warmups.values())} == {2.0}
    assert {spec.width for spec in plan([str(TINY)]).runs.values()} == {1.0}


def test_heterofl_knows_the_split_though_all_take_part(tmp_path: Path) -> None:
    """Who is low-resource trains the narrow network: run, warm-up and rate are those of a split."""
    made = made_of(
        tmp_path,
        """
selection: {grid: {heterofl: [0.1]}}
methods:
  heterofl: {label: HeteroFL, phases: [{algorithm: heterofl, clients: all, rounds: 60}]}
  bound: {label: Bound, phases: [{algorithm: fedavg, clients: all, rounds: 60}]}
studies: {main: {methods: [heterofl, bound], grid: {split: [30/70, 50/50]}}}
""",
    )
    cells = cells_of(made, "main")
    assert [run for _, _, run in cells] == ["heterofl-30-70", "heterofl-50-50", "bound", "bound"]
    for split, name in (("30/70", "heterofl-30-70"), ("50/50", "heterofl-50-50")):
        run = made.runs[name]
        assert run.split == split
        assert made.warmups[run.warmup].split == split
        assert made.selections[run.phases[0].lr.selection].split == split
    assert made.runs["bound"].split is None


def test_every_method_is_tuned_as_it_is_trained(tmp_path: Path) -> None:
    """For as many rounds, on the same tuning seeds."""
    made = plan([str(workbench.PROJECT / "config" / "full.yaml")])
    assert len({spec.seeds for spec in made.selections.values()}) == 1
    runs = [run for name, run in made.runs.items() if {name} == set(run.selections)]
    assert runs
    for run in runs:
        [name] = set(run.selections)
        assert made.selections[name].phases == run.phases


APPENDED = [
    "studies: {zz: {methods: [zowarmup], grid: {split: [30/70, 50/50], pivot: [10, 20]}}}",
    "studies: {zz: {variants: {zowarmup: {method: high_res_only, set: {fedavg.batch: 4}}}}}",
    "methods: {zz: {label: Z, phases: [{algorithm: fedavg, clients: high, rounds: 60}]}}\n"
    "studies: {zz: {methods: [zz]}}",
    "methods: {zz: {label: Z, phases: [{algorithm: zo, clients: low, rounds: 60}]}}\n"
    "studies: {zz: {methods: [zz, zowarmup], seeds: 1}}",
]


@pytest.mark.parametrize("text", APPENDED)
def test_what_is_appended_renames_and_changes_nothing(tmp_path: Path, text: str) -> None:
    before, after = plan([str(TINY)]), made_of(tmp_path, text)
    for kind in ("runs", "selections", "warmups"):
        old, new = getattr(before, kind), getattr(after, kind)
        assert {name: new[name] for name in old} == old
    assert after.cells[: len(before.cells)] == before.cells
    assert len(after.cells) > len(before.cells)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_config_of_the_project_can_be_planned(file: Path) -> None:
    made = plan([str(file)])
    assert made.runs
    assert len(names := [*made.runs]) == len(set(names))


def test_pins_set_a_seed_apart(tmp_path: Path) -> None:
    made = made_of(tmp_path, GRID.format("pin.directions: [3]"))
    assert [run.pin for run in made.runs.values()] == [{"directions": 3}] * 2


def test_overrides_of_the_command_line_win(tmp_path: Path) -> None:
    assert plan([str(TINY)], {"seeds": 4, "name": "other"}).name == "other"


BUDGETS = """
federations: {default: {memory: [{share: 0.4, megabytes: 1}, {share: 0.6, megabytes: 0.01}]}}
studies: {main: {methods: [%s], set: {split: memory}}}
"""


def test_a_split_by_memory_says_in_every_part_of_a_run_what_must_be_held(tmp_path: Path) -> None:
    """So that the warm-up, the selections and the run have the same tiers."""
    made = made_of(tmp_path, BUDGETS % "high_res_only, zowarmup")
    parts = [*made.runs.values(), *made.warmups.values(), *made.selections.values()]
    assert len(parts) > 4
    assert all(part.backprop == Backprop(batch=8, momentum=False) for part in parts)
    assert all(part.split == "memory" for part in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("studies: {main: {set: {split: memory}}}", "add federations.default.memory"),
        (
            BUDGETS % "alike"
            + "methods: {alike: {label: A, phases: [{algorithm: zo, clients: all, rounds: 20}]}}",
            "methods.alike treats all clients alike",
        ),
        (
            BUDGETS % "low"
            + "methods: {low: {label: A, phases: [{algorithm: zo, clients: low, rounds: 20}]}}",
            "methods.low does not begin with backpropagation",
        ),
    ],
)
def test_a_split_by_memory_that_means_nothing(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refusal(overlay(tmp_path, text))


BORROWING = """
algorithms: {fedadam: {client_lr: {same_as: high_res_only}}}
selection: {grid: {fedadam: [0.01, 0.03]}}
methods:
  fa: {label: FA, phases: [{algorithm: fedadam, clients: high, rounds: 20}]}
studies: {main: {variants: {%s}}}
"""


@pytest.mark.parametrize("order", [("plain", "b4"), ("b4", "plain")])
def test_runs_that_borrow_different_rates_are_different(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    """Another batch for FedAvg is another selection, from which FedAdam takes its clients' rate.

    Whichever variant stands first.
    """
    variants = {"plain": "plain: {method: fa}", "b4": "b4: {method: fa, set: {fedavg.batch: 4}}"}
    made = made_of(tmp_path, BORROWING % ", ".join(variants[name] for name in order))
    runs = {cell.variant: made.runs[cell.run] for cell in made.cells if cell.variant}
    rates = {name: run.phases[0].client_lr.selection for name, run in runs.items()}
    assert rates == {"plain": "high_res_only", "b4": "high_res_only-batch4"}
    assert runs["plain"].warmup != runs["b4"].warmup
    own = [made.selections[run.phases[0].lr.selection] for run in runs.values()]
    assert own[0].phases[0].client_lr != own[1].phases[0].client_lr
