"""The image tower: frames and their masks become features, in one forward for every backbone.

Shapes: N frames, S×S pixels, P patches of p×p pixels, K of them kept, D width, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from .backbone import towers
from .families import family_of
from .normalise import Normalise
from .settings import Settings

if TYPE_CHECKING:
    from .backbone import Backbone


class FrameTower(nn.Module):
    """A backbone's image tower, guided in the ways its settings name.

    Without guidance other than alpha it does what the backbone's own forward does, to the bit.

    Args:
        backbone: widened to RGBA.
        normalise: bytes to what the backbone takes.
        settings: `attention` biases the class token, `prune` says whether patches are dropped.
        thrifty: leave out what no later step reads (see `Family.last`), at the price of the bits.

    Raises:
        ValueError: `settings.attention` names a layer that the tower has not.
    """

    def __init__(
        self, backbone: Backbone, normalise: Normalise, settings: Settings, *, thrifty: bool = False
    ) -> None:
        super().__init__()
        family = family_of(backbone)
        self._parts = (family, normalise)  # not as children: their weights are the model's already
        self.patch = int(towers(backbone)[0].patch_size)
        self.attention = settings.attention
        self.guided = self.attention.chosen(family.depth) if self.attention else frozenset()
        self.thrifty = thrifty
        self.merge = settings.prune is not None and settings.prune.merge

    def forward(self, rgba: Tensor, patches: Tensor | None = None) -> Tensor:
        """Frames → features, not of unit length.

        Args:
            rgba: uint8 [N,4,S,S].
            patches: int64 [N,K], numbers of the patches to compute, in rows from the top left; all
                if None.

        Returns:
            [N,E].
        """
        family, _ = self._parts
        states, bias, besides = self.begin(rgba, patches)
        states = self.through(states, bias, besides, range(family.depth - self.thrifty))
        if self.thrifty:
            states = family.last(states, self._guiding(bias, family.depth - 1), besides)
        return family.pool(states, bias)

    def begin(
        self, rgba: Tensor, patches: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Any]:
        """What the first layer takes, [N,L,D], what guides attention, and what goes with both.

        The patches are the last of the L states, in their order.
        """
        # Sizes are read with `shape`: `len` would fix them in an export (torch.export).
        embedded = self._embed(rgba, patches)
        bias = None
        if self.attention:
            moving = shares_of_motion(rgba, self.patch)
            bias = self.attention.logits(moving if patches is None else self._kept(moving, patches))
        states, besides = self._parts[0].begin(embedded, self._places(rgba, patches))
        return states, bias, besides

    def through(
        self, states: Tensor, bias: Tensor | None, besides: Any, layers: Iterable[int]
    ) -> Tensor:
        """States behind these layers, [N,L,D]; the others as `begin` gave them."""
        for index in layers:
            states = self._parts[0].layer(index, states, self._guiding(bias, index), besides)
        return states

    def pool(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """The last layer's states → features [N,E], not of unit length."""
        return self._parts[0].pool(states, bias)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return self._parts[0].depth

    def _guiding(self, bias: Tensor | None, index: int) -> Tensor | None:
        return bias if index in self.guided else None

    def _embed(self, rgba: Tensor, patches: Tensor | None) -> Tensor:
        """Patches with their positions, [N,K,D]; one more if those that are dropped are merged."""
        family, normalise = self._parts
        embedding, positions = family.patch_embedding, family.positions
        if patches is None:
            grid: Tensor = embedding(normalise(rgba))  # [N,D,S/p,S/p]
            return grid.flatten(2).transpose(1, 2) + positions
        # The embedding is linear, so that of a mean of tiles is the mean of theirs.
        tiles = self._kept(tiled(rgba, self.patch), patches)
        places = self._kept(positions.expand(rgba.shape[0], -1, -1), patches)
        return embedding.of_tiles(normalise(tiles)) + places

    def _places(self, rgba: Tensor, patches: Tensor | None) -> Tensor | None:
        """Row and column of the patches, [N,K,2], or [1,P,2] of all, if the family needs them."""
        places = self._parts[0].places
        if places is None or patches is None:
            return None if places is None else places[None]
        return self._kept(places.expand(rgba.shape[0], -1, -1), patches)

    def _kept(self, rows: Tensor, patches: Tensor) -> Tensor:
        """Of rows [N,P,…] those of the patches, [N,K,…], and if merging the mean of the others."""
        kept = gathered(rows, patches)
        if not self.merge:
            return kept
        weights = dropped(patches, rows.shape[1])  # [N,P]
        flat = rows.to(weights.dtype).flatten(2) if rows.ndim > 2 else rows[..., None]
        mean = (weights[:, None] @ flat).view(rows.shape[0], 1, *rows.shape[2:])
        return torch.cat([kept.to(mean.dtype), mean], 1)


def tiled(rgba: Tensor, patch: int) -> Tensor:
    """[N,4,S,S] → its patches, row by row, [N,P,4,p,p]; pixels beyond the last one are left out."""
    count, side = rgba.shape[0], rgba.shape[-1] // patch
    grid = rgba[..., : side * patch, : side * patch].reshape(count, 4, side, patch, side, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def shares_of_motion(rgba: Tensor, patch: int) -> Tensor:
    """The mean of each patch's mask, uint8 [N,4,S,S] → float32 [N,P] in [0,1]."""
    shares: Tensor = avg_pool2d(rgba[:, 3:].float(), patch).flatten(1) / 255
    return shares


def gathered(rows: Tensor, patches: Tensor) -> Tensor:
    """Of rows [N,P,…] those of the numbers [N,K]: [N,K,…]."""
    return rows[torch.arange(rows.shape[0], device=rows.device)[:, None], patches]


def dropped(patches: Tensor, count: int) -> Tensor:
    """Weights that give the mean over the patches that are not kept, [N,K] → float32 [N,P]."""
    rest = torch.ones(patches.shape[0], count, device=patches.device).scatter(1, patches, 0.0)
    return rest / rest.sum(1, keepdim=True)
