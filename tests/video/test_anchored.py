"""Anchored sampling: keyframes where the file tells them, exact frames elsewhere, true times."""

from pathlib import Path

import av
import numpy as np
import pytest
from films import FILMS, B, Film, Truth, full_decode, make
from numpy.typing import NDArray

from fdaclip.video import Sampling, Window, open_video, uniform_times, write_video

# Whose keyframes are told cheaply: by a complete table, or by cues.
TELLING = ("mp4", "mov", "mkv", "webm")
_made: dict[str, tuple[Path, Truth, NDArray[np.float64]]] = {}


def keyframe_times(path: Path, truth: Truth) -> NDArray[np.float64]:
    """When the frames of the packets that the container marks as keyframes are shown."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert stream is not None and stream.time_base is not None
        packets = [p for p in container.demux(stream) if p.pts is not None and not p.is_discard]
    first = min((p.pts or 0 for p in packets), default=0)
    stamps = np.array([p.pts or 0 for p in packets if p.is_keyframe], float)
    times = (stamps - first) * float(stream.time_base)
    return times[[bool(np.abs(truth.times - t).min() < 1e-9) for t in times]]


@pytest.fixture(params=FILMS, ids=lambda film: film.name)
def filmed(
    request: pytest.FixtureRequest, film_folder: Path
) -> tuple[Film, Path, Truth, NDArray[np.float64]]:
    film: Film = request.param
    if film.name not in _made:
        path = make(film, film_folder)
        truth = full_decode(path)
        _made[film.name] = (path, truth, keyframe_times(path, truth))
    return film, *_made[film.name]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("count", [3, 7])
def test_every_frame_is_a_keyframe_of_its_segment_or_the_exact_one(
    filmed: tuple[Film, Path, Truth, NDArray[np.float64]], count: int, threads: int
) -> None:
    film, path, truth, keys = filmed
    end = truth.times[-1] + 0.02
    cut = [Window(0, end * 0.6), Window(end * 0.6, end)]
    sampling = Sampling(count, anchored=True)
    with open_video(path, threads=threads) as video:
        clips = list(video.clips(cut, sampling))
    anchored = 0
    for clip, window in zip(clips, cut, strict=True):
        assert clip.lost == () and len(clip.times) == count
        index = [truth.at(t) for t in clip.times]
        np.testing.assert_allclose(clip.times, truth.times[index], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(clip.rgb, truth.rgb[index])
        partner = [truth.partner(i, 1 / 6) for i in index]
        np.testing.assert_allclose(clip.partner_times, truth.times[partner], atol=1e-9)
        np.testing.assert_array_equal(clip.partners, truth.rgb[partner])
        exact = [truth.at(t) for t in uniform_times(count, window.start, window.end)]
        edges = np.linspace(window.start, window.end, count + 1)
        assert len(set(index)) >= len(set(exact))
        for i, centred, low, high in zip(index, exact, edges, edges[1:], strict=False):
            inside = keys[(keys >= low) & (keys < high)]
            if i == centred and not len(inside):
                continue
            is_key = np.abs(inside - truth.times[i]).min() < 1e-9 if len(inside) else False
            anchored += is_key
            assert is_key or i == centred
            if is_key:
                middle = (low + high) / 2
                # By the table, which may be a few frames off where frames are reordered.
                assert abs(truth.times[i] - middle) <= np.abs(inside - middle).min() + 0.2
    plenty = len(keys) > 3 and film.name.endswith(TELLING) and film.name != "fragments.mp4"
    if plenty and (film.codec != "ffv1") and "uneven" not in film.name:
        assert anchored >= 2


@pytest.mark.parametrize("name", ["b-frames.ts", "palette.gif", "fragments.mp4", "stream.h264"])
def test_where_nothing_tells_the_keyframes_it_is_the_exact_clip(
    film_folder: Path, name: str
) -> None:
    path = make(next(film for film in FILMS if film.name == name), film_folder)
    with open_video(path) as video:
        exact, anchored = (
            video.clip(sampling=Sampling(6, anchored=anchored)) for anchored in (False, True)
        )
    np.testing.assert_array_equal(exact.times, anchored.times)
    np.testing.assert_array_equal(exact.rgb, anchored.rgb)


def test_places_stay_exact(film_folder: Path) -> None:
    places = np.linspace(0.1, 0.8, 5)
    path = make(FILMS[0], film_folder)
    with open_video(path) as video:
        exact = video.clip(places=places, sampling=Sampling(5))
        anchored = video.clip(places=places, sampling=Sampling(5, anchored=True))
    np.testing.assert_array_equal(exact.times, anchored.times)


@pytest.fixture(scope="module")
def half_minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 s, a keyframe every 2 s, as a file of a phone or a broadcaster has it."""
    path = tmp_path_factory.mktemp("anchored") / "long.mp4"
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (48, 64 + 900, 3), dtype=np.uint8)
    write_video(path, (wide[:, i : i + 64] for i in range(900)), 30, keyframe_interval=60)
    return path


def test_several_times_fewer_frames_are_decoded(half_minute: Path) -> None:
    decoded = {}
    for anchored in (False, True):
        for vectors in (False, True):
            with open_video(half_minute, threads=1) as video:
                assert video.decoded == 0
                clip = video.clip(sampling=Sampling(anchored=anchored), vectors=vectors)
                decoded[anchored, vectors] = video.decoded
            assert len(set(clip.times)) == 12
    assert decoded[False, False] >= 4 * decoded[True, False]
    assert (
        decoded[True, True] <= 12 * 2 + 3
    )  # a keyframe and the P frame after it; the last stretch goes on
    assert decoded[False, True] < decoded[False, False]


def test_short_windows_are_still_read_in_one_pass(half_minute: Path) -> None:
    """Segments of a sixth of a second: hardly one holds a keyframe, and nothing is read twice."""
    cut = [Window(2.0 * i, 2.0 * i + 2) for i in range(5)]
    with open_video(half_minute, threads=1) as video:
        clips = list(video.clips(cut, Sampling(anchored=True)))
        assert video.decoded <= 10 * 30 + 60
    assert all(len(set(clip.times)) == 12 for clip in clips)


def test_a_keyframe_that_is_broken_gives_way_to_what_is_sound(tmp_path: Path) -> None:
    film = Film(
        "broken.mp4",
        "libx264",
        {"bf": "0", "g": "30", "sc_threshold": "0"},
        size=(160, 120),
        count=120,
    )
    path = make(film, tmp_path)
    truth = full_decode(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        entry = container.streams.video[0].index_entries[60]
        at, size = entry.pos, entry.size
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    with open_video(path, threads=1) as video:
        clip = video.clip(sampling=Sampling(3, anchored=True))
    index = [truth.at(t) for t in clip.times]
    assert len(clip.times) + len(clip.lost) == 3
    assert 60 not in index and set(index) & {30, 90}
    np.testing.assert_array_equal(clip.rgb, truth.rgb[index])


def test_truncated_keeps_what_is_there(tmp_path: Path) -> None:
    film = Film(
        "cut.mp4", "libx264", B, size=(160, 120), count=120, container={"movflags": "+faststart"}
    )
    path = make(film, tmp_path)
    truth = full_decode(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    with open_video(path) as video:
        clip = video.clip(sampling=Sampling(anchored=True), end=4.0)
    assert 4 <= len(clip.times) <= 9 and len(clip.times) + len(clip.lost) == 12
    np.testing.assert_array_equal(clip.rgb, truth.rgb[[truth.at(t) for t in clip.times]])


def test_anchored_is_true_or_false() -> None:
    with pytest.raises(ValueError, match="'yes'"):
        Sampling(anchored="yes")  # type: ignore[arg-type]
