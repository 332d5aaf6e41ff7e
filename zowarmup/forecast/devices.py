"""Devices by their data sheets: peak rates, and the share of them that is taken to be reached."""

from typing import NamedTuple

TERA = 1e12


class Device(NamedTuple):
    """Operations a second in float32 without TF32, and in bfloat16 with dense matrices."""

    name: str
    float32: float
    bfloat16: float


# Peak rates of NVIDIA's data sheets, boost clock, no sparsity.
DEVICES = (
    Device("H200 SXM", 67 * TERA, 989 * TERA),
    Device("H100 SXM", 67 * TERA, 989 * TERA),
    Device("A100 SXM", 19.5 * TERA, 312 * TERA),
    Device("RTX 4090", 82.6 * TERA, 165.2 * TERA),
)

# Ours, guesses until somebody measures: convolutions of CIFAR's size in large batches.
REACHED_FLOAT32 = 0.4
REACHED_BFLOAT16 = 0.2
