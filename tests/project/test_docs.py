"""The documentation says what the files say, and its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from zowarmup.config.phase import Phase
from zowarmup.config.phase_settings import PHASES

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_numbers_in_the_pages_are_those_of_the_evidence():
    """`make evidence` writes them; nobody types them."""
    script = ROOT / "workflow/evidence/pages.py"
    assert subprocess.run([sys.executable, str(script), "--check"]).returncode == 0


def test_commands_say_what_the_page_shows():
    """`make evidence` writes it; numbers aside, which belong to a machine, it is compared here."""
    script = ROOT / "workflow/evidence/commands.py"
    said = subprocess.run(
        [sys.executable, str(script), "--check"], stdout=subprocess.PIPE, text=True
    )
    assert said.returncode == 0, said.stdout


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


def test_every_setting_of_every_algorithm_is_explained():
    """docs/config.md has a row for each, with the names of its own settings."""
    page = (ROOT / "docs/config.md").read_text()
    for name, schema in PHASES.items():
        row = re.search(rf"^\| `{name}` \| (.*) \|$", page, re.MULTILINE)
        assert row, name
        own = set(schema.model_fields) - set(Phase.model_fields)
        others = [PHASES[other] for other in re.findall(r"as `(\w+)`", row[1])]
        told = {field for other in others for field in other.model_fields}
        assert all(f"`{field}`" in row[1] or field in told for field in own), name


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("config/*.yaml")], ids=lambda page: page.name)
def test_shown_commands_name_no_target_after_the_config(page):
    """Snakemake takes every word up to the next option for a file, and ends without a hint."""
    behind = re.findall(r"snakemake .*--configfile \S+\.yaml (\w+)", page.read_text())
    assert not behind
