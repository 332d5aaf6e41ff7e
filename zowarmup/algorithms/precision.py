"""Refuses finite differences that the precision of the weights cannot show.

w + eps z differs from w by eps tau in every entry. Rounding moves an entry by up to half a unit in
its last place, so eps tau has to be several units of the typical weight: else the two losses belong
to rounding errors. float32 at the paper's eps 1e-4 is far from it, bfloat16 and TF32 are not.
"""

import torch
from torch import Tensor

from zowarmup.common.errors import UserError

UNITS = 8  # in the last place of the root mean square weight
LARGE = 1.0  # a larger typical weight is that of a training that diverged, which shall be shown
TF32 = 2.0**-10  # its unit at 1


def check_radius(w: Tensor, eps: float, tau: float) -> None:
    """Nothing, if a move by eps tau shows in w.

    Raises:
        UserError: it would drown in rounding; says how large eps must be.
    """
    unit, name = resolution(w)
    rms = w.double().square().mean().sqrt().item()
    needed = UNITS * unit * min(rms, LARGE)
    if eps * tau < needed:
        raise UserError(
            f"eps: {eps:g} with tau {tau:g} drowns in the rounding of {name} at these weights; use "
            f"an eps of at least {needed / tau:.1g}, or more precise arithmetic"
        )


def resolution(w: Tensor) -> tuple[float, str]:
    """The unit in the last place at 1 of the type that products with w use, and its name."""
    products = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    if w.is_cuda and w.dtype == torch.float32 and any(products):
        return TF32, "TF32"
    return torch.finfo(w.dtype).eps, str(w.dtype).removeprefix("torch.")
