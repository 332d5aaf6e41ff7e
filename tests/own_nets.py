"""Networks as a user writes them, in a file beside a config; not imported but copied by tests."""

import math

import torch
from torch import nn
from torch.nn.functional import linear, relu

from zowarmup.models.mlp import mlp
from zowarmup.models.static_norm import StaticNorm


def group_norm(channels):
    return nn.GroupNorm(1, channels)


def mobilenet(shape, classes):
    """From torchvision; its depthwise convolutions and activations in place are hard for vmap."""
    from torchvision.models import mobilenet_v3_small

    return mobilenet_v3_small(
        num_classes=classes, dropout=0.0, width_mult=0.25, norm_layer=group_norm
    )


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self, shape, classes, kind="LSTM", hidden=8):
        super().__init__()
        self.cell = getattr(nn, kind)(shape[0] * shape[2], hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        rows, _ = self.cell(x.transpose(1, 2).flatten(2))
        return self.head(rows[:, -1])


class Normed(nn.Module):
    def __init__(self, shape, classes, norm="BatchNorm2d"):
        super().__init__()
        kind = StaticNorm if norm == "StaticNorm" else getattr(nn, norm)
        self.conv, self.norm = nn.Conv2d(shape[0], 4, 3), kind(4)
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        return self.head(relu(self.norm(self.conv(x))).mean((2, 3)))


class Lazy(nn.Module):
    """Finds out the sizes of a layer when it first runs."""

    def __init__(self, shape, classes):
        super().__init__()
        self.head = nn.LazyLinear(classes)

    def forward(self, x):
        return self.head(x.flatten(1))


class Tied(nn.Module):
    """An encoder and its transpose share one matrix, and two layers share another one."""

    def __init__(self, shape, classes, hidden=6):
        super().__init__()
        self.encoder = nn.Linear(math.prod(shape), hidden)
        self.first, self.second = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.second.weight = self.first.weight
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        h = self.second(relu(self.first(self.encoder(x.flatten(1)))))
        return self.head(h + relu(h))


class Decoder(nn.Module):
    """The output layer is the embedding of the classes, which a layer of the input reads too."""

    def __init__(self, shape, classes, hidden=6):
        super().__init__()
        self.body = nn.Linear(math.prod(shape), hidden)
        self.embedding = nn.Embedding(classes, hidden)
        self.unembedding = nn.Linear(hidden, classes, bias=False)
        self.unembedding.weight = self.embedding.weight

    def forward(self, x):
        prior = self.embedding(torch.zeros(len(x), dtype=torch.int64, device=x.device))
        return self.unembedding(relu(self.body(x.flatten(1)) + prior))


class Frozen(nn.Module):
    """A fixed first layer, as when a part of a network keeps its weights."""

    def __init__(self, shape, classes):
        super().__init__()
        self.features = nn.Linear(math.prod(shape), 16)
        n = self.features.weight.numel()
        with torch.no_grad():
            self.features.weight.copy_(torch.arange(n).sin().view(16, -1) / 4)
            self.features.bias.zero_()
        self.features.requires_grad_(False)
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        return self.head(self.features(x.flatten(1)).tanh())


class Positional(nn.Module):
    """A buffer of fixed sines is added to the rows."""

    def __init__(self, shape, classes, hidden=6):
        super().__init__()
        self.rows = nn.Linear(shape[0] * shape[2], hidden)
        self.register_buffer("places", torch.arange(shape[1] * hidden).sin().view(-1, hidden))
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(relu(self.rows(x.transpose(1, 2).flatten(2)) + self.places).mean(1))


class Twice(nn.Module):
    """One layer is used at two places, under two names."""

    def __init__(self, shape, classes, hidden=6):
        super().__init__()
        self.inner = nn.Linear(math.prod(shape), hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.again = self.middle
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.again(relu(self.middle(self.inner(x.flatten(1))))))


class Rooted(nn.Module):
    """Parameters of the network itself, alone and in a list."""

    def __init__(self, shape, classes):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.layers = nn.ParameterList(
            torch.randn(n, math.prod(shape)) / 8 for n in (math.prod(shape), classes)
        )

    def forward(self, x):
        x = x.flatten(1)
        for matrix in self.layers:
            x = linear(relu(self.scale * x), matrix)
        return x


class Attentive(nn.Module):
    """Attention between the rows of an image."""

    def __init__(self, shape, classes, hidden=8):
        super().__init__()
        self.rows = nn.Linear(shape[0] * shape[2], hidden)
        self.attention = nn.MultiheadAttention(hidden, 2, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        rows = self.rows(x.transpose(1, 2).flatten(2))
        mixed, _ = self.attention(rows, rows, rows, need_weights=False)
        return self.head((rows + mixed).mean(1))


def encoder(shape, classes):
    """A layer of torch's own transformer, between layers that make its shapes."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    return nn.Sequential(
        nn.Flatten(2),
        nn.Linear(math.prod(shape[1:]), 8),
        layer,
        nn.Flatten(),
        nn.Linear(8 * shape[0], classes),
    )


def chained(shape, classes):
    """Layers that all engines know, started as the user likes."""
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(math.prod(shape), 8), nn.ReLU(), nn.Linear(8, classes)
    )
    nn.init.orthogonal_(network[1].weight)
    return network


def wide(shape, classes, width=1.0, scale=1.0):
    """A network of this project, as a function of the user's own that HeteroFL can cut."""
    return mlp(shape, classes, width=width, scale=scale)


def unscaled(shape, classes, width=1.0):
    return mlp(shape, classes, width=width)
