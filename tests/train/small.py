"""Little models and clips that a test trains in a moment."""

import numpy as np
import torch

from fdaclip.model import FDACLIP
from fdaclip.train import Pairs
from fdaclip.video import Sampling

SIDE = 16
WORDS = ("red", "green", "blue", "dark")
FAST = {"backbone_lr": 1e-3, "alpha_lr": 1e-3, "new_lr": 1e-3}


def tiny(**options) -> FDACLIP:
    options = {"sampling": Sampling(frames=2), **options}
    return FDACLIP.small(
        words=WORDS,
        image_size=SIDE,
        patch_size=8,
        width=32,
        layers=1,
        text_layers=1,
        embedding_size=32,
        context=8,
        **options,
    )


def coloured(copies: int = 4, shift: int = 0) -> Pairs:
    """Clips of one colour each, named by it in two ways."""
    rng = np.random.default_rng(0)
    colours = [(220, 30, 30), (30, 220, 30), (30, 30, 220), (20, 20, 20)]
    rgba = np.zeros((4 * copies, 2, 4, SIDE, SIDE), np.uint8)
    for i in range(len(rgba)):
        rgba[i, :, :3] = np.array(colours[i % 4])[None, :, None, None]
        rgba[i, :, 3] = 255 * (i % 3 > 0)
    rgba[:, :, :3] += rng.integers(0, 8, rgba[:, :, :3].shape, dtype=np.uint8)
    captions = [(WORDS[i % 4], f"{WORDS[i % 4]} {WORDS[i % 4]}") for i in range(len(rgba))]
    return Pairs(torch.from_numpy(rgba), captions, shift)
