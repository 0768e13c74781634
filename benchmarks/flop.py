"""How much arithmetic a tower needs, and how much a machine does at best."""

from __future__ import annotations

import os
import time

import torch


def tower_flop(
    patch: int, width: int = 768, layers: int = 12, size: int = 224, channels: int = 4
) -> float:
    """FLOP of a ViT for one frame: patch embedding, projections, attention, MLP."""
    patches = (size // patch) ** 2
    tokens = patches + 1
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    return 2.0 * (patches * channels * patch**2 * width + layers * block)


def fp32_peak(size: int = 2048, rounds: int = 8) -> float:
    """The most FLOP/s that float32 matrix products reach here, all processors together."""
    torch.set_num_threads(os.cpu_count() or 1)
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
