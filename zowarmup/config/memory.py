"""The section `memory` of a config: the networks whose peak memory in one client is measured."""

from typing import Annotated

from pydantic import Field

from zowarmup.config.phase import Count, Settings


class Growth(Settings):
    """Networks that read text, whose peak memory is measured at several lengths of the context."""

    models: Annotated[list[str], Field(min_length=1)]
    contexts: Annotated[list[Count], Field(min_length=1)]
    batch: Count = 1


class Memory(Settings):
    """Networks whose peak memory in one client is measured, on random images."""

    models: list[str] = []
    shape: Annotated[list[Count], Field(min_length=1, max_length=4)] = [3, 32, 32]  # CIFAR
    classes: Count = 10
    batch: Count = 64  # as in the authors' public federated code
    growth: Growth | None = None  # for the figure memory_growth

    @property
    def growing(self) -> list[tuple[str, str]]:
        """The networks of `growth`, each with its roles, such as high-64; see jobs.memory."""
        if self.growth is None:
            return []
        roles = [f"{role}-{T}" for T in self.growth.contexts for role in ("high", "low")]
        return [(model, role) for model in self.growth.models for role in roles]
