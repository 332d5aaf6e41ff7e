"""Marks: rounds with a name, at which phases end."""

import difflib
from collections.abc import Mapping

from zowarmup.config.schema import Value
from zowarmup.config.yaml_file import ConfigError

PREFIX = "rounds."  # of the overrides by which a study moves a mark


def with_rounds(
    where: str, phase: Mapping[str, Value], begin: int, marks: Mapping[str, Value]
) -> dict[str, Value]:
    """The settings of a phase with `rounds` in place of `until`.

    Args:
        where: how the user finds the phase, for errors.
        begin: the number of rounds before the phase.

    Raises:
        ConfigError: both keys or neither, an unknown mark, or one at which nothing is left to do.
    """
    if ("until" in phase) == ("rounds" in phase):
        raise ConfigError(f"{where}.rounds: give either a number, or until with a mark of rounds")
    if "rounds" in phase:
        return dict(phase)
    until = phase["until"]
    end = marks.get(until) if isinstance(until, str) else until
    if type(end) is not int:
        near = difflib.get_close_matches(str(until), marks, n=1)
        fix = f"did you mean {near[0]}?" if near else f"use {', '.join([*marks, 'or a number'])}"
        raise ConfigError(f"{where}.until: there is no mark {until} in rounds; {fix}")
    if end <= begin:
        raise ConfigError(
            f"{where}.until: {until} is round {end}, but the phase begins at round {begin}; "
            f"use a mark above {begin}"
        )
    return {key: v for key, v in phase.items() if key != "until"} | {"rounds": end - begin}
