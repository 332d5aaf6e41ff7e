"""The claims file: what it refuses, its hash, and the one that the project judges by."""

import hashlib
from pathlib import Path

import pytest

from zowarmup.analysis.claims import schema
from zowarmup.config.yaml_file import ConfigError

FILE = Path(__file__).parents[2] / "config" / "claims.yaml"
GOOD = """
families: {f: a heading}
margins: {points: 2, ratio: 1.5}
claims:
  a:
    text: ours is better
    kind: difference
    family: f
    study: main
    statistic: mean
    first: {method: ours}
    second: {method: theirs}
    threshold: 0
"""
KIND = GOOD[GOOD.index("kind") :]


def written(folder: Path, text: str) -> Path:
    file = folder / "claims.yaml"
    file.write_text(text)
    return file


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    first = schema.read(written(tmp_path, GOOD)).sha256
    assert first == hashlib.sha256(GOOD.encode()).hexdigest()
    assert schema.read(written(tmp_path, GOOD + "# a reason\n")).sha256 != first
    assert schema.read(written(tmp_path, GOOD)).sha256 == first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (GOOD, "", "claims.yaml: a config is a mapping"),
        (GOOD[GOOD.index("  a:") :], "  a: 3", "claims.yaml: claims.a: "),
        ("families: {f: a heading}", "", "claims.yaml: families: this key is required"),
        ("{f: a heading}", "{g: a heading}", "a.family is 'f', which `families` does not declare"),
        ("points: 2", "points: 0", "margins.points: "),
        ("ratio: 1.5", "ratio: 1", "margins.ratio: "),
        ("kind: difference", "kind: converse", "a.kind: .*, not 'converse'"),
        (
            "    family: f\n",
            "",
            "a: name a family for the kinds difference and no_difference",
        ),
        ("difference", "observation", "a.family: name a family for .*, and for no other"),
        ("threshold: 0", "threshold: 0\n    seeds: 4", "a.seeds: "),
        ("difference", "no_difference\n    measure: drift", "no margin is declared in distance"),
        (KIND, KIND.replace("diff", "no_diff").replace(": 0", ": 3"), "give 0, or 1 for a ratio"),
        (GOOD, GOOD + GOOD, "line 15: families: this name is given twice"),
        (GOOD, "extends: other.yaml" + GOOD, "other.yaml: No such file"),
        ("mean", "median", "claims.yaml: claims.a.statistic: .*'spread'.*, not 'median'"),
        ("    study: main\n", "", "claims.yaml: claims.a.study: this key is required; add it"),
        ("text: ours is better", "text: ''", "claims.yaml: claims.a.text: "),
        (
            "threshold",
            "treshold",
            "claims.yaml: claims.a.treshold: unknown key; did you mean threshold",
        ),
        ("{method: ours}", "{metod: ours}", "a.first.metod: unknown key; did you mean method"),
        ("{method: ours}", "{split: 10-90}", "a.first.split: .*, not '10-90'"),
        ("{method: ours}", "{pivot: x}", "a.first.pivot: .*, not 'x'"),
        ("{method: theirs}", "{method: ours}", "a.second: choose other runs than those of `first`"),
        ("{method: theirs}", "{chance: false}", "a.second.chance: "),
        ("{method: theirs}", "{chance: true, S: 3}", "a.second: remove the other keys"),
        ("{method: ours}", "{chance: true, S: 3}", "a.second: remove the other keys"),
        ("threshold: 0", "threshold: 0\n    measure: loss", "a.measure: .*, not 'loss'"),
        ("mean", "mean\n    period: phase_1", "a.period: .*, not 'phase_1'"),
        ("{method: ours}", "{alpha: none}", "a.first.alpha: .*, not 'none'"),
        ("study: main", "study: []", "a.study: "),
        ("mean", "count", "a.statistic: use `count` for the kind formula, and for no other"),
        (
            "statistic: mean",
            "measure: bytes\n    statistic: mean",
            "a.statistic: use `count` for the measures",
        ),
        ("threshold: 0", "threshold: .nan", "a.threshold: .*finite.*, not nan"),
        ("threshold: 0", "threshold: much", "a.threshold: .*, not 'much'"),
        ("mean", "spread", "a.threshold: the effect is a ratio, which is above 0"),
        ("mean", "minimum", "a: give `of: <number of seeds>` for a minimum"),
        ("mean", "mean\n    of: 3", "a.of: give `of: <number of seeds>` for a minimum"),
        ("threshold: 0", "threshold: 0\n    paper: {first: 3}", "a.paper: give both `first`"),
        (
            "threshold: 0",
            "threshold: 0\n    paper: {frst: 3}",
            "a.paper.frst: unknown key; did you",
        ),
    ],
)
def test_a_malformed_file_is_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        schema.read(written(tmp_path, GOOD.replace(old, new, 1)))
    assert "\n" not in str(caught.value)
    assert "claims.yaml" in str(caught.value) or "other.yaml" in str(caught.value)


def test_claims_stand_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"claims.yaml: extends: not for claims"):
        schema.read(written(tmp_path, "extends: other.yaml\n" + GOOD.replace("a:", "b:", 1)))


def test_our_claims_are_directional() -> None:
    """Nothing that could have been tuned, but for the margin of "does not converge"."""
    every = schema.read(FILE)
    assert every.claims["plus_not_below_zowarmup"].threshold == -every.margins.points
    ours = {name: claim for name, claim in every.claims.items() if claim.family != "plus"}
    assert len({claim.text for claim in ours.values()}) == len(ours)
    usual = {"mean": 0, "spread": 1, "minimum": 0, "count": 1}
    other = {n: c for n, c in ours.items() if c.threshold != usual[c.statistic]}
    assert {(c.first.chance, c.threshold) for c in other.values()} == {(True, -10)}
    assert set(other) == {"zo_init_near_guessing", "fedkseed_fails"}


@pytest.mark.parametrize("name", ["claims.yaml", "claims-paper.yaml", "claims-cifar10.yaml"])
def test_every_family_has_a_claim(name: str) -> None:
    """A family without one would promise tests that nobody makes."""
    ours = schema.read(FILE.with_name(name))
    assert {claim.family for claim in ours.claims.values()} - {None} == set(ours.families)


def test_no_two_of_our_claims_are_the_same_test() -> None:
    ours = schema.read(FILE).claims.values()
    tests = [
        claim.model_dump_json(exclude={"text", "kind", "family", "seeds", "paper"})
        for claim in ours
    ]
    assert len(set(tests)) == len(tests)


def test_numbers_of_the_paper_are_those_it_states() -> None:
    """CIFAR-10 at 10/90; Rademacher 65.5 (std 5.2) against Gaussian 49.4 (std 7.7)."""
    stated = {
        "gain_10_90": (54.3, 44.3),
        "mean_a_unscaled": (65.5, 49.4),
        "spread_a_unscaled": (7.7, 5.2),
    }
    reported = {
        name: (c.paper.first, c.paper.second) for name, c in schema.read(FILE).claims.items()
    }
    assert {name: pair for name, pair in reported.items() if pair != (None, None)} == stated
