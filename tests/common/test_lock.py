"""Exclusive locks: a second process waits for the first and says for which."""

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from zowarmup.common.errors import UserError
from zowarmup.common.files import holder, lock


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    """An orphan of a killed workflow may still be training when its rerun starts."""
    code = (
        "import logging; from zowarmup.common.files import lock; logging.basicConfig()\n"
        f"lock({str(tmp_path / 'lock')!r}); print('mine')"
    )
    with lock(tmp_path / "lock"):
        assert f"pid {os.getpid()} on" in (holder(tmp_path / "lock") or "")
        with pytest.raises(
            UserError, match=f"another process works in this folder: pid {os.getpid()} on"
        ):
            lock(tmp_path / "lock", wait=False)
        other = subprocess.Popen([sys.executable, "-c", code], stdout=PIPE, stderr=PIPE, text=True)
        assert other.stderr
        said = other.stderr.readline()
        assert (
            f"waiting, because another process works in this folder: pid {os.getpid()} on" in said
        )
        assert other.poll() is None
    assert other.communicate()[0] == "mine\n"
    assert holder(tmp_path / "lock") is None
