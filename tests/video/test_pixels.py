"""Colour, size and orientation against independent references."""

from pathlib import Path

import av
import numpy as np
import pytest
from films import B, Film, make, picture
from PIL import Image

from fdaclip.video import open_video
from fdaclip.video.pixels import Orientation, ToRGB, orientation_of, scaled_size

# Kr, Kb of ITU-R BT.601, BT.709 and BT.2020, by AVColorSpace.
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", sorted(WEIGHTS))
def test_matrix_and_range_follow_the_frame(matrix: int, full: bool) -> None:
    rng = np.random.default_rng(0)
    low, high = (0, 256) if full else (16, 236)
    yuv = rng.integers(low, high, (3, 32, 32), dtype=np.uint8)
    yuv[1:] = rng.integers(100, 157, (2, 32, 32))
    frame = av.VideoFrame.from_ndarray(yuv, format="yuv444p")
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    kr, kb = WEIGHTS[matrix]
    y, u, v = yuv.astype(float)
    y = y / 255 if full else (y - 16) / 219
    u, v = ((c - 128) / (255 if full else 224) for c in (u, v))
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    expected = np.clip(np.stack([red, green, blue], -1), 0, 1) * 255
    assert np.abs(ToRGB(32, 32)(frame) - expected).max() <= 1.5


@pytest.mark.parametrize("short_side", [112, 224, 720])
@pytest.mark.parametrize("size", [(640, 360), (320, 240), (360, 640)])
@pytest.mark.parametrize(("matrix", "span"), [(1, 1), (5, 1), (1, 2)])
def test_scaling_is_pillows_bicubic(
    size: tuple[int, int], short_side: int, matrix: int, span: int
) -> None:
    """Full chroma, so that what is compared is the scaling and not the chroma's."""
    rgb = np.asarray(Image.fromarray(picture(7, 64, 48)).resize(size, Image.Resampling.BICUBIC))
    rgb = (rgb // 2 + 64 + np.random.default_rng(1).integers(-20, 21, rgb.shape)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame = frame.reformat(format="yuv444p", dst_colorspace=matrix, dst_color_range=span)
    frame.colorspace, frame.color_range = matrix, span
    whole = ToRGB(*size)(frame)
    wanted = scaled_size(*size, short_side)
    reference = np.asarray(Image.fromarray(whole).resize(wanted, Image.Resampling.BICUBIC))
    away = np.abs(ToRGB(*wanted)(frame).astype(int) - reference)
    assert away.mean() < 0.7
    assert away.max() <= 5


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (333, 250), (224, 224), (100, 37)])
def test_scaled_sizes_are_those_of_the_reference_processor(size: tuple[int, int]) -> None:
    width, height = size
    short, long = min(size), max(size)
    expected = int(224 * long / short)
    assert scaled_size(*size, 224) == ((224, expected) if width <= height else (expected, 224))
    assert scaled_size(*size, None) == size


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_orientation(tmp_path: Path, degrees: int, flipped: bool) -> None:
    """Against the matrix's own definition: each stored pixel goes to its mapped place."""
    film = Film("turned.mp4", "libx264", B, rotation=degrees, flipped=flipped, count=2)
    path = make(film, tmp_path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        stored = ToRGB(frame.width, frame.height)
        side = frame.side_data.get("DISPLAYMATRIX")
        matrix = np.frombuffer(bytes(side), np.int32) if side else np.array([1, 0, 0, 0, 1, 0])
        shown = orientation_of(frame)
        plain = frame.reformat(format="rgb24").to_ndarray()
    a, b, _, c, d = (int(np.sign(v)) for v in matrix[:5])
    height, width = plain.shape[:2]
    y, x = np.mgrid[:height, :width]
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    expected = np.empty((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    expected[to_y, to_x] = plain
    np.testing.assert_array_equal(shown.apply(plain), expected)
    assert stored.width == width
    with open_video(path) as video:
        assert (video.probe.height, video.probe.width) == expected.shape[:2]
        assert video.frames_at([0.0]).rgb.shape[1:] == expected.shape
        assert np.abs(video.frames_at([0.0]).rgb[0].astype(int) - expected).mean() < 4
        assert video.clip(2, short_side=24).rgb.shape[1:] == (
            *scaled_size(*expected.shape[1::-1], 24)[::-1],
            3,
        )


def test_orientation_of_a_frame_without_a_matrix() -> None:
    assert orientation_of(av.VideoFrame(16, 16, "gray")) == Orientation()
