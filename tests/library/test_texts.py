"""Captions, subtitles and names beside what is seen."""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.subtitles.subtitle import SubtitleSet
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.library.captions import LARGEST, Cue, decoded, plain, read_captions
from fdaclip.library.filters import Filters
from fdaclip.library.fuse import ranks, reciprocal_rank_fusion
from fdaclip.library.rows import Text
from fdaclip.library.sidecars import Sidecars
from fdaclip.library.store import Store
from fdaclip.library.subtitles import read_subtitles
from fdaclip.library.texts import Names
from fdaclip.library.words import content_words, name_words

SRT = """1
00:00:00,200 --> 00:00:01,000
A <i>dog</i> runs &amp; jumps

2
00:00:01,000 --> 00:00:02,500 X1:0
{\\an8}into the
lake
"""
CUES = [Cue(0.2, 1.0, "A dog runs & jumps"), Cue(1.0, 2.5, "into the lake")]
VTT = """WEBVTT - some words

STYLE
::cue { color: red }

NOTE not a cue

intro
00:00.200 --> 00:01.000 align:start
<v Anna>A <c.red>dog</c> runs &amp; jumps</v>

00:00:01.000 --> 00:00:02.500
<00:00:01.500>into the
lake
"""
ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.20,0:00:01.00,Default,,0,0,0,,A {\\i1}dog{\\i0} runs & jumps
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,into the\\Nlake
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}
"""


# --- captions files -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.VTT", VTT), ("a.ass", ASS)])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_format_tells_its_cues(name: str, text: str, end: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.replace("\n", end).encode())
    assert read_captions(str(tmp_path / name)) == (CUES, 0)


@pytest.mark.parametrize(
    "name",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"],
)
def test_the_encoding_is_found_out(name: str) -> None:
    words = "Ein schöner Hund läuft über die Straße – nein?"
    if name == "latin-1":
        words = words.replace("–", "-")
    assert decoded(words.encode(name)).removeprefix("\ufeff") == words


def test_broken_cues_are_passed_over_and_counted(tmp_path: Path) -> None:
    text = (
        "1\n00:00:05,000 --> 00:00:04,000\nends before it begins\n\n"
        "2\nno time at all\n\n"
        "3\n00:00:01,000 --> 00:00:02,000\ngood\n4\n00:00:02,000 --> 00:00:03,000\nno gap\n\n"
        "5\n0:0:3.5 -> 0:0:4\nsloppy\n\n\n\n6\n00:00:06,000 --> 00:00:07,000\n\n"
    )
    (tmp_path / "a.srt").write_text(text)
    cues, broken = read_captions(str(tmp_path / "a.srt"))
    assert [(cue.start, cue.text) for cue in cues] == [(1, "good"), (2, "no gap"), (3.5, "sloppy")]
    assert broken == 2


@given(st.binary(max_size=400), st.integers(0, 400), st.sampled_from([SRT, VTT, ASS]))
@settings(max_examples=200, deadline=None)
def test_no_captions_file_is_an_error(noise: bytes, at: int, text: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        content = text.encode()
        for suffix in (".srt", ".ass"):
            path = Path(folder) / f"a{suffix}"
            path.write_bytes(content[:at] + noise + content[at:])
            cues, broken = read_captions(str(path))
            assert broken >= 0
            for cue in cues:
                assert 0 <= cue.start < cue.end and cue.text.isprintable()
                assert cue.text.encode("utf-8")


def test_a_huge_captions_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(b"<" * LARGEST + b"\n\n" + SRT.encode())
    began = time.monotonic()
    assert read_captions(str(path))[0] == []
    path.write_bytes((b"00:00:01,000 --> 00:00:02,000\n" + b"x" * 100_000 + b"\n\n") * 150)
    cues, _ = read_captions(str(path))
    assert max(len(cue.text) for cue in cues) <= 1000
    assert time.monotonic() - began < 5


def test_tags_are_no_words() -> None:
    assert plain("<font color='red'>a</font> &lt;b&gt; 1 < 2 > 0 {\\fad(1,2)}c\\Nd") == (
        "a <b> 1 < 2 > 0 c d"
    )


# --- names ----------------------------------------------------------------------------------------


def test_names_are_split_sensibly() -> None:
    assert name_words("IMG_2024-Beach_day.mp4") == "beach day"
    assert name_words("/home/me/Videos/2019 Italy/Rome/GOPR0123.MP4") == "italy rome"
    assert name_words("/v/BirthdayPartyOfAnna.mov") == "birthday party of anna"
    assert name_words("/v/x/20200101_120000.mp4") == ""
    assert content_words("Dogs are running, a dog ran") == ["dog", "run", "ran"]
    assert content_words("Été in CITIES") == content_words("ete city")


# --- which captions are a video's -----------------------------------------------------------------


def test_captions_go_with_the_video_they_are_named_after(tmp_path: Path) -> None:
    videos = ["a.mp4", "a.part.mp4", "b.mkv", "b.mp4", "c"]
    captions = ["a.srt", "a.en.forced.srt", "a.part.de.vtt", "b.en.VTT", "ab.srt", "c.ass", ".srt"]
    for name in [*videos, *captions]:
        (tmp_path / name).write_bytes(b"")
    paths = [str(tmp_path / name) for name in videos]
    sidecars = Sidecars(paths)
    assert [[Path(one).name for one in sidecars.of(path)] for path in paths] == [
        ["a.en.forced.srt", "a.srt"],
        ["a.part.de.vtt"],
        ["b.en.VTT"],
        ["b.en.VTT"],
        ["c.ass"],
    ]
    before = sidecars.state(paths[0], subtitles=False)
    assert Sidecars(paths).state(paths[0], subtitles=False) == before
    (tmp_path / "a.srt").write_bytes(b"x")
    assert Sidecars(paths).state(paths[0], subtitles=False) != before
    (tmp_path / "a.srt").unlink()
    assert Sidecars(paths).of(paths[0]) == [str(tmp_path / "a.en.forced.srt")]


@pytest.mark.slow
def test_ten_thousand_videos_are_looked_at_quickly(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.mp4").touch()
        if number % 2:
            (tmp_path / f"{number}.en.srt").touch()
    paths = [str(tmp_path / f"{number}.mp4") for number in range(10_000)]
    began = time.monotonic()
    sidecars = Sidecars(paths)
    assert sum(len(sidecars.of(path)) for path in paths) == 5000
    assert time.monotonic() - began < 1


# --- subtitles inside -----------------------------------------------------------------------------


def with_subtitles(path: Path, codec: str, texts: list[tuple[float, str]]) -> Path:
    header = (
        b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\n"
        b"Style: Default,Arial\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, "
        b"MarginR, MarginV, Effect, Text\n"
    )
    unit = Fraction(1, 1000)
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        coding = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        video = container.add_stream(coding, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        own = container.add_stream(codec)
        own.codec_context.subtitle_header, own.codec_context.time_base = header, unit
        container.start_encoding()
        for number, (start, text) in enumerate(texts):
            line = f"{number},0,Default,,0,0,0,,{text}".encode()
            ticks = round(start * 1000)
            packet = own.codec_context.encode_subtitle(
                SubtitleSet.create(text=line, start=0, end=1000, pts=ticks * 1000)
            )
            packet.stream, packet.time_base = own, unit
            packet.pts = packet.dts = ticks
            packet.duration = 1000
            container.mux(packet)
        for number in range(75):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), "rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "subrip"), ("b.mkv", "ass"), ("a.mp4", "mov_text"), ("a.webm", "webvtt")],
)
def test_subtitles_inside_are_read(name: str, codec: str, tmp_path: Path) -> None:
    texts = [(0.5, "A dog {\\i1}runs{\\i0}"), (1.7, "café <b>bold</b>")]
    found = list(read_subtitles(with_subtitles(tmp_path / name, codec, texts)))
    cues = [cue for some in found for cue in some]
    assert cues == [Cue(0.5, 1.5, "A dog runs"), Cue(1.7, 2.7, "café bold")]
    assert list(read_subtitles(film(tmp_path / "none.mp4"))) == []


# --- in a library ---------------------------------------------------------------------------------


def texts_of(library: Library, path: Path) -> list[Text]:
    store = library._open()
    (video,) = [one for one in store.videos() if one.path == str(path)]
    return store.texts(video.words) if video.words else []


def test_captions_are_read_again_when_they_change_and_the_video_is_not(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    source = film(tmp_path / "v" / "a.mp4", 1, seconds=3)
    film(tmp_path / "v" / "b.mp4", 2)
    library = Library(tmp_path / "l.fdaclip", encoder)
    report = library.add(tmp_path / "v")
    assert (report.texts, report.cues) == (0, 0) and encoder.encoded == 2
    captions = tmp_path / "v" / "a.en.srt"
    captions.write_text(SRT)
    report = library.add(tmp_path / "v")
    assert (report.unchanged, report.texts, report.cues, report.broken) == (2, 1, 2, 0)
    assert texts_of(library, source) == [
        Text(0.2, 1.0, "captions", "A dog runs & jumps"),
        Text(1.0, 2.5, "captions", "into the lake"),
    ]
    assert library.add(tmp_path / "v").texts == 0  # nothing new
    (tmp_path / "v" / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n\nbroken\n")
    report = library.add(tmp_path / "v")
    assert (report.texts, report.cues, report.broken) == (1, 3, 1)
    captions.unlink()
    assert library.add(tmp_path / "v").cues == 1
    assert [text.text for text in texts_of(library, source)] == ["hello"]
    (tmp_path / "v" / "a.vtt").unlink()
    library.add(tmp_path / "v")
    assert texts_of(library, source) == []
    assert len(library._open().editions()) == 0  # no orphans stay
    assert encoder.encoded == 2
    assert library.verify() == []


def test_subtitles_inside_are_indexed(tmp_path: Path) -> None:
    source = with_subtitles(tmp_path / "v" / "a.mkv", "subrip", [(0.5, "a red kite")])
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    report = library.add(tmp_path / "v")
    assert (report.texts, report.cues) == (1, 1)
    assert texts_of(library, source) == [Text(0.5, 1.5, "subtitles", "a red kite")]
    assert library.add(tmp_path / "v").texts == 0
    (tmp_path / "v" / "a.srt").write_text(SRT)
    assert library.add(tmp_path / "v").cues == 3


def test_captions_that_cannot_be_read_cost_themselves_alone(tmp_path: Path) -> None:
    source = film(tmp_path / "v" / "a.mp4")
    (tmp_path / "v" / "a.srt").mkdir()
    (tmp_path / "v" / "a.en.srt").write_bytes(np.random.default_rng(0).bytes(1000))
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    report = library.add(tmp_path / "v")
    assert (report.encoded, report.bad) == (1, [])
    assert str(tmp_path / "v" / "a.srt") in [one.path for one in report.unread]
    assert texts_of(library, source) == []


def test_an_edition_counts_only_once_a_row_names_it(tmp_path: Path) -> None:
    film(tmp_path / "v" / "a.mp4")
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(tmp_path / "v")
    store = Store(tmp_path / "l.fdaclip")
    store.commit({}, [], {77: [Text(0, 1, "captions", "an orphan")]})  # killed before the row
    assert [edition for edition, _, _ in store.find_texts("orphan", 5)] == [77]
    assert library.add(tmp_path / "v").unchanged == 1  # the next writer drops it
    assert store.find_texts("orphan", 5) == []


def test_full_text_search_finds_what_is_not_indexed_yet(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "l", 4)
    assert store.find_texts("dog", 5) == []
    store.commit({}, [], {1: [Text(0, 1, "captions", "The dogs are running")]})
    store.compact()
    store.commit({}, [], {2: [Text(0, 1, "captions", "Ein Hund über der Straße, a dog")]})
    assert {edition for edition, _, _ in store.find_texts("dog", 5)} == {1, 2}
    assert [edition for edition, _, _ in store.find_texts("uber strasse", 5)] == [2]
    assert [edition for edition, _, _ in store.find_texts("run", 5)] == [1]
    for strange in ("", 'a"b OR (c', "x:y^2 AND", "*", "the", "\x00", "日本"):
        assert store.find_texts(strange, 5) == []


# --- asking ---------------------------------------------------------------------------------------


def test_reciprocal_ranks_are_summed() -> None:
    scores = reciprocal_rank_fusion([{"a": 1, "b": 2}, {"b": 1, "c": 2.5}])
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62.5})
    assert ranks([("a", 1.0), ("b", 3.0), ("c", 1.0), ("d", 1.0)]) == {
        "b": 1,
        "a": 3,
        "c": 3,
        "d": 3,
    }
    assert ranks([]) == {}


@given(
    st.lists(
        st.sampled_from(["beach day", "Città/beach", "IMG_1", "dogs/run", "city"]), min_size=2
    ),
    st.sampled_from(["beach", "a city", "running dog", "citta", "nothing", ""]),
)
@settings(deadline=None, max_examples=100)
def test_names_are_found_as_by_looking_at_each(some: list[str], sentence: str) -> None:
    paths = [f"/videos/{number}/{name}.mp4" for number, name in enumerate(some)]
    held = [set(content_words(name_words(path))) for path in paths]
    asked = content_words(sentence)
    common = {word for word in asked if all(word in words for words in held)}
    found = {number: words for number, words, _ in Names(paths).find(sentence)}
    wanted = {n: (words & set(asked)) - common for n, words in enumerate(held)}
    assert found == {number: words for number, words in wanted.items() if words}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Twelve films of 24 s, three moments each; one says something in its second moment."""
    encoder, tmp_path = FakeEncoder(), tmp_path_factory.mktemp("spoken")
    for number in range(12):
        name = "Kite_Festival" if number == 7 else f"IMG_{number:04d}"
        film(tmp_path / "v" / f"{name}.mp4", number, seconds=24, rate=4)
    (tmp_path / "v" / "IMG_0004.en.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nhello there\n\n"
        "2\n00:00:10,000 --> 00:00:12,000\nlook at the old\n\n"
        "3\n00:00:12,000 --> 00:00:14,000\nlighthouse keeper\n\n"
    )
    library = Library(tmp_path / "l.fdaclip", encoder)
    report = library.add(tmp_path / "v")
    assert (report.texts, report.cues) == (1, 3)
    return library


def test_what_is_said_finds_the_moment_in_which_it_is(spoken: Library) -> None:
    hit = spoken.search("the old lighthouse", merge=False, fold=False)[0]
    assert Path(hit.path).name == "IMG_0004.mp4"
    assert (hit.start, hit.end) == (8.0, 16.0)
    assert hit.text_span in ((10.0, 12.0), (12.0, 14.0)) and hit.text
    assert spoken.search_page("the old lighthouse").nothing is not True
    for hit in spoken.search("the old lighthouse", 50, text=False):
        assert hit.text == "" and hit.text_span is None


def test_a_name_finds_the_best_moment_of_its_video(spoken: Library) -> None:
    sentence = "a kite festival"
    hit = spoken.search(sentence, merge=False, fold=False)[0]
    assert (Path(hit.path).name, hit.text, hit.text_span) == (
        "Kite_Festival.mp4",
        "Kite_Festival.mp4",
        None,
    )
    seen = spoken.search(sentence, 50, text=False, merge=False, fold=False)
    best = next(one for one in seen if one.path == hit.path)
    assert (hit.start, hit.score) == (best.start, best.score)


def test_few_of_the_words_are_not_enough(spoken: Library) -> None:
    sentence = "an old man walks slowly through a dark forest"
    with_, without = (spoken.search(sentence, 50, text=text) for text in (True, False))
    assert with_ == without


def test_pages_are_the_one_list_with_text_too(spoken: Library) -> None:
    for sentence in ("old lighthouse keeper kite", "kite"):
        whole = spoken.search(sentence, 100, merge=False, fold=False)
        pages, after = list[object](), None
        while True:
            page = spoken.search_page(sentence, 3, after=after, merge=False, fold=False)
            pages += page.hits
            after = page.next
            if after is None:
                break
        assert pages == whole and len(whole) == 36
        for limit in (1, 2, 5):
            assert spoken.search(sentence, limit, merge=False, fold=False) == whole[:limit]


def test_filters_narrow_what_words_find(spoken: Library) -> None:
    hits = spoken.search("old lighthouse", 50, filters=Filters(paths=("Kite*",)))
    assert hits and all("Kite" in hit.path and not hit.text for hit in hits)


def test_captions_that_went_are_not_found(spoken: Library) -> None:
    films = Path(spoken.folder).parent / "v"
    captions = (films / "IMG_0004.en.srt").rename(films / "away")
    spoken.add(films)
    assert not any(hit.text for hit in spoken.search("old lighthouse", 50))
    captions.rename(films / "IMG_0004.en.srt")
    spoken.add(films)
    assert any(hit.text for hit in spoken.search("old lighthouse", 50))


def test_a_library_without_captions_is_asked_without_lancedb(tmp_path: Path) -> None:
    film(tmp_path / "v" / "kite.mp4", 1)
    film(tmp_path / "v" / "boat.mp4", 2)
    place = tmp_path / "l.fdaclip"
    Library(place, FakeEncoder()).add(tmp_path / "v")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from tiny_films import FakeEncoder; from fdaclip.library import Library;"
        "hits = Library(sys.argv[2], FakeEncoder()).search('a kite');"
        "assert hits[0].text == 'kite.mp4', hits;"
        "assert not {'lancedb', 'torch'} & set(sys.modules)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, here, str(place)], check=True, timeout=60)
