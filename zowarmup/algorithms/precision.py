"""Refuses finite differences that the precision of the weights cannot show.

w + eps z differs from w by eps tau in every entry. Rounding moves an entry by up to half a unit in
its last place, so eps tau must be several units of the typical weight; else the two losses differ
by rounding errors. At the paper's eps 1e-4, float32 is precise enough; bfloat16 and TF32 are not.
"""

import torch
from torch import Tensor

from zowarmup.common.errors import UserError

UNITS = 8  # least eps tau, in units in the last place of the root mean square weight
LARGE = 1.0  # a larger typical weight means divergence, which metrics show instead of this error
TF32 = 2.0**-10  # the unit in the last place of TF32 at 1


def check_radius(w: Tensor, eps: float, tau: float, name: str = "eps") -> None:
    """Check that a move by eps tau shows in w.

    Args:
        name: of the setting, in the message.

    Raises:
        UserError: the move would drown in rounding; the message says how large eps must be.
    """
    if w.is_meta:
        return  # a forecast, which has no values
    unit, kind = resolution(w)
    rms = w.double().square().mean().sqrt().item()
    needed = UNITS * unit * min(rms, LARGE)
    if eps * tau < needed:
        raise UserError(
            f"`{name}: {eps:g}` (`tau: {tau:g}`) drowns in the rounding of {kind} at these "
            f"weights; set `{name}` to {needed / tau:.1g} or more, or use more precise arithmetic"
        )


def resolution(w: Tensor) -> tuple[float, str]:
    """Return the unit in the last place at 1 of the type of products with w, and its name."""
    products = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    if w.is_cuda and w.dtype == torch.float32 and any(products):
        return TF32, "TF32"
    return torch.finfo(w.dtype).eps, str(w.dtype).removeprefix("torch.")
