"""Which patches of a frame are worth computing: those that move. Needs neither torch nor a model.

Shapes: T frames, S×S pixels, N patches of P×P pixels, K of them kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

LEAST = 1 / 8  # of the patches are kept, however little moves
MOVES = 1 / 4  # of a patch: with this much motion it counts as moving


@dataclass(frozen=True)
class Prune:
    """Drop static patches before the first block; time falls about as their number does.

    Attributes:
        keep: share of the patches that stay, above 0 and at most 1; 1 drops none.
        adaptive: keep only as many as move in the clip's liveliest frame, between an eighth of all
            and `keep`: a clip in which little moves is cheaper still.
        merge: let the mean of the dropped patches take part as one more token, so that something
            is known of the background.

    Raises:
        ValueError: `keep` is out of its range.
    """

    keep: float = 0.5
    adaptive: bool = False
    merge: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep is a share above 0 and at most 1, not {self.keep!r}")


def kept_patches(alpha: NDArray[np.uint8], patch: int, prune: Prune) -> NDArray[np.int64]:
    """The patches of each frame to keep: those that move most, in order of place.

    Where patches move alike (a still frame's mask is all ones, a static background's all zeros)
    those kept lie evenly spread: they are taken in the order of an additive recurrence in two
    dimensions (R2; Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").

    Args:
        alpha: masks of one clip, uint8 [T,S,S].
        patch: P, px.

    Returns:
        int64 [T,K], rising along a row; K is one for the clip.
    """
    frames, side = len(alpha), alpha.shape[1] // patch
    blocks = alpha[:, : side * patch, : side * patch].reshape(frames, side, patch, side, patch)
    moving = blocks.mean((2, 4), dtype=np.float32).reshape(frames, -1) / 255  # [T,N]
    number = moving.shape[1]
    count = ceil(prune.keep * number)
    if prune.adaptive:
        lively = int((moving >= MOVES).sum(1).max(initial=0))
        count = min(count, max(lively, ceil(LEAST * number)))
    row, column = np.divmod(np.arange(number), side)
    spread = (0.7548776662466927 * row + 0.5698402909980532 * column) % 1  # [N]
    order = np.lexsort((np.broadcast_to(spread, moving.shape), -moving))  # [T,N], most moving first
    kept: NDArray[np.int64] = np.sort(order[:, :count], axis=1).astype(np.int64)
    return kept
