"""The most telling frame of a moment."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.library.thumbnails import most_telling, thumbnail
from fdaclip.video import write_video


@dataclass
class Clip:
    rgb: NDArray[np.uint8]

    @property
    def times(self) -> NDArray[np.float64]:
        return np.arange(len(self.rgb)) * 0.5


@dataclass
class Motion:
    share: NDArray[np.float32]
    kind: tuple[str, ...]


def still(count: int) -> Motion:
    return Motion(np.zeros(count, np.float32), ("still",) * count)


def scene(height: int = 90, width: int = 160) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 220, (9, 16, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((90, 160, 3), level, np.uint8)


@pytest.mark.parametrize(
    "worse",
    [
        flat(0),
        flat(255),
        flat(128),
        cv2.GaussianBlur(scene(), (0, 0), 6),
        (scene() // 12).astype(np.uint8),
        np.maximum(scene(), 235),
    ],
    ids=["black", "white", "grey", "blurred", "underexposed", "overexposed"],
)
def test_a_sharp_well_lit_frame_is_chosen(worse: NDArray[np.uint8]) -> None:
    assert most_telling([worse, scene(), worse], still(3)) == 1


def test_motion_decides_among_like_frames_and_cuts_count_against() -> None:
    frames = [scene()] * 3
    share = np.array([0.1, 0.3, 0.9], np.float32)
    assert most_telling(frames, Motion(share, ("moving", "moving", "cut"))) == 1
    assert most_telling(frames, Motion(share, ("cut", "cut", "cut"))) in (0, 1, 2)


def test_of_black_frames_the_least_dark() -> None:
    assert most_telling([flat(0), flat(7), flat(3)], still(3)) == 1


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_never_black_where_any_frame_is_not(looks: list[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        np.clip(level + rng.integers(0, noise + 1, (24, 32, 3)), 0, 255).astype(np.uint8)
        for level, noise in looks
    ]
    lumas = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    black = [bool((luma >= 26).mean() < 0.01) for luma in lumas]
    chosen = most_telling(frames, still(len(frames)))
    assert not black[chosen] or all(black)
    if all(black):
        assert lumas[chosen].mean() == max(luma.mean() for luma in lumas)


@pytest.mark.parametrize(
    ("decoded", "stored", "expected"),
    [(224, 720, 160), (112, 720, 112), (224, 120, 120), (160, 160, 160)],
)
def test_the_short_side(decoded: int, stored: int, expected: int) -> None:
    picture = scene(decoded, decoded * 16 // 9)
    data, time = thumbnail(Clip(np.stack([picture] * 2)), still(2), stored)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert min(shown.shape[:2]) == expected
    assert abs(shown.shape[1] / shown.shape[0] - 16 / 9) < 0.03
    assert time in (0.0, 0.5)


def test_a_hit_has_a_thumbnail_that_is_not_black(tmp_path: Path) -> None:
    """A film that is black but for its middle."""
    pictures = [np.zeros((48, 64, 3), np.uint8)] * 36
    pictures[12:24] = [scene(48, 64)] * 12
    (tmp_path / "films").mkdir()
    write_video(tmp_path / "films" / "a.mp4", pictures, 12)
    film(tmp_path / "films" / "b.mp4", 3)
    library = Library(tmp_path / "l", FakeEncoder(), shots=False)
    library.add(tmp_path / "films")
    hits = library.search("anything", limit=10)
    assert {Path(hit.path).name for hit in hits} == {"a.mp4", "b.mp4"}
    for hit in hits:
        data = library.thumbnail(hit)
        assert data is not None
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture.mean() > 20
        assert min(picture.shape[:2]) <= 48
