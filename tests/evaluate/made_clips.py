"""Little clips made of numbers; importable by worker processes without torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

SIDE, FRAMES = 16, 3


class Clips:
    """Three clips; counts how often each is looked at."""

    def __init__(self) -> None:
        self.asked = [0, 0, 0]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> np.ndarray:
        self.asked[i] += 1
        rng = np.random.default_rng(i)
        return rng.integers(0, 256, (FRAMES, 4, SIDE, SIDE), np.uint8)


class Viewed(Clips):
    """Clips that know their motion."""

    def view(self, i: int) -> Any:
        energy = np.array([i, i + 1, i + 2], np.float32) / 10
        return SimpleNamespace(rgba=self[i], energy=energy, share=energy / 2)
