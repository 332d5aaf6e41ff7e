"""Clients of several sizes with networks of all kinds, for the tests of the engines."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from toys import dealt

from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.common.seeds import key
from zowarmup.engines.batched import Batched
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.models.cnn import cnn
from zowarmup.models.directions import draw, permutations
from zowarmup.models.flat import FlatModel
from zowarmup.models.mlp import mlp
from zowarmup.models.preresnet import preresnet_tiny, preresnet_tiny_gn
from zowarmup.models.resnet import resnet_tiny
from zowarmup.models.vit import vit_tiny

SIZES = (12, 7, 12, 12, 7, 3)  # images of each client
MOST = max(SIZES)
CLIENTS = (0, 1, 3, 4, 5)
S, EPS, TAU = 3, 1e-4, 0.75
FULL = SGD(5, 0.1, weight_decay=1e-2, momentum=0.9, clip=0.5)  # with every option in use

# Every option that the stacked layers know.
STRANGE = nn.Sequential(
    nn.Conv2d(1, 6, (3, 5), padding=(0, 2), stride=(1, 2)),
    nn.ReLU(),
    nn.MaxPool2d((2, 3), stride=1),
    nn.Conv2d(6, 4, 2, stride=(2, 1), padding=1, bias=False),
    nn.GroupNorm(2, 4, affine=False),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(4, 9, bias=False),
    nn.GroupNorm(3, 9),
    nn.ReLU(),
    nn.Linear(9, 10),
)
NETWORKS = {
    "mlp": mlp,
    "cnn": cnn,
    "strange": lambda *_: STRANGE,
    "narrow mlp": lambda *of: mlp(*of, width=0.3, scale=0.3),
    "narrow cnn": lambda *of: cnn(*of, width=0.5, scale=0.5),
    "resnet": resnet_tiny,
    "static norm": preresnet_tiny,
    "narrow resnet": lambda *of: preresnet_tiny_gn(*of, width=0.5, scale=0.5),
    "vit": vit_tiny,
}
CHAINS = ("mlp", "cnn", "strange", "narrow mlp", "narrow cnn")
FAST = [
    *((Batched, name) for name in CHAINS),
    *((Vmap, name) for name in ("strange", "resnet", "static norm", "narrow resnet", "vit")),
]


def normal(name, *shape):
    draws = np.random.Generator(np.random.PCG64(key("test engines", name)))
    return torch.from_numpy(draws.standard_normal(shape, dtype=np.float32))


def make_data(sizes=SIZES):
    """Images with some contrast between classes, so that losses and gradients are not all alike."""
    data = []
    for client, n in enumerate(sizes):
        y = (normal(f"labels {client}", n).abs() * 1e6).long() % 10
        x = normal(f"images {client}", n, 1, 8, 8) + (y / 5 - 1)[:, None, None, None]
        data.append((x, y))
    return data


def make_model(name):
    with torch.device("meta"):
        return FlatModel(NETWORKS[name]((1, 8, 8), 10))


def pair(engine, name, micro_batch=64, **options):
    """Plain and a fast engine over the same clients."""
    model, data = make_model(name), dealt(make_data())
    return Plain(model, data, micro_batch), engine(model, data, micro_batch, **options)


def orders(clients, epochs=2, n=MOST):
    visits = [client * epochs + e for client in clients for e in range(epochs)]
    orders = permutations(key("test engines"), (1,), visits, n)
    return orders.view(len(clients), epochs, -1)


def trained(engine, w, clients=CLIENTS, sgd=FULL, masked=True, n=MOST):
    visits = orders(clients, n=n)
    return torch.stack(list(engine.local_sgd(w, clients, visits, replace(sgd, masked=masked))))


def directions_of(clients, d, number=S, **options):
    return draw(3, 1, clients, number, d, **options)


def steps_of(n, batch, epochs=2):
    return epochs * -(-n // batch)


def stepped(engine, w, clients=CLIENTS, batch=5, eps=1e-2, lr=0.01, **options):
    """Local zeroth-order steps of two epochs, S directions a step: [(w_i, scalars)]."""
    u = directions_of(clients, engine.d, steps_of(MOST, batch) * S, **options)
    zo = LocalZO(batch, lr, S, eps, TAU)
    return list(engine.local_zo_steps(w, clients, u, orders(clients), zo))
