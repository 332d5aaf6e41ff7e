"""The rates that the language configs give as numbers are those that the rule chooses."""

import workbench

from zowarmup.plan.plan import Plan, plan


def rates(planned: Plan, run: str) -> list[float | str]:
    return [phase.lr for phase in planned.runs[run].phases]


def of(name: str) -> Plan:
    return plan([str(workbench.PROJECT / "config" / f"{name}.yaml")])


def test_the_language_study_needs_no_trial() -> None:
    assert not of("language").selections


def test_rates_given_as_numbers_are_the_chosen_ones() -> None:
    chosen = of("language")
    assert rates(chosen, "by_gain") == rates(chosen, "zowarmup")
    for context in (32, 128):
        other = of(f"language-context{context}")
        for run in ("high_res_only", "zowarmup"):
            assert rates(other, run) == rates(chosen, run)
