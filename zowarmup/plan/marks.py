"""Marks: rounds with a name, at which phases end."""

import difflib
from collections.abc import Mapping
from typing import Any

from zowarmup.config.schema import Config
from zowarmup.config.yaml_file import ConfigError

PREFIX = "rounds."  # of the overrides by which a study moves a mark


def marks_of(config: Config, overrides: Mapping[str, Any]) -> dict[str, int]:
    """The round of every mark, under the overrides of a study."""
    varied = {mark: overrides.get(PREFIX + mark) for mark in config.rounds}
    return {mark: varied[mark] or number for mark, number in config.rounds.items()}


def with_rounds(
    where: str, phase: Mapping[str, Any], begin: int, marks: Mapping[str, int]
) -> dict[str, Any]:
    """The settings of a phase with `rounds` in place of `until`.

    Args:
        where: how the user finds the phase, for errors.
        begin: the number of rounds before the phase.

    Raises:
        ConfigError: both keys or neither, an unknown mark, or one at which nothing is left to do.
    """
    if "until" not in phase:
        if "rounds" not in phase:
            raise ConfigError(f"{where}.rounds: give a number, or until with a mark of rounds")
        return dict(phase)
    if "rounds" in phase:
        raise ConfigError(f"{where}: rounds and until are both given; remove one of them")
    end = _round(f"{where}.until", phase["until"], marks)
    if end <= begin:
        raise ConfigError(
            f"{where}.until: {phase['until']} is round {end}, but the phase begins at round "
            f"{begin}; use a mark above {begin}"
        )
    return {key: v for key, v in phase.items() if key != "until"} | {"rounds": end - begin}


def _round(key: str, until: Any, marks: Mapping[str, int]) -> int:
    if type(until) is int:
        return until
    if isinstance(until, str) and until in marks:
        return marks[until]
    near = difflib.get_close_matches(str(until), marks, n=1)
    fix = f"did you mean {near[0]}?" if near else f"use {', '.join([*marks, 'or a number'])}"
    raise ConfigError(f"{key}: there is no mark {until} in rounds; {fix}")
