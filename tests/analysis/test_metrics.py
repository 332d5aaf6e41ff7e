"""metrics.csv is checked as it is read."""

from pathlib import Path
from typing import Any

import frames
import pytest
import small_runs

from zowarmup.analysis import metrics
from zowarmup.analysis.collect import rows
from zowarmup.common.errors import UserError


def text(**columns: object) -> str:
    return str(frames.frame(frames.run("zowarmup", {0: 0.5})).assign(**columns).to_csv(index=False))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cut short"),
        (text().splitlines()[0] + "\n", "cut short"),
        (text()[:-1], "cut short"),
        (text()[:-9] + "\n", "cut short"),
        (text(test_accuracy="high"), "column 'test_accuracy' must hold numbers"),
        (text(test_accuracy=54.3), r"'test_accuracy' must lie in 0\.\.1; "),
        (text(round=40), "run 'zowarmup-10/90-20' seed 0 has round 40 twice"),
    ],
)
def test_a_damaged_file_is_named(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        metrics.read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("phase", "P"),
    [
        (small_runs.zo(clients="all"), 3 * 10),
        (small_runs.zo(clients="high", participation=0.5), 3 * 2),
        (small_runs.zo(shared_directions=True), 3),
        (small_runs.phase_of("zo_groups", groups=4), 3 * 4),
        (small_runs.phase_of("zo_groups", groups=4, participation=0.2), 3 * 2),
        (small_runs.fedavg(), 0),
    ],
)
def test_directions_of_a_round_count_once(phase: dict[str, Any], P: int) -> None:
    """Of ten clients, four of them high-resource."""
    assert rows.directions(phase, clients=10, high=4, images=20.0) == P
