"""The network of the demonstration: a multilayer perceptron for scikit-learn's digits."""

from torch import nn


def network() -> nn.Module:
    """64-32-10, 2,410 parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
