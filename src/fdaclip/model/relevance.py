"""Which patches made the score: where in the picture the model saw what the sentence says.

Shapes: T frames, S×S pixels, P patches of a frame, K of them computed, L states, D width,
E embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from .tower import tiled

if TYPE_CHECKING:
    from .fdaclip import FDACLIP

STEPS = 8  # on the way from nothing in particular to the clip


def relevance(
    model: FDACLIP, rgba: NDArray[np.uint8], query: NDArray[np.float32], *, steps: int = STEPS
) -> NDArray[np.float32]:
    """What each patch adds to the cosine of a clip and a query.

    Integrated gradients (Sundararajan et al. 2017, equation 1) of the patches' embeddings: a frame
    in which every patch shows the mean of its patches, at its own place, turns into the frame in
    equal steps; a patch's part is its change along its slope, summed over the steps. The parts add
    up to the difference of the two scores (completeness), the more exactly the more steps.

    Args:
        rgba: uint8 [T,4,S,S].
        query: float32 [E], unit length.
        steps: more are more exact; each costs about three passes of the image tower.

    Returns:
        float32 [T,√P,√P], rows from the top; 0 where a patch was not computed (pruning). Positive
        speaks for the query, negative against it.

    Raises:
        ValueError: another shape or type of the clip, or no steps.
        NeedsOneVector: the model's head compares more than one vector.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    tower, device = model.tower, model.device
    model.require_one_vector()
    batch = torch.from_numpy(rgba)[None]
    model.check_rgba(batch)
    kept = model.kept_patches(batch)
    patches = torch.from_numpy(kept[0]).to(device) if kept else None
    with torch.no_grad():
        states, bias, besides = tower.begin(batch[0].to(device), patches)
        plain, _, _ = tower.begin(averaged(batch[0], tower.patch).to(device), patches)
    wanted = torch.from_numpy(np.asarray(query, np.float32)).to(device)

    def slope(share: float) -> Tensor:
        """Of the score, at states this far from the plain ones, [T,L,D]."""
        between = (plain + share * (states - plain)).detach().requires_grad_()
        last = tower.through(between, bias, besides, range(tower.depth))
        frames = tower.pool(last, bias).float()[None]  # [1,T,E]
        score = (normalize(model.head(frames), dim=-1) @ wanted).sum()
        return torch.autograd.grad(score, between)[0].float()

    with torch.enable_grad():
        slopes = sum((slope((step + 0.5) / steps) for step in range(steps)), states * 0) / steps
    parts = ((states - plain).float() * slopes).sum(-1)  # [T,L]
    return _on_grid(parts, patches, rgba.shape[-1] // tower.patch, merged=tower.merge)


def _on_grid(
    parts: Tensor, patches: Tensor | None, side: int, *, merged: bool
) -> NDArray[np.float32]:
    """The patches' parts, [T,L], each at its place, [T,side,side]."""
    count = side * side if patches is None else patches.shape[1]
    first = parts.shape[1] - count - (merged and patches is not None)
    own = parts[:, first : first + count]
    if patches is not None:
        own = torch.zeros(len(own), side * side, device=own.device).scatter(1, patches, own)
    return own.view(-1, side, side).cpu().numpy().astype(np.float32)


def averaged(rgba: Tensor, patch: int) -> Tensor:
    """Every patch of a frame shows the mean of them, colours and mask, uint8 [T,4,S,S]."""
    side = rgba.shape[-1] // patch
    mean = tiled(rgba, patch).float().mean(1).round().to(torch.uint8)  # [T,4,p,p]
    whole = torch.zeros_like(rgba)
    whole[..., : side * patch, : side * patch] = mean.repeat(1, 1, side, side)
    return whole
