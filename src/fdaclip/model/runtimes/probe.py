"""What an export is checked and calibrated with: generated clips and sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.words import WORDS


def generated_clip(frames: int, size: int, seed: int) -> NDArray[np.uint8]:
    """A shape that moves over a cloudy picture, with its mask, uint8 RGBA [T,4,S,S].

    The pictures' energy falls with frequency about as in photographs (a sum of noises from coarse
    to fine), and colours, contrast and the share that moves differ from seed to seed.
    """
    random = np.random.default_rng(seed)
    picture = np.zeros((3, size, size))
    cells = 2
    while cells <= size:
        noise = random.normal(size=(3, cells, cells))
        rows = np.arange(size) * cells // size
        picture += noise[:, rows][:, :, rows] / cells**0.8
        cells *= 2
    picture = (
        128 + random.uniform(30, 70) * picture / picture.std() + random.normal(0, 25, (3, 1, 1))
    )
    rgba = np.empty((frames, 4, size, size), np.uint8)
    y, x = np.mgrid[:size, :size] / size
    start, step = random.uniform(0.2, 0.8, 2), random.uniform(-0.4, 0.4, 2)
    radius, colour = random.uniform(0.08, 0.3), random.uniform(0, 255, 3)
    for t in range(frames):
        at = start + step * t / max(frames - 1, 1)
        inside = (x - at[0]) ** 2 + (y - at[1]) ** 2 < radius**2
        frame = np.where(inside, colour[:, None, None], picture)
        rgba[t, :3] = np.clip(frame + random.normal(0, 4, frame.shape), 0, 255)
        rgba[t, 3] = inside * 255
    if seed % 4 == 3:  # as of a still clip
        rgba[:, 3] = 255
    return rgba


def generated_clips(
    size: int, seed: int = 0, frames: Sequence[int] = (1, 4, 4, 5)
) -> list[NDArray[np.uint8]]:
    """Clips of so many frames each."""
    return [generated_clip(count, size, seed + i) for i, count in enumerate(frames)]


def generated_sentences(count: int = 8, seed: int = 0) -> list[str]:
    """Common words in no order, from one to fifteen; the first is empty."""
    random = np.random.default_rng(seed)
    return ["", *(" ".join(random.choice(WORDS, 1 + 2 * i)) for i in range(count - 1))]
