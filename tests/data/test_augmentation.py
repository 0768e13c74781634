"""Masks and pixels change together, and a clip is never mirrored against its words."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fdaclip.data.augmentation import Augmentation, Masked, tells_sides

RGB = NDArray[np.uint8]


def scene(frames: int = 4, height: int = 96, width: int = 128, seed: int = 0) -> Masked:
    """White boxes on black, one a frame, and masks (of half the size) that are just them."""
    rng = np.random.default_rng(seed)
    rgb = np.zeros((frames, height, width, 3), np.uint8)
    masks = np.zeros((frames, 1, height // 2, width // 2), np.float32)
    for t in range(frames):
        top, left = (2 * rng.integers(8, 24, 2)).tolist()
        rgb[t, top : top + 32, left : left + 40] = 255
        masks[t, 0, top // 2 : top // 2 + 16, left // 2 : left // 2 + 20] = 1
    return Masked(rgb, masks)


def astray(clip: Masked) -> int:
    """How far, in pixels, masks reach beyond the white boxes or stay short of them."""
    white = (clip.rgb[..., 0] > 127).astype(np.uint8)
    lit = (np.kron(clip.masks[:, 0], np.ones((2, 2))) > 0.5).astype(np.uint8)
    for distance in range(16):
        kernel = np.ones((2 * distance + 1,) * 2, np.uint8)
        wide = [cv2.dilate(frame, kernel) for frame in white]
        tight = [cv2.erode(frame, kernel) for frame in white]
        if (lit <= wide).all() and (lit >= tight).all():
            return distance
    return 16


def test_the_default_changes_nothing() -> None:
    clip = scene()
    same = Augmentation()(clip, np.random.default_rng(0), ("to the left",))
    assert same.rgb is clip.rgb and same.masks is clip.masks


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1), st.sampled_from([0.0, 1.0]))
def test_masks_stay_on_what_they_mask(seed: int, crop: float, flip: float) -> None:
    augmentation = Augmentation(crop=crop, flip=flip)
    clip = scene(seed=seed)
    changed = augmentation(clip, np.random.default_rng(seed), ("a box",))
    assert changed.rgb.shape == clip.rgb.shape and changed.rgb.dtype == np.uint8
    assert changed.masks.shape == clip.masks.shape and changed.masks.dtype == np.float32
    assert changed.masks.min() >= 0 and changed.masks.max() <= 1
    assert astray(changed) <= 4


def test_all_frames_are_cut_alike_and_the_cut_varies() -> None:
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[None, None, :, None], (3, 96, 128, 3))
    clip = Masked(np.ascontiguousarray(ramp), np.ones((3, 1, 48, 64), np.float32))
    rng = np.random.default_rng(0)
    edges = set()
    for _ in range(50):
        changed = Augmentation(crop=0.5)(clip, rng, ())
        assert (changed.rgb == changed.rgb[:1]).all()
        row = changed.rgb[0, 0, :, 0].astype(int)
        assert (np.diff(row) >= -1).all()
        share = (row[-1] - row[0] + 1) / 128  # of the width: the root of that of the area
        assert 0.5 - 0.03 <= share**2 <= 1
        edges.add(row[0])
    assert len(edges) > 10


def test_mirrored_only_where_no_caption_tells_sides() -> None:
    clip, rng = scene(), np.random.default_rng(0)
    always = Augmentation(flip=1.0)
    mirrored = always(clip, rng, ("a dog runs",))
    assert (mirrored.rgb == clip.rgb[:, :, ::-1]).all()
    assert (mirrored.masks == clip.masks[..., ::-1]).all()
    for captions in (("it turns left",), ("a dog runs", "a dog on the Right.")):
        assert always(clip, rng, captions).rgb is clip.rgb


@pytest.mark.parametrize(
    ("caption", "sided"),
    [
        ("turn LEFT here", True),
        ("the right-hand lane", True),
        ("spins counter-clockwise", True),
        ("spins anticlockwise", True),
        ("moves rightwards", True),
        ("the leftmost cup", True),
        ("people are leaving", False),
        ("a bright copyright", False),
        ("a fright", False),
    ],
)
def test_words_for_sides(caption: str, sided: bool) -> None:
    assert tells_sides(caption) is sided


def test_shares_of_all_ones_masks() -> None:
    clip, rng = scene(frames=8), np.random.default_rng(0)

    def whole(augmentation: Augmentation) -> NDArray[np.bool_]:
        seen = [(augmentation(clip, rng, ()).masks == 1).all((1, 2, 3)) for _ in range(1000)]
        return np.stack(seen)  # [draws, T]

    ones = whole(Augmentation(ones=0.1))
    assert (ones.all(1) | ~ones.any(1)).all()  # a clip is taken as a whole
    assert ones.mean() == pytest.approx(0.1, abs=0.03)
    drop = whole(Augmentation(drop=0.25))
    assert drop.mean() == pytest.approx(0.25, abs=0.02)
    assert drop.all(1).mean() < 0.01  # a frame is taken alone


def test_the_same_draws_whatever_is_asked_for() -> None:
    """So that runs with and without an augmentation see the same of all others."""
    clip = scene()
    after = set()
    for flip, crop, ones in product((0.0, 1.0), (0.5, 1.0), (0.0, 0.5)):
        rng = np.random.default_rng(7)
        Augmentation(flip=flip, crop=crop, ones=ones)(clip, rng, ())
        after.add(rng.random())
    assert len(after) == 1


@pytest.mark.parametrize(
    "wrong", [{"flip": 1.5}, {"ones": -0.1}, {"drop": 2}, {"crop": 0.0}, {"crop": 1.1}]
)
def test_values_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong)  # type: ignore[arg-type]
