"""Escape text for markdown and LaTeX, so that a reader sees exactly this text."""

import re

# The signs that markdown reads as mark-up. An underscore inside a word is not, and a bracket
# makes a link only before a parenthesis, so names and intervals stay as they are.
MARKDOWN = re.compile(
    r"[\\`*~|$]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|(?<=\])\("
)
# LaTeX would join LIGATURES to one sign, and read ARGUMENTS as arguments of the line end before.
LIGATURES = re.compile(r"-(?=-)|'(?=')")
ARGUMENTS = re.compile(r"^( *)(?=[\[*])", re.MULTILINE)


def markdown(text: str) -> str:
    """Return the text, escaped for a cell of a pipe table."""
    return MARKDOWN.sub(r"\\\g<0>", text).replace("\n", "<br>")


def latex_rows(rows: str) -> str:
    """Escape LIGATURES and ARGUMENTS in rows of a tabular whose other special signs are escaped."""
    rows = LIGATURES.sub(r"\g<0>{}", rows).replace("`", r"\textasciigrave{}")
    return ARGUMENTS.sub(r"\1{}", rows)
