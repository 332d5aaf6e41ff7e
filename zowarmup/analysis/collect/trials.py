"""The trials of all selections as one file, from which the choices can be computed again."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.plan import earlier_trials
from zowarmup.plan.earlier_trials import EarlierTrials, Row
from zowarmup.plan.tuning_rule import Trial


def collect(
    selections: Sequence[Path | str],
    decides: Mapping[str, str],
    earlier: Path | str | None,
    output: Path | str,
) -> None:
    """Write the trials of selections, and the earlier ones that have decided others.

    Args:
        selections: their files.
        decides: the digest of what decides each selection, by its name.
        earlier: a file of trials that were made before.

    Raises:
        UserError: a file is missing or damaged.
    """
    rows = [row for file in selections for row in _made(file, decides)]
    before, new = EarlierTrials(earlier), {row[1] for row in rows}
    for name, digest in decides.items():
        if digest not in new:
            chance, trials = before.trials[digest]
            rows += [(name, digest, chance, trial) for trial in trials]
    earlier_trials.write(output, sorted(rows, key=lambda row: row[0]))


def _made(file: Path | str, decides: Mapping[str, str]) -> Iterator[Row]:
    with reading(file):
        selected = read_json(file)
        name = selected["spec"]["name"]
        for trial in selected["trials"]:
            yield name, decides[name], selected["chance"], Trial.read(trial)
