"""The properties of this machine on which the last bits of a result depend."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

# Environment variables that choose kernels. The number of threads is a setting of the config.
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_CPU_ISA_HINTS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)

Machine = dict[str, Any]


def here() -> Machine:
    """This machine: processor, instructions that torch uses, variables that choose kernels."""
    return {
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def processor() -> str:
    """The model of the processor, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def said(machine: Machine) -> str:
    """Describe a machine in a few words."""
    variables = [f"{name}={value}" for name, value in sorted(machine["variables"].items())]
    return ", ".join([f"{machine['processor']} ({machine['capability']})", *variables])
