"""Job specs for benchmarks."""

from zowarmup.plan.specs import EngineSpec, JobSpec


def job_spec(model: str, engine: str) -> JobSpec:
    """Return the spec of a job without tiers: a network and an engine on one CPU thread."""
    return JobSpec(
        dataset="benchmark",
        federation="benchmark",
        split=None,
        model=model,
        width=1.0,
        engine=EngineSpec(
            name=engine,
            device="cpu",
            threads=1,
            micro_batch=64,
            precision="float32",
            channels_last=False,
            options={},
        ),
        pin={},
        evaluate_every=1,
        snapshot_every=1,
    )
