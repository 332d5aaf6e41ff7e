"""Kept trials decide every rate of their configs, also those that are given as numbers."""

import pytest
import workbench

from zowarmup.plan.plan import Plan, plan


def rates(planned: Plan, run: str) -> list[float | str]:
    return [phase.lr for phase in planned.runs[run].phases]


def of(name: str) -> Plan:
    return plan([str(workbench.PROJECT / "config" / f"{name}.yaml")])


@pytest.mark.parametrize("name", ["language", "cifar10-cpu"])
def test_a_config_with_kept_trials_needs_no_other(name: str) -> None:
    assert not of(name).selections


def test_rates_given_as_numbers_are_the_chosen_ones() -> None:
    chosen = of("language")
    assert rates(chosen, "by_gain") == rates(chosen, "zowarmup")
    for context in (32, 128):
        other = of(f"language-context{context}")
        for run in ("high_res_only", "zowarmup"):
            assert rates(other, run) == rates(chosen, run)
