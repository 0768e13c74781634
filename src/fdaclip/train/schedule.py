"""The learning rate over time."""

from __future__ import annotations

import math


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Factor on the peak rate at ``step`` (from 0) of ``steps``.

    Linear from 1/w to 1 over the first w = warmup · steps steps, then half a cosine down to 0.
    """
    rise = round(warmup * steps)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
