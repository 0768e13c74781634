"""Cut files against a full decode of their source; lists against the frames they should name."""

from __future__ import annotations

import csv
import json
import multiprocessing
import sys
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as Xml

import av
import numpy as np
import pytest
from av.filter import Graph

sys.path.insert(0, str(Path(__file__).parents[1] / "video"))

from films import FILMS, full_decode, make
from tiny_films import film

from fdaclip.library import Hit
from fdaclip.library.export import (
    CannotExport,
    Excerpt,
    NotAnExcerpt,
    Quality,
    cut,
    cut_all,
    parse,
    read_json,
    write_list,
)
from fdaclip.library.export.exact import _pulled, _pushed, encode
from fdaclip.library.export.lossless import Row, closed, copy
from fdaclip.library.export.pieces import Piece
from fdaclip.library.export.timecode import RATES, drops, frame_of, standard, timecode
from fdaclip.video import VideoError, open_video

NAMED = {one.name: one for one in FILMS}
NTSC = Fraction(30000, 1001)
COPIED = (
    "b-frames.mp4",
    "open-gop.mp4",
    "intra-refresh.mp4",
    "no-edit-list.mp4",
    "late.mp4",
    "negative.mp4",
    "uneven.mkv",
    "fragments.mp4",
    "sound.mp4",
    "b-frames.mov",
    "b-frames.mkv",
    "b-frames.ts",
    "b-frames.avi",
    "b-frames.flv",
    "mpeg4.avi",
    "mpeg2.ts",
    "turned.mov",
    "turned.mkv",
    "mirrored.mp4",
    "hevc.mp4",
    "vp9-uneven.webm",
    "av1.mkv",
)
ALL_OTHERS = tuple(name for name in NAMED if name not in (*COPIED, "stream.h264"))


def packets(path: Path) -> dict[str, list[bytes]]:
    found = defaultdict(list)
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                found[packet.stream.type].append(bytes(packet))
    return found


def cut_directly(source: Path, target: Path, start: float, end: float, exact: bool) -> Piece:
    """In this process, where a debugger and coverage can see it."""
    quality = Quality(crf=0, preset="ultrafast")
    steps = (
        encode(source, target, start, end, quality) if exact else copy(source, target, start, end)
    )
    *_, piece = steps
    assert isinstance(piece, Piece)
    return piece


def compare(name: str, folder: Path, exact: bool) -> None:
    source = make(NAMED[name], folder)
    with open_video(source) as video:
        frames, duration = list(video.iter_frames()), video.duration
    start, end = duration * 0.45, duration * 0.8
    piece = cut_directly(source, folder / "part", start, end, exact)
    file = (folder / "part").rename(folder / f"part{piece.suffix}")
    wanted = [(t, p) for t, p in frames if piece.start - 1e-3 <= t < piece.end - 1e-3]
    with open_video(file) as video:
        held = list(video.iter_frames())
    assert len(held) == len(wanted) > 0
    times = np.array([t for t, _ in wanted])
    assert np.allclose([t for t, _ in held], times - times[0], atol=2e-3)  # Matroska's ms
    assert piece.start == pytest.approx(times[0], abs=2e-3)
    every = np.array([*(t for t, _ in frames), duration])
    if exact:
        assert piece.start == pytest.approx(every[np.abs(every - start).argmin()], abs=2e-3)
        assert piece.end == pytest.approx(every[np.abs(every - end).argmin()], abs=2e-3)
    else:
        assert piece.start <= start + 1e-3 and piece.end >= end - 1e-3
        assert file.suffix == source.suffix
        assert all((a == b).all() for (_, a), (_, b) in zip(held, wanted, strict=True))
        of_source = packets(source)
        noted = "yuv444p" in NAMED[name].pixels or name.endswith(".gif")
        for kind, some in packets(file).items():
            foreign = [packet for packet in some if packet not in of_source[kind]]
            assert len(foreign) <= noted
    if not name.endswith(".gif") and file.suffix in (".mp4", ".mov", ".mkv", ".webm"):
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            stamps = [p.dts for p in container.demux(stream) if p.dts is not None and p.size]
        assert stream.start_time == 0
        assert all(a < b for a, b in pairwise(stamps))
    assert len(full_decode(file).times) == len(held)  # by another way of reading


@pytest.mark.parametrize("name", COPIED)
def test_a_lossless_cut_is_the_same_packets_from_a_keyframe_on(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, exact=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL_OTHERS)
def test_all_other_films_are_cut_without_loss(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, exact=False)


@pytest.mark.parametrize(
    "name", ["b-frames.mp4", "uneven.mkv", "turned.mov", "mpeg4.avi", "stream.h264", "odd.mp4"]
)
def test_an_exact_cut_holds_the_frames_nearest_to_its_ends(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_film_is_cut_exactly(name: str, tmp_path: Path) -> None:
    compare(name, tmp_path, exact=True)


def test_a_rotated_video_stays_so_and_is_upright_when_encoded_anew(tmp_path: Path) -> None:
    source = make(NAMED["turned.mov"], tmp_path)
    for exact, rotation in ((False, 90), (True, 0)):
        made = cut(Excerpt(str(source), 0.5, 1), tmp_path / str(exact), exact=exact)
        with open_video(source) as original, open_video(made.file) as video:
            assert video.probe.rotation == rotation
            assert (video.probe.width, video.probe.height) == (48, 64)
            shown = original.frames_at([made.holds[0]]).rgb.astype(int)
            assert np.abs(video.frames_at([0]).rgb - shown).mean() < 3


def beeping(path: Path, seconds: int = 6, codec: str = "aac") -> Path:
    """White for a frame, and a click, at each full second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": "50", "bf": "3"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        rate = 48000
        sound = container.add_stream(codec, rate=rate, layout="mono")
        wave = np.zeros(rate * seconds, np.float32)
        for second in range(1, seconds):
            wave[second * rate : second * rate + 480] = 0.8 * np.sin(np.arange(480) * 0.5)
        for number in range(25 * seconds):
            white = number % 25 == 0 and number > 0
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), 255 if white else 20, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
            part = wave[number * rate // 25 : (number + 1) * rate // 25]
            heard = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            heard.sample_rate, heard.pts = rate, number * rate // 25
            container.mux(sound.encode(heard))
        container.mux(video.encode())
        container.mux(sound.encode())
    return path


def clicks_and_flashes(path: Path) -> tuple[list[float], list[float]]:
    """When it is loud for the first time after silence, and when it is bright; s."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = float(stream.start_time * stream.time_base)
        flashes = [f.time - first for f in container.decode(video=0) if f.to_ndarray().mean() > 120]
    clicks, last = [], -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()).max(0) > 0.2)
            if len(loud):
                time = frame.time + loud[0] / frame.sample_rate - first
                if time - last > 0.5:
                    clicks.append(time)
                last = time
    return clicks, flashes


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
@pytest.mark.parametrize("exact", [False, True])
def test_sound_stays_with_the_pictures(name: str, exact: bool, tmp_path: Path) -> None:
    source = beeping(tmp_path / name)
    before, flashes = clicks_and_flashes(source)
    drift = np.array(before) - flashes
    assert len(flashes) == 5 and np.abs(drift).max() < 0.03
    file = cut(Excerpt(str(source), 2.52, 4.5), tmp_path / "cut", exact=exact).file
    clicks, flashes = clicks_and_flashes(file)
    if not exact:  # the cut begins with a click: a decoder needs the packet before it to hear it
        assert flashes.pop(0) == 0
        clicks = clicks[-2:]
    assert len(clicks) == len(flashes) == 2
    assert np.abs(np.array(clicks) - flashes - drift.mean()).max() < 0.005


def test_a_part_ends_where_nothing_is_left_out() -> None:
    # decoded: 0, then 4 2 1 3, then 8 6 5 7, as B-frames are stored
    order = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]
    rows = [Row(stamp, 1, 1) for stamp in order]
    for stop in range(1, 13):
        plan = closed(rows, stop)
        stamps = sorted(row.stamp for row in plan.rows)
        assert stamps == list(range(len(stamps)))  # no gap
        assert plan.end == len(stamps) >= stop
        fewer = [
            count
            for count in range(1, len(plan.rows))
            if sorted(order[:count]) == list(range(count)) and count >= stop
        ]
        assert not fewer  # the fewest
    leading = [Row(stamp, 1, 1) for stamp in (10, 8, 9, 13, 11, 12)]  # 8, 9: of before
    assert [row.stamp for row in closed(leading, 12).rows] == [10, 13, 11, 12]


def test_what_cannot_be_cut_is_told_and_the_rest_is_cut(tmp_path: Path) -> None:
    good = film(tmp_path / "good.mp4", seconds=2)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"not a film" * 100)
    seen = list[tuple[float, int]]()
    cuts = cut_all(
        [
            Excerpt(str(noise), 0, 1),
            Excerpt(str(tmp_path / "gone.mp4"), 0, 1),
            Excerpt(str(good), 5, 6),
            Hit(str(good), 0.5, 1.5, score=0.25, motion=0.0, share=0.0, moving=0.0),
        ],
        tmp_path / "out",
        progress=lambda done, of: seen.append((done, of)),
    )
    assert [one.path for one in cuts.failed] == [str(noise), str(tmp_path / "gone.mp4"), str(good)]
    assert all("\n" not in one.reason and one.reason for one in cuts.failed)
    assert [one.file.name for one in cuts.made] == ["good@0.5-1.5.mp4"]
    assert cuts.made[0].facts["score"] == 0.25
    assert seen[-1] == (4, 4)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["good@0.5-1.5.mp4"]


def test_who_stops_it_finds_nothing_at_work(tmp_path: Path) -> None:
    """A worker that lived on would write into the folder that was just cleaned."""
    before = set(multiprocessing.active_children())

    def stop(done: float, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    films = [Excerpt(str(film(tmp_path / f"{n}.mp4", n, seconds=2)), 0, 1) for n in range(3)]
    with pytest.raises(KeyboardInterrupt) as stopped:
        cut_all(films, tmp_path / "out", progress=stop)
    assert set(multiprocessing.active_children()) == before, stopped
    assert not list((tmp_path / "out").glob(".*"))


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", seconds=2)
    part = Excerpt(str(source), 0, 1)
    file = cut(part, tmp_path / "out").file
    file.write_bytes(b"mine")
    with pytest.raises(CannotExport, match="there already"):
        cut(part, tmp_path / "out")
    with pytest.raises(CannotExport, match="there already"):
        cut(part, tmp_path / "out", exact=True)
    assert file.read_bytes() == b"mine"
    assert cut(part, tmp_path / "out", force=True).file == file
    with open_video(file) as video:
        assert 1 <= video.duration < 1.5
    itself = film(tmp_path / "b@0-1.mp4", seconds=2)
    again = Excerpt(str(film(tmp_path / "b.mp4")), 0, 1), Excerpt(str(itself), 0, 0.5)
    cuts = cut_all(again, tmp_path, force=True)
    assert [one.path for one in cuts.failed] == [str(tmp_path / "b.mp4")]
    with open_video(itself) as video:
        assert video.duration == pytest.approx(2, abs=0.1)
    assert not list(tmp_path.glob(".exporting*"))


def test_videos_of_one_name_do_not_meet(tmp_path: Path) -> None:
    one, other = film(tmp_path / "1" / "a.mp4", 1), film(tmp_path / "2" / "a.mp4", 2)
    cuts = cut_all([Excerpt(str(one), 0, 1), Excerpt(str(other), 0, 1)], tmp_path / "out")
    assert [made.file.name for made in cuts.made] == ["a@0-1.mp4", "a@0-1 (2).mp4"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotExport, match="cannot write"):
        cut(Excerpt(str(film(tmp_path / "a.mp4")), 0, 1), tmp_path / "file")


def test_a_video_without_times_says_what_to_do(tmp_path: Path) -> None:
    source = make(NAMED["stream.h264"], tmp_path)
    with pytest.raises(VideoError, match="use --exact"):
        cut_directly(source, tmp_path / "part", 0.5, 1, exact=False)


# --- what is asked for ----------------------------------------------------------------------------


def test_parts_are_named_by_path_and_times() -> None:
    assert parse("a b@2@-x.mp4@1:02:03.5-1:02:05") == Excerpt("a b@2@-x.mp4", 3723.5, 3725)
    assert parse("/v/a.mp4@.5-75") == Excerpt("/v/a.mp4", 0.5, 75)
    assert parse("me@work") is None and parse("a dog at 3-4") is None
    for wrong in ("a.mp4@3-3", "a.mp4@4-3"):
        with pytest.raises(NotAnExcerpt):
            parse(wrong)


def test_a_list_is_read_as_search_prints_it(tmp_path: Path) -> None:
    hit = Hit("/v/\udcff.mp4", 1.0, 2.0, score=0.3, motion=0.1, share=0.2, moving=1.0)
    write_list([hit], tmp_path / "a.json")
    (again,) = read_json((tmp_path / "a.json").read_text())
    assert (again.path, again.start, again.end) == (hit.path, 1.0, 2.0)
    assert again.facts["score"] == 0.3
    assert read_json('{"hits": [{"path": "a", "start": 0, "end": 1}]}') == [Excerpt("a", 0, 1)]
    for wrong in ("{", "3", '[{"path": "a"}]', '[{"path": "a", "start": 2, "end": 1}]', "[1]"):
        with pytest.raises(NotAnExcerpt):
            read_json(wrong)


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
def test_timecode_is_a_way_of_writing_frames(rate: Fraction) -> None:
    day = round(86399 * rate)
    numbers = [*range(40_000), *np.random.default_rng(0).integers(0, day, 2000).tolist()]
    for drop in {False, drops(rate)}:
        codes = [timecode(number, rate, drop=drop) for number in numbers]
        assert [frame_of(code, rate) for code in codes] == numbers
        assert codes[:40_000] == sorted(codes[:40_000])
    assert standard(float(rate)) == rate


def test_drop_frame_stays_with_the_clock() -> None:
    assert timecode(1799, NTSC, drop=True) == "00:00:59;29"
    assert timecode(1800, NTSC, drop=True) == "00:01:00;02"
    assert timecode(17982, NTSC, drop=True) == "00:10:00;00"
    assert timecode(1800, NTSC, drop=False) == "00:01:00:00"
    assert timecode(round(3600 * NTSC), NTSC, drop=True) == "01:00:00;00"
    assert timecode(round(3600 * 2 * NTSC), 2 * NTSC, drop=True) == "01:00:00;00"
    assert timecode(24, Fraction(24000, 1001), drop=False) == "00:00:01:00"


def events(text: str, rate: Fraction) -> list[tuple[str, str, list[int]]]:
    """Reel, channels and the four frames of each event."""
    found = []
    for line in text.splitlines():
        if line[:3].isdigit():
            _, reel, channels, kind, *codes = line.split()
            assert kind == "C" and len(reel) <= 8
            found.append((reel, channels, [frame_of(code, rate) for code in codes]))
    return found


@pytest.mark.parametrize(
    "rate", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(60000, 1001), Fraction(30)]
)
def test_lists_for_editors_name_the_frames_of_an_exact_cut(rate: Fraction, tmp_path: Path) -> None:
    from films import Film

    made = Film("Ein Film & ein Hund.mp4", "libx264", {"g": "12"}, rate=rate, count=120, sound=True)
    source = make(made, tmp_path)
    parts = [Excerpt(str(source), 0.31, 1.013), Excerpt(str(source), 1.2, 1.9, {"score": 0.5})]
    wanted = []
    for part in parts:
        piece = cut_directly(source, tmp_path / "part", part.start, part.end, exact=True)
        wanted.append((round(piece.start * rate), round(piece.end * rate)))
    assert write_list(parts, tmp_path / "a.edl") == []
    text = (tmp_path / "a.edl").read_bytes().decode()
    assert text.count("\r\n") == text.count("\n")
    assert ("FCM: DROP FRAME" in text) == drops(rate)
    assert "* FROM CLIP NAME: Ein Film & ein Hund.mp4" in text
    at = frame_of("01:00:00;00", rate)
    assert at is not None
    for (reel, channels, frames), (first, last) in zip(events(text, rate), wanted, strict=True):
        assert (reel, channels) == ("EINFILME", "AA/V")
        assert frames == [first, last, at, at + last - first]
        at += last - first
    assert write_list(parts, tmp_path / "a.fcpxml") == []
    root = Xml.parse(tmp_path / "a.fcpxml").getroot()
    assert root.tag == "fcpxml" and root.get("version") == "1.10"
    (form,), (asset,) = root.findall("resources/format"), root.findall("resources/asset")
    assert seconds(form.get("frameDuration")) == 1 / rate
    assert asset.get("format") == form.get("id") and asset.get("hasAudio") == "1"
    assert asset.find("media-rep").get("src") == source.as_uri()
    assert seconds(asset.get("duration")) * rate == 120
    sequence = root.find("library/event/project/sequence")
    at = Fraction(0)
    for clip, (first, last) in zip(sequence.find("spine"), wanted, strict=True):
        assert clip.tag == "asset-clip" and clip.get("ref") == asset.get("id")
        assert seconds(clip.get("start")) * rate == first
        assert seconds(clip.get("duration")) * rate == last - first
        assert seconds(clip.get("offset")) == at
        at += seconds(clip.get("duration"))
    assert seconds(sequence.get("duration")) == at
    assert root.find(".//note").text == "score 0.500"


def seconds(rational: str | None) -> Fraction:
    assert rational is not None and rational.endswith("s")
    return Fraction(rational[:-1])


def test_a_list_of_several_rates_counts_at_that_of_most(tmp_path: Path) -> None:
    slow = film(tmp_path / "a" / "x.mp4", seconds=2, rate=25)
    fast = film(tmp_path / "b" / "x.mp4", seconds=2, rate=50)
    odd = film(tmp_path / "c" / "x.mp4", seconds=2, rate=15)
    parts = [Excerpt(str(path), 0.5, 1.5) for path in (slow, fast, odd)]
    parts.append(Excerpt(str(slow), 0, 0.4))
    write_list(parts, tmp_path / "l.edl")
    found = events((tmp_path / "l.edl").read_text(), Fraction(25))
    assert [reel for reel, _, _ in found] == ["X", "X2", "X3", "X"]
    assert [frames[1] - frames[0] for _, _, frames in found] == [25, 25, 25, 10]
    write_list(parts, tmp_path / "l.fcpxml")
    root = Xml.parse(tmp_path / "l.fcpxml").getroot()
    clips = root.findall(".//asset-clip")
    rates = [clip.find("conform-rate") for clip in clips]
    assert [rate is not None for rate in rates] == [False, True, True, False]
    assert rates[1].get("srcFrameRate") == "50" and rates[2].get("srcFrameRate") is None
    assert [seconds(clip.get("duration")) for clip in clips] == [1, 1, 1, Fraction(2, 5)]


def test_timecode_of_the_file_itself_counts(tmp_path: Path) -> None:
    source = tmp_path / "camera.mov"
    with av.open(str(source), "w") as container:
        container.metadata["timecode"] = "10:00:00:05"
        stream = container.add_stream("libx264", rate=25, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    part = Excerpt(str(source), 0.4, 1.2)
    write_list([part], tmp_path / "a.edl")
    assert "10:00:00:15 10:00:01:10 01:00:00:00" in (tmp_path / "a.edl").read_text()
    file = cut(part, tmp_path / "out").file
    with av.open(str(file)) as container:
        told = {stream.metadata.get("timecode") for stream in container.streams}
    assert "10:00:00:15" in told


def test_a_list_says_what_it_leaves_out(tmp_path: Path) -> None:
    good = film(tmp_path / "good.mp4", seconds=2)
    parts = [Excerpt(str(good), 0, 1), Excerpt(str(good), 3, 4), Excerpt("/gone.mp4", 0, 1)]
    left_out = write_list(parts, tmp_path / "a.edl")
    assert [one.path for one in left_out] == [str(good), "/gone.mp4"]
    with pytest.raises(CannotExport, match="there already"):
        write_list(parts, tmp_path / "a.edl")
    with pytest.raises(CannotExport, match="no list"):
        write_list(parts[1:], tmp_path / "b.edl")
    with pytest.raises(CannotExport, match="no format"):
        write_list(parts, tmp_path / "a.xls")
    assert write_list(parts, tmp_path / "a.csv") == []
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], float(row["start"])) for row in rows][1] == (str(good), 3.0)
    write_list(parts, tmp_path / "a.json")
    assert len(json.loads((tmp_path / "a.json").read_text())) == 3
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "a.csv",
        "a.edl",
        "a.json",
        "good.mp4",
    ]


def test_a_cut_takes_no_more_sound_than_it_has_room_for() -> None:
    graph = Graph()
    nodes = [
        graph.add_abuffer(
            format="fltp", sample_rate=48000, layout="mono", time_base=Fraction(1, 48000)
        ),
        graph.add("aresample", "48000:async=1:first_pts=0"),
        graph.add("atrim", "end=0.03"),
        graph.add("asetnsamples", "n=1024:p=0"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    taken = []
    for number in range(8):  # 0.02 s each
        sound = np.zeros((1, 960), np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 960 * number, Fraction(1, 48000)
        taken.append(_pushed(graph, frame))
        list(_pulled(graph))
    assert taken[:2] == [True, True] and not taken[-1]
