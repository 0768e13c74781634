"""Guidance without training: the class token is told where to look."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class AttentionBias:
    """A bias on the attention of the class token: what moves weighs more.

    Where a patch's share of motion is m, log((ε + m) / (ε + 1)) is added to the logit of the class
    token's attention to it: its weight before the softmax is multiplied by (ε + m) / (ε + 1). A
    mask of ones adds nothing. Towers without a class token (SigLIP) pool their patches by the
    attention of a learned probe; there the bias is on the probe, whatever `layers` says.

    Attributes:
        floor: ε above 0; the smaller, the less is seen of what stands still.
        layers: of the tower, in which the class token is guided, from 0; negative ones count from
            the last. None is all of them.

    Raises:
        ValueError: `floor` is not above 0.
    """

    floor: float = 0.1
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not (self.floor > 0 and isfinite(self.floor)):
            raise ValueError(f"floor must be above 0, not {self.floor!r}")
        if self.layers is not None:  # JSON and YAML give lists
            object.__setattr__(self, "layers", tuple(self.layers))

    def chosen(self, count: int) -> frozenset[int]:
        """The numbers of the guided layers in a tower of `count`.

        Raises:
            ValueError: the tower has no such layer.
        """
        layers = range(count) if self.layers is None else self.layers
        if wrong := [layer for layer in layers if not -count <= layer < count]:
            raise ValueError(f"layers {wrong} are not in a tower of {count} layers")
        return frozenset(layer % count for layer in layers)

    def logits(self, moving: Tensor) -> Tensor:
        """Shares of motion [N,K] in [0,1] → what is added to the logits, [N,K], at most 0."""
        return ((self.floor + moving) / (self.floor + 1)).log()
