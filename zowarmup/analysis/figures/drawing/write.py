"""Write a figure as svg, png or pdf: equal figures give equal bytes, a file is whole or absent."""

import logging
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style
from zowarmup.common.files import atomic_write_bytes

# Without these, the files would carry the time, random ids and the version of matplotlib.
METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}
# Type 42 puts whole outlines into the pdf, as journals ask. In the svg glyphs are paths, which look
# the same on machines without the font.
RC = {"svg.hashsalt": "zowarmup", "svg.fonttype": "path", "pdf.fonttype": 42}
DPI = 300

log = logging.getLogger("zowarmup")


def write(figure: Figure, paths: Sequence[str | Path]) -> None:
    """Write the figure to each path, in the format that the path's ending names.

    Raises:
        ValueError: an ending is not one of .svg, .png and .pdf.
    """
    # Lay out only once: each drawing moves things a little, so the order of paths would matter.
    with style.alone(RC), warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("always", style.MISSING_LETTER)
        figure.draw_without_rendering()
    for text in dict.fromkeys(str(one.message) for one in warned):
        log.warning(text)
    figure.set_layout_engine("none")
    for path in map(Path, paths):
        if path.suffix not in METADATA:
            raise ValueError(f"{path}: a figure's name must end in one of {', '.join(METADATA)}")
        atomic_write_bytes(path, render(figure, path.suffix))


def render(figure: Figure, ending: str) -> bytes:
    """Return the bytes of the figure in one format."""
    buffer = BytesIO()
    with style.alone(RC):
        figure.savefig(buffer, format=ending[1:], dpi=DPI, metadata=METADATA[ending])
    return buffer.getvalue()
