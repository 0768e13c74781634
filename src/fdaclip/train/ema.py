"""A moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """ā ← d·ā + (1 − d)·w after each step, with d = min(decay, (1 + n)/(10 + n)) after n steps.

    The smaller decay of the first steps forgets where training began (as timm and TensorFlow's
    ExponentialMovingAverage have it).

    Attributes:
        weights: the averages by name.
    """

    def __init__(self, decay: float, parameters: Mapping[str, Tensor]) -> None:
        self.decay, self.parameters, self.steps = decay, dict(parameters), 0
        self.weights = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for name, parameter in self.parameters.items():
            self.weights[name].lerp_(parameter.detach(), 1 - decay)

    def adopt(self) -> None:
        """The averages in place of the weights, for good."""
        self._put(self.weights)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The averages in place of the weights, for a while."""
        kept = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])
