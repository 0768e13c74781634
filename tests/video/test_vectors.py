"""Motion vectors of known translations, in the codings that give them; partners elsewhere."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.video import Clip, Sampling, open_video, write_video
from fdaclip.video.pixels import Orientation
from fdaclip.video.vectors import turned

MOVE = (4, 2)  # px a frame, right and down; even, lest earlier frames fit the chroma better
SIZE = (176, 144)


def texture(height: int, width: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.asarray(cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX))


WIDE = texture(SIZE[1] + 40 * MOVE[1], SIZE[0] + 40 * MOVE[0])


def film(
    path: Path, codec: str, options: dict[str, str], rotation: int | None = None, count: int = 36
) -> Path:
    """The whole picture moves by MOVE every frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i in range(count):
            left, top = (40 - i) * MOVE[0], (40 - i) * MOVE[1]
            view = np.ascontiguousarray(WIDE[top : top + SIZE[1], left : left + SIZE[0]])
            frame = av.VideoFrame.from_ndarray(view, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def with_vectors(path: Path, **how: object) -> Clip:
    with open_video(path, threads=1) as video:
        return video.clip(6, vectors=True, **how)  # type: ignore[arg-type]


def speed(clip: Clip) -> NDArray[np.float64]:
    """Median px a frame that each frame's cells moved, [T,2]."""
    assert clip.vectors is not None
    moves = np.nanmedian(clip.vectors.moves[:, 2:-2, 2:-2], axis=(1, 2))
    return np.asarray(moves / (clip.vectors.spans * 30)[:, None])


GIVING = [
    ("a.mp4", "libx264", {"g": "12", "bf": "0"}),
    ("b.mp4", "libx264", {"g": "12", "bf": "3", "b-pyramid": "normal"}),
    ("b.mkv", "libx264", {"g": "12", "bf": "3"}),
    ("open.mp4", "libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
    ("b.ts", "libx264", {"g": "12", "bf": "3"}),
    ("m.mp4", "mpeg4", {"g": "12", "bf": "2"}),
    ("m.avi", "mpeg4", {"g": "12"}),
    ("m2.ts", "mpeg2video", {"g": "12", "bf": "2"}),
    ("m1.mkv", "mpeg1video", {"g": "12"}),
    ("f.flv", "flv1", {"g": "12"}),
]


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize(("name", "codec", "options"), GIVING, ids=[g[0] for g in GIVING])
def test_a_known_translation_is_measured(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], anchored: bool
) -> None:
    path = film(tmp_path / name, codec, options)
    clip = with_vectors(path, sampling=Sampling(6, anchored=anchored))
    assert clip.vectors is not None
    assert clip.vectors.size == (144, 176)
    assert clip.vectors.moves.shape == (6, 18, 22, 2)
    assert clip.partners.shape == (0, 144, 176, 3) and len(clip.partner_times) == 0
    # MPEG-4's encoder takes a few frames to find the motion.
    sound = (np.abs(speed(clip) - MOVE) < 0.2).all(axis=1)
    assert sound.sum() >= (5 if codec == "mpeg4" else 6)
    with open_video(path) as video:  # the frames are the same as with partners
        plain = video.clip(sampling=Sampling(6, anchored=anchored))
    np.testing.assert_array_equal(clip.rgb, plain.rgb)
    np.testing.assert_array_equal(clip.times, plain.times)
    assert plain.vectors is None and len(plain.partners) == 6


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("hevc.mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}),
        ("vp9.webm", "libvpx-vp9", {"deadline": "realtime"}),
        ("av1.mp4", "libsvtav1", {"preset": "12"}),
        ("intra.mp4", "libx264", {"g": "1"}),
        ("intra.avi", "mjpeg", {}),
    ],
)
def test_where_the_coding_gives_none_there_are_partners(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = tmp_path / name
    if codec == "mjpeg":
        write_video(tmp_path / "x.mp4", (WIDE[i : i + 144, :176] for i in range(20)), 30)
        with av.open(str(path), "w") as out, av.open(str(tmp_path / "x.mp4")) as source:
            stream = out.add_stream("mjpeg", rate=30)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
            for frame in source.decode(video=0):
                out.mux(stream.encode(frame.reformat(format="yuvj420p")))
            out.mux(stream.encode())
    else:
        film(path, codec, options)
    clip = with_vectors(path)
    assert clip.vectors is None
    with open_video(path) as video:
        plain = video.clip(6)
    for name in ("rgb", "partners", "times", "partner_times"):
        np.testing.assert_array_equal(getattr(clip, name), getattr(plain, name))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_vectors_turn_with_the_picture(tmp_path: Path, rotation: int) -> None:
    path = film(tmp_path / "turned.mp4", "libx264", {"g": "12"}, rotation)
    clip = with_vectors(path)
    assert clip.vectors is not None and clip.vectors.size == clip.rgb.shape[1:3]
    # A quarter turn counter-clockwise takes right to up, and down to right.
    shown = {90: (MOVE[1], -MOVE[0]), 180: (-MOVE[0], -MOVE[1]), -90: (-MOVE[1], MOVE[0])}
    np.testing.assert_allclose(speed(clip), np.tile(shown[rotation], (6, 1)), atol=0.2)


def test_turning_a_field_is_turning_the_picture_it_moves() -> None:
    field = np.zeros((3, 4, 2), np.float32)
    field[0, 3] = (2, 1)  # the top right cell moves right and down
    for turns in range(4):
        for mirrored in (False, True):
            way = Orientation(turns, mirrored)
            found = turned(field, way)
            marked = way.apply((np.abs(field).sum(-1, keepdims=True) > 0).astype(np.uint8))
            assert ((np.abs(found).sum(-1) > 0) == (marked[..., 0] > 0)).all()
            # Two marks a step apart in the picture stay a step apart when it is turned.
            dots = np.zeros((9, 9, 1), np.uint8)
            dots[3, 3], dots[4, 5] = 1, 2
            after = way.apply(dots)[..., 0]
            step = np.argwhere(after == 2)[0] - np.argwhere(after == 1)[0]
            np.testing.assert_array_equal(found[np.abs(found).sum(-1) > 0][0], step[::-1])


def test_asking_late_opens_the_decoder_anew(tmp_path: Path) -> None:
    path = film(tmp_path / "late.mp4", "libx264", {"g": "12", "bf": "3"})
    fresh = with_vectors(path)
    with open_video(path, threads=1) as video:
        before = video.clip(6)
        late = video.clip(6, vectors=True)
        after = video.clip(6)
    assert late.vectors is not None and fresh.vectors is not None
    np.testing.assert_array_equal(late.rgb, before.rgb)
    np.testing.assert_array_equal(late.vectors.moves, fresh.vectors.moves)
    np.testing.assert_array_equal(after.partners, before.partners)


def test_a_last_keyframe_has_partners(tmp_path: Path) -> None:
    """Nothing looks back to it, and what looks back before it belongs to what was before."""
    path = tmp_path / "last.mp4"
    film(path, "libx264", {"g": "12", "bf": "0", "sc_threshold": "0"}, count=25)
    with open_video(path, threads=1) as video:
        clip = video.clip(1, start=24 / 30, end=25 / 30, vectors=True)
        assert clip.vectors is None
        assert clip.partner_times[0] < clip.times[0]
        other = video.clip(1, start=20 / 30, end=21 / 30, vectors=True)
        assert other.vectors is not None


def test_b_frames_before_the_end_look_further_back(tmp_path: Path) -> None:
    path = film(
        tmp_path / "b.mp4", "libx264", {"g": "100", "bf": "3", "sc_threshold": "0"}, count=31
    )
    with av.open(str(path)) as container:
        kinds = [int(frame.pict_type) for frame in container.decode(video=0)]
    assert 3 in kinds[-6:]  # B frames
    with open_video(path, threads=1) as video:
        for i in range(1, 31):
            clip = video.clip(1, start=i / 30, end=(i + 0.5) / 30, vectors=True)
            assert clip.times[0] == pytest.approx(i / 30)
            np.testing.assert_allclose(speed(clip), [MOVE], atol=0.2)
