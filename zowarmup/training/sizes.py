"""The sizes of a job's networks and tiers, as its run record holds them."""

from collections.abc import Sequence

from zowarmup.common.json_value import Json
from zowarmup.models.width import narrow
from zowarmup.plan.specs import Phase
from zowarmup.training.context import Context


def sizes(context: Context, phases: Sequence[Phase]) -> dict[str, Json]:
    """The sizes in a run record.

    Returns:
        d, d_low: parameters of the network, and of the network that low-resource clients use;
        high_clients: number of high-resource clients, None in a job without tiers;
        tensors: number of parameter tensors, where a phase sends differences in a short form.
    """
    d = context.model.d
    rates = [phase.settings["rate"] for phase in phases if "rate" in phase.settings]
    parts = [narrow(context.model, float(str(rate)), 1.0).model.d for rate in rates]
    high = context.tiers.get("high")
    short = any("download" in phase.settings for phase in phases)
    return {
        "d": d,
        "d_low": min([d, *parts]),
        "high_clients": None if high is None else len(high),
        **({"tensors": len(context.model.names)} if short else {}),
    }
