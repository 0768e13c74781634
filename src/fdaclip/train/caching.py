"""Features of a whole batch with gradient, at the memory of a few clips: gradient caching.

Gao, Zhang, Han, Callan 2021, "Scaling deep contrastive learning batch size under memory limited
setup": the loss depends on a tower only through its features, so ∂L/∂θ = Σᵢ (∂L/∂fᵢ)·(∂fᵢ/∂θ). The
features are computed in small parts without a graph; the loss of the whole batch gives each its
gradient; then each part is computed again, with a graph, and that gradient is sent through it.
Peak memory is that of one part and of the features, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Features = tuple[Tensor, ...]
Encode = Callable[[slice], Features]


@dataclass(frozen=True)
class Encoded:
    """Features of a batch that a loss may be computed of, and the way back.

    Attributes:
        features: leaves of the loss's graph, dimension 0 the batch; what is no number with a
            fraction (a mask) needs no gradient.
        parts: of the batch, in order.
        redo: computes a part's features with a graph.
    """

    features: Features
    parts: Sequence[slice]
    redo: Callable[[int], Features]

    def backward(self) -> None:
        """Send the gradients that `features` have got back into the tower's weights."""
        gradients = [feature.grad for feature in self.features]
        for number, part in enumerate(self.parts):
            again = self.redo(number)
            pairs = [
                (feature, gradient[part])
                for feature, gradient in zip(again, gradients, strict=True)
                if gradient is not None and feature.requires_grad
            ]
            if not pairs:
                return  # nothing of this tower is trained
            torch.autograd.backward([f for f, _ in pairs], [g for _, g in pairs])


def encode_whole(encode: Encode, count: int) -> Encoded:
    """The plain way: all at once, the graph kept."""
    whole = slice(0, count)
    kept = encode(whole)
    return Encoded(tuple(map(_leaf, kept)), [whole], lambda number: kept)


def encode_in_parts(encode: Encode, count: int, size: int) -> Encoded:
    """Gradient caching: `size` of the batch at once.

    Random numbers (dropout) are the same when a part is computed again.
    """
    parts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    states, found = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_dice())
            found.append(encode(part))
    features = tuple(_leaf(torch.cat(pieces)) for pieces in zip(*found, strict=True))

    def redo(number: int) -> Features:
        now = _dice()
        _set_dice(states[number])
        again = encode(parts[number])
        _set_dice(now)
        return again

    return Encoded(features, parts, redo)


def _leaf(feature: Tensor) -> Tensor:
    return feature.detach().requires_grad_(feature.is_floating_point())


def _dice() -> list[Tensor]:
    """The states of the random generators of the processor and the current device."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return states


def _set_dice(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)
