"""Moments that keep within shots."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_films import FakeEncoder

from fdaclip.library import FingerprintMismatch, Library
from fdaclip.video import write_video


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of two shots, 2 s and 3 s."""
    path = tmp_path_factory.mktemp("films") / "a.mp4"
    rng = np.random.default_rng(1)
    frames = []
    for seconds in (2, 3):
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        frames += [cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_NEAREST)] * (12 * seconds)
    write_video(path, frames, 12)
    return path


def test_moments_begin_and_end_at_cuts(tmp_path: Path, edited: Path) -> None:
    for shots, spans, numbers in (
        (None, [(0.0, 2.0), (2.0, 5.0)], [0, 1]),
        (False, [(0.0, 5.0)], [0]),
    ):
        library = Library(tmp_path / str(shots), FakeEncoder(), shots=shots)
        report = library.add(edited)
        assert library.stamp.shots is (shots is None)
        assert report.moments == len(spans) and not report.partial
        moments = library._open().moments()
        found = np.stack([moments.start, moments.end], axis=1)
        assert found == pytest.approx(np.array(spans))
        assert moments.shot.tolist() == numbers


def test_a_library_stays_with_its_way(tmp_path: Path, edited: Path) -> None:
    Library(tmp_path / "l", FakeEncoder(), shots=False).add(edited)
    Library(tmp_path / "l", FakeEncoder())
    Library(tmp_path / "l", FakeEncoder(), shots=False)
    with pytest.raises(FingerprintMismatch, match="no heed to shots") as refused:
        Library(tmp_path / "l", FakeEncoder(), shots=True)
    assert "--reindex --shots" in refused.value.hint
