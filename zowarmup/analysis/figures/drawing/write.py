"""A figure as svg, png or pdf: equal figures are equal bytes, and a file is whole or absent."""

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style
from zowarmup.common.files import atomic_write_bytes

# Without these the files would carry the time, the version of matplotlib and random ids. No
# version, too, so that an update that changes nothing visible changes no byte of the text parts.
METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}
# Type 42: whole outlines in the pdf, which journals ask for; glyphs as paths in the svg look the
# same where the font is missing.
RC = {"svg.hashsalt": "zowarmup", "svg.fonttype": "path", "pdf.fonttype": 42}
DPI = 300
MISSING = r"Glyph \d+ .*missing from font"

log = logging.getLogger("zowarmup")


def write(figure: Figure, paths: Sequence[str | Path]) -> None:
    """Write the figure once per path, in the format that the path's ending names.

    Raises:
        ValueError: an ending is none of .svg, .png and .pdf.
    """
    # Laid out once: each drawing would move things a little, and bytes depend on the order.
    with style.alone(RC), _boxes_for_missing_letters():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for path in paths:
        ending = Path(path).suffix
        if ending not in METADATA:
            raise ValueError(f"{path}: a figure can end in {', '.join(METADATA)}")
        atomic_write_bytes(path, render(figure, ending))


def render(figure: Figure, ending: str) -> bytes:
    """The bytes of the figure in one format."""
    buffer = BytesIO()
    with style.alone(RC), _boxes_for_missing_letters(say=False):
        figure.savefig(buffer, format=ending.removeprefix("."), dpi=DPI, metadata=METADATA[ending])
    return buffer.getvalue()


@contextmanager
def _boxes_for_missing_letters(*, say: bool = True) -> Iterator[None]:
    """Within, a letter that the font lacks is a box and a line in the log, not a warning each."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("always", MISSING)
        yield
    others = [one for one in warned if not re.match(MISSING, str(one.message))]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if say:
        for text in dict.fromkeys(str(one.message) for one in warned if one not in others):
            log.warning(f"{text.rstrip('.')}: a box is drawn in its place")
