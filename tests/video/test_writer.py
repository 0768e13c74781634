"""What is written is read back: number, rate, size, colour; and never half a file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from films import picture

from fdaclip.video import open_video, write_video


@pytest.mark.parametrize("size", [(64, 48), (51, 37), (17, 64)])
def test_round_trip(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    frames = [picture(i, *size) for i in range(20)]
    path = tmp_path / "out.mp4"
    write_video(path, iter(frames), 29.97, crf=1, keyframe_interval=5)
    with open_video(path) as video:
        probe = video.probe
        assert (probe.width, probe.height) == (width + width % 2, height + height % 2)
        assert probe.frames == 20
        assert probe.rate == pytest.approx(29.97, abs=1e-3)
        assert probe.codec == "h264"
        back = np.stack([rgb for _, rgb in video.iter_frames()])
    away = np.abs(back[:, :height, :width].astype(int) - np.stack(frames))
    assert away.mean() < 6  # half of the chroma is gone
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 200, 0), (10, 20, 250), (128, 128, 128)])
def test_colours_survive(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, [np.full((32, 32, 3), colour, np.uint8)] * 3, 10)
    with open_video(path) as video:
        assert np.abs(video.frames_at([0.1]).rgb.astype(int) - colour).max() <= 3


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    def broken() -> Iterator[np.ndarray]:
        yield picture(0, 64, 48)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_video(path, broken(), 10)
    for frames in ([], [picture(0, 8, 8), picture(0, 8, 10)], [np.zeros((8, 8), np.uint8)]):
        with pytest.raises(ValueError, match="frames"):
            write_video(path, frames, 10)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
