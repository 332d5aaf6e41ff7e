"""Text for markdown and LaTeX, escaped so that a reader sees exactly this text."""

import re

# The signs that markdown reads as mark-up. An underscore inside of a word is not one, and a bracket
# makes a link only before a parenthesis, so names and intervals stay as they are.
MARKDOWN = re.compile(
    r"[\\`*~|$]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|(?<=\])\("
)
# LaTeX joins the first to one sign, and takes the second for an argument of the line's end before.
LIGATURES = re.compile(r"-(?=-)|'(?=')")
ARGUMENTS = re.compile(r"^( *)(?=[\[*])", re.MULTILINE)


def markdown(text: str) -> str:
    """The text for a cell of a pipe table."""
    return MARKDOWN.sub(r"\\\g<0>", text).replace("\n", "<br>")


def latex_rows(rows: str) -> str:
    """Rows of a tabular whose cells have their special characters escaped already."""
    rows = LIGATURES.sub(r"\g<0>{}", rows).replace("`", r"\textasciigrave{}")
    return ARGUMENTS.sub(r"\1{}", rows)
