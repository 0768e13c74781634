"""The cuts of whole files, found without decoding them whole."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fdaclip.motion import find_cuts
from fdaclip.motion import shots as shots_module
from fdaclip.motion.shots import find_shots, look_for_cuts, merged, posts, suspicious
from fdaclip.video import Packets, Video, open_video

RATE = 12
WAYS = ("still", "pan", "shake", "zoom", "mover")
LENGTHS = (2.5, 1.5, 3.0, 0.75, 2.0, 2.25)  # s


def shot(seed: int, way: str, seconds: float) -> list[NDArray[np.uint8]]:
    """One camera on one painted wall, uint8 [96,128,3] each."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 10, 3)) * rng.uniform(0.3, 1, 3)
    wall: Any = cv2.resize(coarse.astype(np.uint8), (400, 320), interpolation=cv2.INTER_CUBIC)
    frames = []
    for k in range(round(seconds * RATE)):
        left, top, side = 100, 100, 1.0
        if way == "pan":
            left += 2 * k
        elif way == "shake":
            left, top = left + int(rng.integers(-3, 4)), top + int(rng.integers(-3, 4))
        elif way == "zoom":
            side = 1 + 0.01 * k
        height, width = round(96 * side), round(128 * side)
        picture = cv2.resize(wall[top : top + height, left : left + width], (128, 96))
        if way == "mover":
            picture[30:60, (10 + 4 * k) % 100 :][:, :24] = (250, 20, 20)
        frames.append(np.ascontiguousarray(picture))
    return frames


def shots(seed: int = 0) -> list[list[NDArray[np.uint8]]]:
    return [shot(seed + n, WAYS[n % len(WAYS)], length) for n, length in enumerate(LENGTHS)]


def starts(parts: list[list[NDArray[np.uint8]]]) -> list[float]:
    return [float(t) for t in np.cumsum([len(part) for part in parts])[:-1] / RATE]


def write(
    path: Path, frames: Iterable[NDArray[np.uint8]], codec: str = "libx264", **options: str
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(RATE), options=options)
        stream.width, stream.height = 128, 96
        stream.pix_fmt = "rgb8" if codec == "gif" else options.get("pix_fmt", "yuv420p")
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


KINDS = {
    "scenecut": ("a.mp4", "libx264", {}),
    "fixed": ("a.mp4", "libx264", {"g": "24", "sc_threshold": "0"}),
    "long": ("a.mp4", "libx264", {"g": "250", "sc_threshold": "0"}),
    "matroska": ("a.mkv", "libx264", {"g": "24", "sc_threshold": "0"}),
    "stream": ("a.ts", "mpeg2video", {"g": "12", "bf": "2", "b": "2M"}),
    "counted": ("a.avi", "libx264", {"g": "24"}),
    "vp9": ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "24"}),
    "intra": ("a.avi", "mjpeg", {"q": "5", "pix_fmt": "yuvj420p"}),
    "gif": ("a.gif", "gif", {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_of_whole_files_are_found_and_nothing_else(tmp_path: Path, kind: str) -> None:
    name, codec, options = KINDS[kind]
    parts = shots()
    path = write(tmp_path / name, (frame for part in parts for frame in part), codec, **options)
    found = find_shots(path)
    assert found == pytest.approx(starts(parts), abs=0.6 / RATE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["scenecut", "fixed", "long", "intra"])
def test_a_film_of_one_shot_has_no_cut(tmp_path: Path, way: str, kind: str) -> None:
    name, codec, options = KINDS[kind]
    assert find_shots(write(tmp_path / name, shot(9, way, 5), codec, **options)) == []


def test_a_file_without_a_trace_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mp4", shot(9, "still", 5), g="250")

    def never(*_: object, **__: object) -> Iterator[object]:
        raise AssertionError("it was decoded")

    for name in ("iter_frames", "frames_at"):
        monkeypatch.setattr(Video, name, never)
    assert find_shots(path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.h264"])
def test_it_agrees_with_a_look_at_every_frame(tmp_path: Path, name: str) -> None:
    parts = shots(seed=20)
    path = write(tmp_path / name, (frame for part in parts for frame in part), g="30")
    with open_video(path) as video:
        times, frames = zip(*video.iter_frames(short_side=64), strict=True)
    assert find_shots(path) == pytest.approx(find_cuts(times, frames))


def test_what_cannot_be_read_has_no_cuts(tmp_path: Path) -> None:
    parts = shots()
    path = write(tmp_path / "a.mp4", (f for part in parts for f in part), g="24", sc_threshold="0")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in (0.2, 0.5, 0.9):
        broken = bytearray(whole)
        for place in rng.integers(len(whole) // 3, len(whole), 40):
            broken[place] ^= 0xFF
        (tmp_path / "b.mp4").write_bytes(broken)
        found = find_shots(tmp_path / "b.mp4")
        assert found == sorted(found)
        (tmp_path / "c.mp4").write_bytes(whole[: int(cut * len(whole))])
        assert find_shots(tmp_path / "c.mp4") == []  # its index is gone
    ts = write(tmp_path / "a.ts", (f for part in parts for f in part), "mpeg2video", g="12")
    data = ts.read_bytes()
    (tmp_path / "b.ts").write_bytes(data[: len(data) // 2])
    found = find_shots(tmp_path / "b.ts")
    truth = starts(parts)
    assert found
    assert all(min(abs(cut - true) for true in truth) < 0.1 for cut in found)
    (tmp_path / "text.mp4").write_text("this is no film")
    assert find_shots(tmp_path / "text.mp4") == []
    assert find_shots(tmp_path / "missing.mp4") == []


def test_signs_of_life_come_all_along(tmp_path: Path) -> None:
    parts = shots()
    path = write(tmp_path / "a.h264", (frame for part in parts for frame in part))
    looked = list(look_for_cuts(path))
    assert len(looked) >= 100  # it is decoded whole, frame by frame
    assert [one.until for one in looked] == sorted(one.until for one in looked)


sizes = st.lists(st.integers(0, 100_000), min_size=1, max_size=300)


@given(sizes, st.lists(st.booleans(), min_size=300, max_size=300))
def test_packets_of_any_weight(sizes: list[int], keys: list[bool]) -> None:
    count = len(sizes)
    packets = Packets(np.arange(count) / 25, np.array(sizes), np.array(keys[:count], bool))
    traces = suspicious(packets)
    assert np.isin(traces, packets.times).all()
    assert (np.diff(traces) > 0).all()


@given(st.integers(30, 300), st.data())
def test_an_outsized_packet_among_its_like_is_suspicious(count: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(1, count - 1))
    rng = np.random.default_rng(count)
    packets = rng.integers(900, 1100, count)
    packets[0], packets[place] = 9000, 6000
    keys = np.arange(count) == 0
    assert suspicious(Packets(np.arange(count) / 25, packets, keys)).tolist() == [place / 25]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60, unique=True))
def test_posts_are_apart_and_from_end_to_end(times: list[float]) -> None:
    keys = np.sort(np.array(times))
    chosen = posts(keys)
    assert chosen[0] == 0 and chosen[-1] == len(keys) - 1
    assert (np.diff(keys[chosen])[:-1] >= shots_module.POST).all()


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 5)), max_size=30))
def test_stretches_are_merged(spans: list[tuple[float, float]]) -> None:
    stretches = [(begin, begin + length) for begin, length in spans]
    whole = merged(stretches)
    assert all(a[1] + shots_module.TOUCHING < b[0] for a, b in pairwise(whole))
    assert all(any(a <= begin and end <= b for a, b in whole) for begin, end in stretches)
