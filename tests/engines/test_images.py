"""Images are in memory once, as bytes, and normalised to the bits of Dataset.images."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_runs import job_spec

from zowarmup.data import dataset_file, federation
from zowarmup.data.scaling import channel_statistics
from zowarmup.engines import client_groups, images
from zowarmup.training import context

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return dataset_file.load_source("digits")


def of_colour(n=500, size=8):
    """All values of a byte in three channels, with means that are no round numbers."""
    x = np.arange(n * 3 * size * size, dtype=np.int64) * 7919 % 251 % 256
    x = x.astype(np.uint8).reshape(n, 3, size, size)
    mean, std = channel_statistics(x, 255.0)
    y = np.arange(n, dtype=np.int64) % 10
    return dataset_file.Dataset("colour", x, y, x[:20], y[:20], mean, std, 255.0)


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_bits_of_the_data_set(digits, part):
    for data in (digits, of_colour()):
        whole = images.part(data, part, CPU)
        assert whole.x().numpy().tobytes() == data.images(part).tobytes()
        assert torch.equal(whole.y, torch.from_numpy(data.labels(part)))


def test_parts_are_those_of_the_normalised_tensor(digits):
    """Dealt, cut, taken, of one client or of two side by side."""
    x, y = torch.from_numpy(digits.images("train")), torch.from_numpy(digits.labels("train"))
    parts = [np.array([5, 2, 9]), np.array([7]), np.array([0, 3, 1])]
    dealt = images.dealt(images.part(digits, "train", CPU), parts)
    rows = np.concatenate(parts)
    assert torch.equal(dealt.x(), x[rows])
    for client, own in zip(dealt.split([3, 1, 3]), parts, strict=True):
        assert torch.equal(client.x(), x[own])
        assert torch.equal(client.y, y[own])
    assert [len(piece) for piece in dealt.split(3)] == [3, 3, 1]
    assert torch.equal(dealt.split(3)[2].x(), x[rows[6:]])
    assert torch.equal(dealt.take(torch.tensor([6, 0])).x(), x[rows[[6, 0]]])
    two = dealt.take(torch.tensor([0, 1, 5, 6])).each(lambda of: of.view(2, 2))
    assert torch.equal(two.take(torch.tensor([[1], [0]])).x(), x[rows[[[1], [5]]]])


def test_what_is_given_out_can_be_written_on(digits):
    whole = images.part(digits, "train", CPU)
    before = whole.raw.clone()
    whole.x().zero_()
    images.whole(before.float(), whole.y, whole.scaling).x().zero_()
    assert torch.equal(whole.raw, before)
    assert before.any()


@pytest.mark.parametrize("name", ["plain", "layerwise", "batched", "vmap"])
def test_all_parts_of_a_world_show_the_same_bytes(digits, name):
    dealt = federation.build(digits, clients=20, alpha=0.5, holdout=0.1, seed=0)
    here = context.assemble(job_spec(engine={"name": name}), digits, dealt)
    at = here.train.raw.data_ptr()
    assert at == digits.x_train.ctypes.data  # on the CPU not even one copy
    assert here.heldout.raw.data_ptr() == at
    assert here.test.raw.data_ptr() == digits.x_test.ctypes.data
    if name in ("plain", "layerwise"):
        assert {client.raw.data_ptr() for client in here.engine.data} == {at}


def test_small_data_sets_are_normalised_once(digits, monkeypatch):
    """Normalised once or whenever used: the same bits, of any client and any batch."""
    clients = images.part(digits, "train", CPU).split([5, 9, 5, 9])
    for axis in (1, -1):
        monkeypatch.setattr(client_groups, "KEPT", 28 * 64)
        once = client_groups.client_groups(clients, axis)
        monkeypatch.setattr(client_groups, "KEPT", 28 * 64 - 1)
        always = client_groups.client_groups(clients, axis)
        for a, b in ((a.ready, b.ready) for a, b in zip(once, always, strict=True)):
            assert isinstance(a, client_groups.NormalisedImages)
            assert isinstance(b, client_groups.GroupImages)
            assert b.raw.data_ptr() == digits.x_train.ctypes.data
            pieces = zip(a.split(2), b.split(2), strict=True)
            for one, other in ((a, b), (a.of_clients([1]), b.of_clients([1])), *pieces):
                assert torch.equal(one.x(), other.x())
                assert torch.equal(one.y, other.y)
            index = torch.tensor([[4, 0], [1, 1]])
            assert torch.equal(a.take(index).x(), b.take(index).x())
            assert b.take(index).x().is_contiguous()


MEASURE = """
import json, sys
import numpy as np, torch
from zowarmup.data import dataset_file, federation
from zowarmup.data.scaling import channel_statistics
from zowarmup.plan.specs import JobSpec
from zowarmup.training import context
from zowarmup.models.directions import draw
torch.set_num_threads(1)
N, clients = 60_000, int(sys.argv[1])
x = np.zeros((N, 3, 32, 32), np.uint8)
x[:] = np.arange(N)[:, None, None, None] % 256
y = np.arange(N) % 10
one = np.ones(3, np.float32)
data = dataset_file.Dataset("big", x, y, x[:10], y[:10], one / 2, one, 255.0)
dealt = federation.build(data, clients=clients, alpha=1.0, holdout=0.1, seed=0)
spec = JobSpec.read(json.loads(sys.argv[2]))
def high():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if "VmHWM" in line)
before = high()
job = context.assemble(spec, data, dealt)
w = job.model.initial(0)
job.engine.two_point(w, (0,), draw(0, 1, (0,), 1, job.model.d), radius=1e-3)
print(json.dumps([x.nbytes, high() - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the highest resident set")
@pytest.mark.parametrize(
    ("engine", "clients"), [("plain", "10"), ("plain", "1000"), ("vmap", "10")]
)
def test_memory_does_not_grow_with_the_number_of_clients(engine, clients):
    """184 MB of bytes and no second copy, let alone 737 MB of float32.

    A client of ten has 5,400 images, of which a micro-batch of 64 is normalised at a time.
    """
    spec = job_spec(engine={"name": engine}).model_dump(mode="json")
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, clients, json.dumps(spec)],
        capture_output=True,
        text=True,
        check=True,
    )
    size, growth = json.loads(answer.stdout)
    assert size == 60_000 * 3072
    assert growth < 0.5 * size
