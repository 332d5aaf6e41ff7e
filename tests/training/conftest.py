"""Fixtures of the loop over rounds: ten clients of digits, and the model after their warm-up."""

import pytest
from small_runs import SEEDS, fedavg, last_of, spec_of, steps_of
from torch import Tensor

from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.plan.specs import RunSpec
from zowarmup.training import context as contexts
from zowarmup.training.context import Context


@pytest.fixture(scope="session")
def data() -> Dataset:
    return dataset_file.load_source("digits", images_train=300, images_test=60)


@pytest.fixture(scope="session")
def dealt(data: Dataset) -> Federation:
    return federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=3)


@pytest.fixture(scope="session")
def context(data: Dataset, dealt: Federation) -> Context:
    return contexts.assemble(RunSpec.read(spec_of(fedavg())), data, dealt)


@pytest.fixture(scope="session")
def pivot(context: Context) -> Tensor:
    """The model after the warm-up."""
    return last_of(
        steps_of(context, fedavg(), context.model.initial(SEEDS.initialisation), first=1)
    ).w
