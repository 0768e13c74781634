"""Which patches stay: the ones that move, evenly spread where nothing tells them apart."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdaclip.model.prune import LEAST, MOVES, Prune, kept_patches


@given(
    side=st.integers(1, 7),
    patch=st.integers(1, 5),
    keep=st.floats(0.01, 1),
    adaptive=st.booleans(),
    levels=st.integers(1, 256),
    seed=st.integers(0, 1000),
)
def test_those_that_move_most_stay(
    side: int, patch: int, keep: float, adaptive: bool, levels: int, seed: int
) -> None:
    alpha = np.random.default_rng(seed).integers(
        0, levels, (3, side * patch, side * patch), dtype=np.uint8
    )
    kept = kept_patches(alpha, patch, Prune(keep, adaptive))
    assert kept.dtype == np.int64
    assert (np.diff(kept, axis=1) > 0).all()  # in order of place, none twice
    assert kept.min() >= 0 and kept.max() < side * side
    for frame, numbers in zip(alpha, kept, strict=True):
        moving = [
            frame[y : y + patch, x : x + patch].mean()
            for y in range(0, side * patch, patch)
            for x in range(0, side * patch, patch)
        ]
        others = set(range(side * side)) - set(numbers.tolist())
        least = min(moving[number] for number in numbers)
        assert all(moving[number] <= least + 1e-4 for number in others)
    most = ceil(keep * side * side)
    if adaptive:
        tiles = alpha.reshape(3, side, patch, side, patch).mean((2, 4)).reshape(3, -1)
        lively = (tiles / 255 >= MOVES).sum(1).max()
        assert kept.shape == (3, min(most, max(lively, ceil(LEAST * side * side))))
    else:
        assert kept.shape == (3, most)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("keep", [0.25, 0.5, 0.75])
def test_where_all_are_alike_they_lie_evenly_spread(level: int, keep: float) -> None:
    side = 14
    kept = kept_patches(np.full((1, side * 2, side * 2), level, np.uint8), 2, Prune(keep))[0]
    grid = np.zeros((side, side))
    grid.flat[kept] = 1
    quarters = [grid[y : y + 7, x : x + 7].mean() for y in (0, 7) for x in (0, 7)]
    assert np.abs(np.array(quarters) - keep).max() < 0.08
    assert np.abs(grid.mean(0) - keep).max() < 0.2 and np.abs(grid.mean(1) - keep).max() < 0.2


def test_a_frames_patches_depend_on_that_frame_alone() -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (4, 24, 24), dtype=np.uint8)
    together = kept_patches(alpha, 4, Prune(0.3))
    for number, frame in enumerate(alpha):
        np.testing.assert_array_equal(kept_patches(frame[None], 4, Prune(0.3))[0], together[number])


@pytest.mark.parametrize("keep", [0, -1, 1.01, float("nan")])
def test_a_share_out_of_range_is_refused(keep: float) -> None:
    with pytest.raises(ValueError, match="keep is a share"):
        Prune(keep)
