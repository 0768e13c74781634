"""What the image tower needs to know of a family of dual encoders.

Shapes: N frames, P patches of a frame, K of them kept, D width, E embedding.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from fdaclip.model.patch import RGBAPatchEmbedding


class Family(Protocol):
    """The steps in which backbones differ; `fdaclip.model.tower` puts them in order."""

    @property
    def patch_embedding(self) -> RGBAPatchEmbedding:
        """Pixels of patches → [N,K,D]."""

    @property
    def positions(self) -> Tensor:
        """Of the patches, [P,D]."""

    @property
    def places(self) -> Tensor | None:
        """Row and column of each patch, [P,2], where the layers need them; else None."""

    @property
    def depth(self) -> int:
        """Number of layers."""

    @property
    def guides_layers(self) -> bool:
        """Is there a class token, whose attention can be biased in the layers?"""

    def begin(self, patches: Tensor, places: Tensor | None) -> tuple[Tensor, Any]:
        """What the first layer takes, [N,L,D], and what every layer is given besides.

        Args:
            patches: with their positions, [N,K,D].
            places: row and column of each, [N,K,2] or [1,K,2], if the family has `places`.
        """

    def layer(self, index: int, states: Tensor, bias: Tensor | None, besides: Any) -> Tensor:
        """One layer, [N,L,D] → [N,L,D].

        Args:
            bias: [N,K], added to the logits of the class token's attention to the patches.
            besides: as `begin` gave it.
        """

    def last(self, states: Tensor, bias: Tensor | None, besides: Any) -> Tensor:
        """The last layer, of those states alone that `pool` reads; else as `layer`, but rounding.

        A class token is one state of many: without the others this layer takes a sixth of its time.
        """

    def pool(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """The last layer's states → features, [N,L,D] → [N,E].

        Args:
            bias: [N,K], added to the logits of a probe's attention to the patches, if it has one.
        """
