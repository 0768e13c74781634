"""Occlusion: what is covered counts where the score depends on it, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.model.occlusion import occlusion

SIDE, GRID = 56, 7
UP = np.array([1, 0], np.float32)


class Looker:
    """Its vector leans towards ``UP`` by how much white a corner of the frame shows."""

    def __init__(self, rows: slice, columns: slice) -> None:
        self.rows, self.columns = rows, columns
        self.frames: list[int] = []  # of each call; several threads call

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.frames.append(sum(len(clip) for clip in clips))
        seen = [clip[:, :3, self.rows, self.columns].mean() / 255 for clip in clips]
        return np.array([(s, np.sqrt(1 - s * s)) for s in seen], np.float32)


def frames() -> NDArray[np.uint8]:
    rgba = np.zeros((2, 4, SIDE, SIDE), np.uint8)
    rgba[0, :3, 40:48, 8:16] = 255  # place (5, 1); the second frame is black
    return rgba


def test_the_place_that_the_score_rests_on_stands_out() -> None:
    encoder = Looker(slice(40, 48), slice(8, 16))
    parts = occlusion(encoder, frames(), UP, GRID)  # type: ignore[arg-type]
    assert parts.shape == (2, GRID, GRID) and parts.dtype == np.float32
    assert np.unravel_index(parts[0].argmax(), (GRID, GRID)) == (5, 1)
    far = np.ones((GRID, GRID), bool)
    far[4:7, 0:3] = False
    np.testing.assert_allclose(parts[0][far], 0, atol=1e-6)
    np.testing.assert_allclose(parts[1], 0, atol=1e-6)


def test_it_takes_as_many_frames_as_it_says_and_changes_nothing() -> None:
    encoder, given = Looker(slice(0, 8), slice(0, 8)), frames()
    occlusion(encoder, given, UP, GRID)  # type: ignore[arg-type]
    assert sum(encoder.frames) == 2 * ((GRID + 1) ** 2 + 1)
    np.testing.assert_array_equal(given, frames())


def test_what_speaks_against_the_query_is_negative() -> None:
    encoder = Looker(slice(40, 48), slice(8, 16))
    parts = occlusion(encoder, frames(), -UP, GRID)  # type: ignore[arg-type]
    assert parts[0].min() < -0.05 and parts[0].max() < 1e-6


def test_wrong_use_is_told() -> None:
    encoder = Looker(slice(0, 8), slice(0, 8))
    with pytest.raises(ValueError, match="rgba must be uint8"):
        occlusion(encoder, np.zeros((1, 3, 8, 8), np.uint8), UP)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="grid must be at least"):
        occlusion(encoder, frames(), UP, 1)  # type: ignore[arg-type]
