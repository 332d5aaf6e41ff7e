"""The context of a job: its model, its tiers and its dimensions."""

from pathlib import Path

import pytest
import small_runs
import torch
from small_runs import SEEDS, fedavg, phase_of, spec_of, zo

from zowarmup.algorithms.rounds import State
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.plan.specs import RunSpec
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import CheckpointError
from zowarmup.training import context as contexts
from zowarmup.training import replay
from zowarmup.training.context import Context


def test_the_facts_of_a_run(data: Dataset, dealt: Federation, context: Context) -> None:
    """mlp on digits: 64-32-10, half as wide 64-16-10; 30/70 of ten clients."""
    d, d_low = 64 * 32 + 32 + 32 * 10 + 10, 64 * 16 + 16 + 16 * 10 + 10
    found = small_runs.sizes(context, phase_of("heterofl"))
    assert (found["d"], found["d_low"], found["high_clients"]) == (d, d_low, 3)
    found = small_runs.sizes(context, fedavg(), zo())
    assert (found["d"], found["d_low"], found["high_clients"]) == (d, d, 3)
    whole = contexts.assemble(RunSpec.read(spec_of(fedavg(), split=None)), data, dealt)
    assert small_runs.sizes(whole, fedavg(clients="all"))["high_clients"] is None
    assert small_runs.cohort(whole, fedavg(clients="all"), 1, SEEDS).low == frozenset()


def test_a_wider_network_is_trained_and_its_checkpoint_says_so(
    data: Dataset, dealt: Federation, tmp_path: Path
) -> None:
    spec = spec_of(fedavg(), zo(), width=2.0)
    wide = contexts.assemble(RunSpec.read(spec), data, dealt)
    assert wide.model.d == 64 * 64 + 64 + 64 * 10 + 10
    w = wide.model.initial(SEEDS.initialisation)
    checkpoint.save(tmp_path / "w", wide.model, State(w), wide.about(0))
    again = replay.model_of(checkpoint.load(tmp_path / "w"))
    assert torch.equal(checkpoint.weights(tmp_path / "w", again), w)
    narrow = contexts.model("mlp", (1, 8, 8), 10)
    with pytest.raises(CheckpointError, match=r"the checkpoint is of another network$"):
        checkpoint.weights(tmp_path / "w", narrow)
