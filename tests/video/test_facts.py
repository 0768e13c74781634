"""Whether there is sound, and when a film was taken, by the container's tags."""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from fdaclip.video import open_video
from fdaclip.video.captured import captured, seconds

JULY = 1689348612.0  # 2023-07-14 15:30:12 UTC


def tagged(path: Path, tags: dict[str, str], *, sound: bool = False) -> Path:
    """A film of four frames whose container bears these tags."""
    kind = {".mov": "libx264", ".mp4": "libx264", ".mkv": "libx264", ".avi": "mpeg4"}
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mov", ".mp4") else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(kind[path.suffix], rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream("aac", rate=44100) if sound else None
        container.metadata.update(tags)
        for level in (0, 80, 160, 240):
            picture = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if heard is not None:
            silence = np.zeros((2, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
            frame.sample_rate = 44100
            container.mux(heard.encode(frame))
            container.mux(heard.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "tag", "value", "expected"),
    [
        ("a.mp4", "creation_time", "2023-07-14T15:30:12.000000Z", JULY),
        ("a.mov", "com.apple.quicktime.creationdate", "2023-07-14T17:30:12+0200", JULY),
        ("a.mkv", "creation_time", "2023-07-14T15:30:12Z", JULY),
        ("a.mkv", "DATE", "2023-07-14", 1689292800.0),
        ("a.avi", "date", "2023-07-14 15:30:12", JULY),
        ("a.mp4", "creation_time", "1970-01-01T00:00:00Z", None),
        ("a.mov", "com.apple.quicktime.creationdate", "2171-07-14T17:30:12+0200", None),
        ("a.mkv", "DATE", "2009", None),
        ("a.mp4", "title", "2023-07-14", None),
    ],
)
def test_the_capture_date_is_read(
    tmp_path: Path, name: str, tag: str, value: str, expected: float | None
) -> None:
    with open_video(tagged(tmp_path / name, {tag: value})) as video:
        assert video.probe.captured == expected


def test_the_zone_of_the_camera_wins_over_the_time_of_writing(tmp_path: Path) -> None:
    tags = {
        "creation_time": "2024-01-01T00:00:00Z",
        "com.apple.quicktime.creationdate": "2023-07-14T17:30:12+0200",
    }
    with open_video(tagged(tmp_path / "a.mov", tags)) as video:
        assert video.probe.captured == JULY


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_whether_there_is_sound(tmp_path: Path, name: str, sound: bool) -> None:
    with open_video(tagged(tmp_path / name, {}, sound=sound)) as video:
        assert video.probe.audio is sound


@pytest.mark.parametrize(
    "text",
    [
        "2023-07-14T15:30:12+00:00",
        "2023-07-14 15:30:12",
        "2023:07:14 15:30:12",
        "2023/07/14 15:30:12",
        "Fri Jul 14 15:30:12 2023\n",
        "20230714T153012Z",
    ],
)
def test_the_spellings_of_cameras(text: str) -> None:
    assert seconds(text) == JULY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2009",
        "2009-07",
        "0000-00-00 00:00:00",
        "yesterday at noon",
        "99999999999",
        "１２３４５６７８",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1904-01-01T00:00:00Z",
        "1946-02-14",
        "1970-01-01T00:00:00Z",
        "1969-12-31T19:00:00-0500",
        "1980-01-01T00:00:00Z",
        "2107-12-31T23:59:58Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+1400",
    ],
)
def test_clocks_that_were_not_set_are_not_believed(text: str) -> None:
    assert captured([{"creation_time": text}]) is None
    assert captured([{"creation_time": text}, {"date": "2023-07-14"}]) == 1689292800.0


def test_tomorrow_is_believed_next_week_is_not() -> None:
    now = time.time()
    for ahead, believed in ((86400, True), (7 * 86400, False)):
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + ahead))
        assert (captured([{"creation_time": text}]) is not None) == believed
