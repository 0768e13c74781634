"""Bytes become what the towers take: the model's first step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .preprocess import ALPHA_MEAN, ALPHA_STD, Preprocess


class Normalise(nn.Module):
    """uint8 RGBA [N,4,S,S] → float32: (x/255 − mean)/std, alpha by Alpha-CLIP's 0.5 and 0.26.

    The pixels equal those of transformers' image processors to the bit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        mean, std = (*preprocess.mean, ALPHA_MEAN), (*preprocess.std, ALPHA_STD)
        self.register_buffer("mean", torch.tensor(mean).view(4, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(4, 1, 1), persistent=False)

    def forward(self, rgba: Tensor) -> Tensor:
        return (rgba.float() / 255 - self.mean) / self.std
