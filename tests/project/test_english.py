"""The words of the project: plain English in code and documentation, without its worst habits."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import workbench

PROJECT = workbench.PROJECT
CODE = sorted([*PROJECT.glob("zowarmup/**/*.py"), *PROJECT.glob("workflow/**/*.py")])
# All but the claims, whose hash stands in verdicts.
PROSE = sorted(
    [
        *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Snakefile")),
        *PROJECT.glob("docs/*.md"),
        *(file for file in PROJECT.glob("config/*.*") if not file.match("claims*")),
        *PROJECT.glob("rules/*.smk"),
        *PROJECT.glob("zowarmup/**/*.html"),
    ]
)

# Copies of result files in a page, which a run wrote.
QUOTED = re.compile(r"<!-- ([\w -]+) -->\n.*?<!-- \1 -->", re.DOTALL)

# Each a turn of phrase that a reader had to read twice, and what says it plainly.
BANNED = {
    r"so many": "the number",
    r"none of ours": "not a file of this project",
    r"is none\b": "is not a ...",
    r"\bmend(s|ed)?\b": "fix",
    r"made otherwise": "stale",
    r"\b(go|goes|gone|going|went) on (from|where)\b": "resume",
    r"be made again": "recreate",
    r"\b(this|its|a|the) world\b": "context",
    r"\bovertaken\b": "stale",
    r"\b(a|the) tally\b": "costs",
    r"\bworkplace\b": "exclusive lock",
    r"\bwhoever\b": "name the one who acts",
    r"group's code": "the authors' public federated code",
}
# Clauses that open a docstring and hide what the thing is or returns.
OPENINGS = re.compile(r"(What|Who|Whose|Whom|Of which|By which|By what|How far)\b")
# Names of variables that do not say what they hold.
EMPTY = {"here", "there", "found", "made", "told", "known"}


def name_of(file: Path) -> str:
    return str(file.relative_to(PROJECT))


@pytest.mark.parametrize("file", [*CODE, *PROSE], ids=name_of)
def test_no_sentence_has_a_banned_turn(file: Path) -> None:
    text = QUOTED.sub("", file.read_text(encoding="utf-8"))
    text = re.sub(r"\s*\n[#\s]*", " ", text)
    for pattern, plain in BANNED.items():
        match = re.search(pattern, text)
        place = text[max(0, match.start() - 40) : match.end() + 40] if match else ""
        assert not match, f"...{place}...: say: {plain}"


def documented(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and (docstring := ast.get_docstring(node)):
            yield docstring


@pytest.mark.parametrize("file", CODE, ids=name_of)
def test_a_docstring_opens_with_its_subject(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    hidden = [text.splitlines()[0] for text in documented(tree) if OPENINGS.match(text)]
    assert not hidden


@pytest.mark.parametrize("file", CODE, ids=name_of)
def test_a_variable_is_called_what_it_holds(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    assert not names & EMPTY
