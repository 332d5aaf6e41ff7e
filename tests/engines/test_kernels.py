"""What is equal bit for bit stays so whichever kernels the libraries choose.

A processor is met here that is not here: each of these variables makes a library work as it does on
another one. Child processes, because a library reads its variable once.
"""

import os
import subprocess
import sys

import pytest
import workbench

# No more than one at a time; what a processor lacks a library ignores.
CHOICES = (
    "MKL_CBWR=AVX2",
    "MKL_CBWR=COMPATIBLE",
    "MKL_CBWR=AVX512",
    "MKL_CBWR=AUTO",
    "MKL_ENABLE_INSTRUCTIONS=AVX2",
    "MKL_ENABLE_INSTRUCTIONS=SSE4_2",
    "ATEN_CPU_CAPABILITY=default",
    "ATEN_CPU_CAPABILITY=avx2",
    "ONEDNN_MAX_CPU_ISA=AVX2",
    "ONEDNN_MAX_CPU_ISA=SSE41",
    "ONEDNN_MAX_CPU_ISA=AVX512_CORE",
)
FILES = (
    *("engines/test_engines.py", "engines/test_layerwise.py"),
    *("jobs/test_memory.py", "runtime/test_process_group.py"),
)
# The kinds of network and engine that have failed on one processor or another.
SOME = "losses or pieces or (whole and (Batched or vit) and (cohort or one_have))"


def bits(choice: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The tests of bits in a process of their own."""
    name, _, value = choice.partition("=")
    files = [str(workbench.PROJECT / "tests" / file) for file in FILES]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, *arguments],
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
    )


@pytest.mark.long
@pytest.mark.parametrize("choice", ["ATEN_CPU_CAPABILITY=default"])
def test_some_bits_hold_with_other_kernels(choice: str) -> None:
    done = bits(choice, "-m", "bits", "-k", SOME)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("choice", CHOICES)
def test_all_bits_hold_with_other_kernels(choice: str) -> None:
    done = bits(choice, "-m", "bits")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


SUM = """
import torch
torch.manual_seed(0)
x = torch.randn(40, 700)
print((x @ x.T).sum().item().hex(), x.exp().log_softmax(1).sum().item().hex(), end="")
"""


def test_a_choice_of_kernels_is_a_choice() -> None:
    """Else the tests above would compare nothing new: some of the variables change some bits."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SUM],
            env=os.environ | dict([choice.split("=")]),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for choice in ("MKL_CBWR=AUTO", "MKL_CBWR=COMPATIBLE", "ATEN_CPU_CAPABILITY=default")
    }
    assert len(found) > 1
