"""The documentation says what the files say, and its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_numbers_in_the_pages_are_those_of_the_evidence():
    """`make evidence` writes them; nobody types them."""
    script = ROOT / "docs/evidence/collect.py"
    assert subprocess.run([sys.executable, str(script), "--check"]).returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_backticks_exist(page):
    """Sources that a page names are there (files that runs make are not)."""
    for path in re.findall(
        r"`((?:zowarmup|config|rules|profiles|tests|docs)/[\w./-]+)`", page.read_text()
    ):
        assert (ROOT / path).exists(), path
