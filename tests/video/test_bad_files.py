"""Every way a file can be bad has its error, one line that names the file."""

import errno
import os
import pickle
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from films import B, Film, Truth, full_decode, make
from PIL import Image

from fdaclip.video import (
    Damaged,
    Missing,
    NotAVideo,
    NoVideoStream,
    Sampling,
    Stalled,
    Truncated,
    Unreadable,
    VideoError,
    Window,
    open_video,
    uniform_times,
    windows,
)

LONG = Film("long.mp4", "libx264", B | {"b": "2M"}, size=(160, 120), count=120)


@pytest.fixture(scope="module")
def whole(film_folder: Path) -> tuple[Path, Truth]:
    path = make(LONG, film_folder)
    return path, full_decode(path)


def refused(path: Path, kind: type[VideoError]) -> str:
    with pytest.raises(VideoError) as caught:
        open_video(path).close()
    assert type(caught.value) is kind
    line = str(caught.value)
    assert "\n" not in line
    assert line.isprintable()
    assert caught.value.path == path
    assert caught.value.reason
    return line


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert "empty (0 bytes)" in refused(path, NotAVideo)


@pytest.mark.parametrize("content", [b"just some text\n" * 100, bytes(1000)])
def test_no_video_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    refused(path, NotAVideo)


@pytest.mark.parametrize("seed", range(20))
def test_noise(tmp_path: Path, seed: int) -> None:
    """Some of it looks like sound to FFmpeg: of that it is said that it holds no video."""
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(seed).bytes(5000))
    with pytest.raises(VideoError) as caught:
        open_video(path).close()
    assert type(caught.value) in (NotAVideo, NoVideoStream)


def tampered(path: Path, box: bytes, at: int, value: bytes) -> Path:
    """The file with ``value`` at so many bytes after the name of a box."""
    content = bytearray(path.read_bytes())
    place = content.index(box) + at
    content[place : place + len(value)] = value
    other = path.with_name(f"tampered-{path.name}")
    other.write_bytes(content)
    return other


@pytest.mark.parametrize("stated", [0, 1, 40_000_000, 0xFFFFFFFF])
def test_a_duration_that_cannot_be_is_measured_instead(film_folder: Path, stated: int) -> None:
    film = make(Film("long.avi", "mpeg4", {"g": "12"}, rate=Fraction(10), count=20), film_folder)
    path = tampered(film, b"vids", 32, stated.to_bytes(4, "little"))  # strh: length in frames
    with open_video(path) as video:
        assert video.duration == pytest.approx(0.1 if stated == 1 else 2.0)
        assert video.clip(3).lost == ()


def test_what_lies_behind_the_end_is_not_looked_for(
    film_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make(Film("short.avi", "mpeg4", {"g": "12"}, rate=Fraction(10), count=20), film_folder)
    path = tampered(film, b"vids", 32, (36_000).to_bytes(4, "little"))  # an hour
    opened = 0
    truly = av.open

    def counted(*args: object, **kwargs: object) -> object:
        nonlocal opened
        opened += 1
        return truly(*args, **kwargs)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(av, "open", counted)
    with open_video(path) as video:
        assert video.duration == 3600
        clips = list(video.clips(windows(3600)))
        assert [clip.start for clip in clips] == [0]
        assert video.decoded <= 100 and opened <= 10


def test_windows_behind_a_damaged_part_are_still_found(tmp_path: Path, film_folder: Path) -> None:
    film = make(Film("plain.ts", "libx264", {"g": "10", "bf": "0"}, count=240), film_folder)
    content = bytearray(film.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    path = tmp_path / "gap.ts"
    path.write_bytes(content)
    some = [Window(t, t + 0.5) for t in np.arange(0, 8, 0.5)]
    with open_video(path) as video:
        together = {clip.start: clip.times.tolist() for clip in video.clips(some, Sampling(3))}
    alone = {}
    for window in some:
        with open_video(path) as video, suppress(Truncated, Damaged):
            alone |= {c.start: c.times.tolist() for c in video.clips([window], Sampling(3))}
    assert together == alone
    assert len(together) >= 4
    assert max(together) >= 5.5


def test_a_track_that_begins_later_is_passed_over(tmp_path: Path) -> None:
    silent = make(Film("silent.ts", "libx264", {"g": "12", "bf": "0"}, count=250), tmp_path)
    loud = make(Film("loud.ts", "mpeg2video", {"g": "12"}, sound=True), tmp_path)
    path = tmp_path / "both.ts"
    path.write_bytes(silent.read_bytes() * 4 + loud.read_bytes())
    with open_video(path) as video:
        assert len(list(video.iter_frames(short_side=16))) >= 250
    with open_video(path) as video:
        assert sum(len(piece.times) for piece in video.packets()) >= 250


def test_the_system_s_word_for_bad_content_is_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(b"no film, whatever it is")

    def busy(*_: object, **__: object) -> None:
        raise av.OSError(errno.EBUSY, "Device or resource busy", str(path))

    monkeypatch.setattr(av, "open", busy)
    assert "no video format" in refused(path, NotAVideo)


LISTS = {
    "list.mp4": "ffconcat version 1.0\nfile other.ts\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_file_that_names_others_does_not_make_us_read_them(tmp_path: Path, name: str) -> None:
    make(Film("other.ts", "libx264", B), tmp_path)
    path = tmp_path / name
    path.write_text(LISTS[name])
    assert "list of other files" in refused(path, NotAVideo)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp"])
def test_a_still_picture_is_no_video(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"still.{ending}"
    Image.new("RGB", (40, 30), "red").save(path)
    assert "still picture" in refused(path, NotAVideo)


@pytest.mark.parametrize("ending", ["m4a", "mp4", "wav", "mkv"])
def test_sound_alone(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sound.{ending}"
    codec = "pcm_s16le" if ending == "wav" else "aac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=8000)
        samples = np.zeros((1, 1024), np.int16 if ending == "wav" else np.float32)
        form = "s16" if ending == "wav" else "fltp"
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    refused(path, NoVideoStream)


def test_missing_folder_pipe_and_vanished(tmp_path: Path, whole: tuple[Path, Truth]) -> None:
    refused(tmp_path / "no.mp4", Missing)
    refused(tmp_path / "no.mp4" / "deeper.mp4", Missing)
    refused(tmp_path, Unreadable)
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(tmp_path / "pipe.mp4", NotAVideo)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(whole[0].read_bytes())
    with open_video(copy) as video:  # what is open stays readable
        copy.unlink()
        assert len(video.frames_at([0.0, 3.0]).times) == 2
    refused(copy, Missing)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path, whole: tuple[Path, Truth]) -> None:
    path = tmp_path / "closed.mp4"
    path.write_bytes(whole[0].read_bytes())
    path.chmod(0)
    assert "permission" in refused(path, Unreadable)


def test_no_permission_as_the_system_tells_it(
    monkeypatch: pytest.MonkeyPatch, whole: tuple[Path, Truth]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "permission" in refused(whole[0], Unreadable)


@pytest.mark.parametrize(
    "name",
    ["with space.mp4", "new\nline.mp4", "file:colon.mp4", "per%cent %d.mp4", b"\xff\xfe latin.mp4"],
)
def test_odd_names_open_and_are_printed_on_one_line(
    tmp_path: Path, whole: tuple[Path, Truth], name: str | bytes
) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(whole[0].read_bytes())
    with open_video(path) as video:
        assert len(video.frames_at([0.5]).times) == 1
    path.write_bytes(b"")
    line = refused(path, NotAVideo)
    line.encode()  # no undecodable byte is left


def test_errors_travel_between_processes() -> None:
    error = Truncated(Path("a\nb.mp4"), "ends early", "look")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is Truncated
    assert str(again) == str(error) == "a\\nb.mp4: ends early; look"


def sound_frames_only(path: Path, truth: Truth, asked: np.ndarray) -> tuple[int, int]:
    """Whatever is returned equals the undamaged film; gives (kept, lost)."""
    with open_video(path) as video:
        found = video.frames_at(asked)
    assert len(found.times) + len(found.lost) == len(asked)
    assert sorted([*found.requested, *found.lost]) == sorted(asked)
    index = [truth.at(t) for t in found.requested]
    np.testing.assert_allclose(found.times, truth.times[index], atol=1e-9)
    np.testing.assert_array_equal(found.rgb, truth.rgb[index])
    return len(found.times), len(found.lost)


def test_truncated_with_the_index_last(tmp_path: Path, whole: tuple[Path, Truth]) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[0].read_bytes()[:-3000])
    assert "index" in refused(path, Truncated)


@pytest.mark.parametrize("name", ["first.mp4", "cut.mkv", "cut.ts", "cut.avi", "cut.webm"])
def test_truncated_keeps_what_is_there_and_counts_the_rest(tmp_path: Path, name: str) -> None:
    codec, options = ("libvpx-vp9", {"g": "12", "deadline": "realtime"})
    if not name.endswith("webm"):
        codec, options = ("libx264", B | {"bf": "0"} if name.endswith("avi") else B)
    container = {"movflags": "+faststart"} if name.endswith("mp4") else {}
    film = Film(name, codec, options, size=(160, 120), count=120, container=container)
    path = make(film, tmp_path)
    truth = full_decode(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    # A transport stream does not say how long it should be.
    length = 2.0 if name.endswith("ts") else 4.0
    kept, lost = sound_frames_only(path, truth, uniform_times(12, 0, length))
    assert kept >= 5
    if not name.endswith("ts"):
        assert lost >= 2
        assert kept + lost == 12
        with open_video(path) as video:
            clip = video.clip(end=4.0)
            assert len(clip.lost) == lost
            with pytest.raises(Truncated) as caught:
                video.frames_at([3.9])
            assert str(caught.value).startswith(str(path))
            clips = list(video.clips([Window(0, 1), Window(3.5, 4)]))
            assert len(clips) == 1


def test_cut_within_the_header(tmp_path: Path) -> None:
    path = make(Film("short.mkv", "libx264", B), tmp_path)
    path.write_bytes(path.read_bytes()[:60])
    refused(path, Truncated)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["h.mp4", "h.mkv", "h.ts", "hevc.mp4", "v.webm"])
def test_a_damaged_middle_costs_only_the_frames_it_holds(
    tmp_path: Path, name: str, seed: int, threads: int
) -> None:
    codec, options = ("libx264", B)
    if name.startswith("hevc"):
        codec, options = "libx265", {"x265-params": "keyint=12:log-level=none"}
    if name.endswith("webm"):
        codec, options = "libvpx-vp9", {"g": "12", "deadline": "realtime"}
    film = Film(name, codec, options, size=(160, 120), count=120)
    path = make(film, tmp_path)
    truth = full_decode(path)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    at = int(rng.uniform(0.3, 0.6) * len(data))
    length = int(rng.integers(20, 1500))
    data[at : at + length] = rng.bytes(length)
    path.write_bytes(data)
    with open_video(path, threads=threads) as video:
        asked = uniform_times(40, 0, 4.0)
        found = video.frames_at(asked)
    wrong = 0
    for t, shown, rgb in zip(found.requested, found.times, found.rgb, strict=True):
        index = truth.at(t)
        wrong += abs(truth.times[index] - shown) > 1e-9 or not (truth.rgb[index] == rgb).all()
    # Much damage decodes to something, and no decoder can tell (these codings have no checksums);
    # it must not reach beyond the groups of 12 frames (4 of the 40) that were hit.
    assert len(found.times) + len(found.lost) == len(asked)
    assert wrong + len(found.lost) <= 13


def test_damage_that_the_decoder_reports_is_lost_and_not_concealed(tmp_path: Path) -> None:
    film = Film("h.mp4", "libx264", B | {"bf": "0"}, size=(160, 120), count=120)
    path = make(film, tmp_path)
    truth = full_decode(path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        entry = container.streams.video[0].index_entries[40]
        at, size = entry.pos, entry.size
    data[at : at + size] = bytes(size)  # a frame of zeros, as broken downloads leave them
    path.write_bytes(data)
    kept, lost = sound_frames_only(path, truth, truth.times)
    assert lost == 8  # frames 40 to 47, until the next keyframe
    assert kept == 112
    with open_video(path) as video:
        clip = video.clip(12)
        # A frame whose partner is lost has one that is not.
        assert (clip.times != clip.partner_times).all()


def test_nothing_left_of_the_frames(tmp_path: Path, whole: tuple[Path, Truth]) -> None:
    data = bytearray(whole[0].read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path = tmp_path / "hollow.mp4"
    path.write_bytes(data)
    with open_video(path) as video, pytest.raises(Damaged):
        video.clip()


def test_a_decoder_without_progress_is_given_up(whole: tuple[Path, Truth]) -> None:
    with open_video(whole[0], time_limit=30) as video:
        video._reader.time_limit = 1e-9
        with pytest.raises(Stalled) as caught:
            video.frames_at([3.9])
        assert "no wanted frame" in str(caught.value)


@pytest.mark.parametrize("times", [[float("nan")], [float("inf")]])
def test_senseless_requests(whole: tuple[Path, Truth], times: list[float]) -> None:
    with open_video(whole[0]) as video:
        with pytest.raises(ValueError, match="finite"):
            video.frames_at(times)
        with pytest.raises(ValueError, match="short_side"):
            video.frames_at([0.0], short_side=0)
        with pytest.raises(ValueError, match="window"):
            video.clip(start=2, end=1)
        assert video.frames_at([]).rgb.shape == (0, 120, 160, 3)
