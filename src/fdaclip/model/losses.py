"""The contrastive loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def symmetric_infonce(texts: Tensor, videos: Tensor, logit_scale: Tensor | float) -> Tensor:
    """Mean of text-to-video and video-to-text cross entropy, the i-th text being the i-th video's.

    ℓ = ½ (CE(s·Q·Vᵀ, i) + CE(s·V·Qᵀ, i)): CLIP (Radford et al. 2021, figure 3), for video in
    CLIP4Clip (Luo et al. 2021, equations 6 to 8).

    Args:
        texts, videos: [B,E], unit length.
        logit_scale: s, the inverse temperature.

    Returns:
        A scalar, with gradient.

    Raises:
        ValueError: the shapes differ or are not [B,E].
    """
    if texts.ndim != 2 or texts.shape != videos.shape:
        raise ValueError(
            f"texts and videos must be of one shape [B,E], not {tuple(texts.shape)} "
            f"and {tuple(videos.shape)}"
        )
    logits = logit_scale * texts @ videos.T  # [B,B]
    truth = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, truth) + cross_entropy(logits.T, truth)) / 2
