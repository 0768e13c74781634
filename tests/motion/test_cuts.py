"""Cuts are found; motion, pans, flashes and flicker are none."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.motion import find_cuts
from mask_scenes import Scene

RATE = 12


def shot(seed: int, seconds: float, camera: str = "static", **more: float) -> list[NDArray]:
    scene = Scene(seed, camera, **more)
    return [scene.frame(k / RATE) for k in range(round(seconds * RATE))]


def cuts_of(frames: list[NDArray], rate: float = RATE) -> list[float]:
    return find_cuts((k / rate for k in range(len(frames))), iter(frames))


def test_cuts_between_shots_are_found_and_nothing_else() -> None:
    shots = [
        shot(0, 2),
        shot(1, 1, "pan"),
        shot(2, 1.5, "handheld"),
        shot(3, 1, "zoom", noise=6),
        shot(4, 1, flicker=0.15),
    ]
    starts = np.cumsum([len(s) for s in shots])[:-1] / RATE
    assert cuts_of(list(itertools.chain(*shots))) == pytest.approx(starts)


@pytest.mark.parametrize("camera", ["static", "pan", "zoom", "turn", "handheld"])
def test_motion_is_no_cut(camera: str) -> None:
    assert cuts_of(shot(5, 2, camera)) == []


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("level", [0, 255])
def test_a_flash_and_a_dropout_are_no_cuts(length: int, level: int) -> None:
    frames = shot(6, 2)
    for k in range(10, 10 + length):
        frames[k] = np.full_like(frames[k], level)
    assert cuts_of(frames) == []


def test_a_cut_beside_the_start_or_end_is_found() -> None:
    assert cuts_of(shot(0, 2)[:1] + shot(1, 2)) == pytest.approx([1 / RATE])
    assert cuts_of(shot(0, 2) + shot(1, 2)[:1]) == pytest.approx([2.0])


def test_sparse_and_short_input() -> None:
    assert find_cuts([], []) == []
    assert cuts_of(shot(0, 2)[:1]) == []
    assert cuts_of(shot(0, 0.5) + shot(1, 0.5), rate=2) == pytest.approx([3.0])


def test_times_must_ascend_and_match() -> None:
    frames = shot(0, 0.25)
    with pytest.raises(ValueError, match="ascend"):
        find_cuts([0, 1, 1], frames)
    with pytest.raises(ValueError):
        find_cuts([0, 1], frames)
