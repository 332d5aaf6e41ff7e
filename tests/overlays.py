"""Configs that lay something over tiny.yaml, and the sentences by which they are refused."""

from pathlib import Path
from typing import Any

import pytest
import workbench

from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.plan import plan

TINY = workbench.PROJECT / "tests" / "tiny.yaml"


def overlay(folder: Path, text: str) -> Path:
    """A config of tiny.yaml with `text` laid over it."""
    file = folder / "config.yaml"
    extends = "" if text.startswith("extends") else f"extends: {TINY}\n"
    file.write_text(f"{extends}{text}\n")
    return file


def refusal(*files: Path, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        plan([str(file) for file in files], overrides)
    return str(caught.value)
