"""An eps below the precision in use is refused before a probe is made."""

import pytest
import torch

from zowarmup.algorithms.fedkseed import FedKSeed
from zowarmup.algorithms.precision import check_radius, resolution
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_adam import ZOAdam
from zowarmup.algorithms.zo_local import ZOLocal
from zowarmup.common.errors import UserError


@pytest.mark.parametrize(
    ("dtype", "bits"), [(torch.float32, 23), (torch.bfloat16, 7), (torch.float16, 10)]
)
@pytest.mark.parametrize("rms", [0.125, 1.0])
def test_the_limit_is_eight_units_of_the_typical_weight(dtype, bits, rms):
    """eps tau >= 8 2^-m rms(w), m bits of mantissa; powers of two are exact."""
    w = torch.tensor([rms, -rms], dtype=dtype)
    limit = 8 * 2.0**-bits * rms
    check_radius(w, limit / 0.75, 0.75)
    with pytest.raises(UserError, match=rf"drowns in the rounding of {str(dtype)[6:]}"):
        check_radius(w, 0.99 * limit / 0.75, 0.75)


def test_the_paper_s_eps_shows_in_float32_and_not_in_bfloat16():
    w = torch.full((100,), 0.05)
    check_radius(w, 1e-4, 0.75)
    with pytest.raises(UserError, match=r"set `eps` to 0\.004 or more"):
        check_radius(w.bfloat16(), 1e-4, 0.75)


def test_what_the_message_asks_for_is_enough():
    w = torch.full((3,), 0.3, dtype=torch.bfloat16)
    with pytest.raises(UserError) as caught:
        check_radius(w, 1e-4, 0.5)
    asked = float(str(caught.value).split("set `eps` to ")[1].split()[0])
    check_radius(w, 1.1 * asked, 0.5)


@pytest.mark.parametrize("method", [ZO, ZOAdam, ZOLocal, FedKSeed])
def test_a_phase_does_not_begin_below_it(method):
    w = torch.full((4,), 1.0)
    method(lr=0.1).begin(w)
    with pytest.raises(UserError, match="eps: 5e-07"):
        method(lr=0.1, eps=5e-7).begin(w)


@pytest.mark.parametrize("w", [torch.full((4,), 1e30), torch.tensor([float("nan")] * 4)])
def test_a_model_that_has_diverged_is_no_error_of_eps(w):
    """What starts from it starts from it, and is shown as such."""
    ZO(lr=0.1).begin(w)


def test_slopes_take_no_differences():
    ZO(lr=0.1, eps=1e-9, estimator="directional").begin(torch.ones(4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tf32_is_noticed():
    w, before = torch.ones(4, device="cuda"), torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = True
        assert resolution(w) == (2.0**-10, "TF32")
    finally:
        torch.backends.cudnn.allow_tf32 = before
