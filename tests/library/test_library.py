"""A library of little films, with a model that needs no torch."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import (
    FingerprintMismatch,
    Interrupted,
    Library,
    LibraryError,
    NoSuchPath,
    NotALibrary,
    Progress,
)
from fdaclip.library import ingest as ingest_module
from fdaclip.library.prepare import Facts, Prepared
from fdaclip.library.stamp import write_stamp
from fdaclip.library.store import Store
from fdaclip.model.lanes import processors
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling
from fdaclip.video.isolated import Finished, Result


@pytest.fixture
def library(tmp_path: Path, encoder: FakeEncoder) -> Library:
    return Library(tmp_path / "my.fdaclip", encoder)


@pytest.fixture(autouse=True)
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Decodes in this process, which is faster to start; the paths that were decoded."""
    seen: list[str] = []

    def here(work: Callable[[Path], Iterator[object]], paths: Iterator[str], **_: object) -> object:
        for path in paths:
            seen.append(path)
            for value in work(Path(path)):
                yield Result(Path(path), value)
            yield Finished(Path(path))

    monkeypatch.setattr(ingest_module, "work_isolated", here)
    return seen


def paths_found(library: Library) -> set[str]:
    return {hit.path for hit in library.search("anything", limit=1000, merge=False, fold=False)}


def test_everything_is_indexed_once_and_found(library: Library, films: Path) -> None:
    report = library.add(films)
    assert (report.found, report.encoded, report.moments) == (5, 5, 5)
    assert report.bad == report.partial == []
    assert report.seconds == pytest.approx(5.0)
    hits = library.search("a white square", limit=50, merge=False, fold=False)
    assert {hit.path for hit in hits} == {str(path) for path in films.rglob("*.mp4")}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all((hit.start, hit.end) == (0.0, 1.0) and 0 < hit.share < 1 for hit in hits)
    assert all(hit.moving == 1 and 0 < hit.motion < 1 for hit in hits)
    assert library.verify() == []


def test_an_unchanged_folder_does_no_work(
    library: Library, encoder: FakeEncoder, films: Path, decoded: list[str]
) -> None:
    library.add(films)
    assert len(decoded) == encoder.encoded == 5
    version = library._open().version
    report = library.add(films)
    assert (report.unchanged, report.encoded) == (5, 0)
    assert len(decoded) == encoder.encoded == 5
    assert library._open().version == version  # not even a commit


def test_an_unchanged_folder_needs_no_model(library: Library, films: Path) -> None:
    library.add(films)
    without = Library(library.folder)
    assert without.add(films).unchanged == 5
    assert without._encoder is None


def test_long_videos_have_several_moments(library: Library, tmp_path: Path) -> None:
    path = film(tmp_path / "long.mp4", seconds=25, rate=4)
    report = library.add(path)
    assert (report.encoded, report.moments) == (1, 3)
    hits = sorted(library.search("x", merge=False, fold=False), key=lambda hit: hit.start)
    np.testing.assert_allclose([hit.end for hit in hits], [25 / 3, 50 / 3, 25], atol=0.01)
    assert [hit.start for hit in hits[1:]] == [hit.end for hit in hits[:-1]]


def test_a_touched_file_is_not_decoded_again(
    library: Library, films: Path, decoded: list[str]
) -> None:
    library.add(films)
    os.utime(films / "0.mp4", ns=(1, 1))
    report = library.add(films)
    assert (report.touched, report.unchanged, report.encoded) == (1, 4, 0)
    assert len(decoded) == 5
    assert library.add(films).unchanged == 5


def test_moved_and_renamed_files_are_recognised(
    library: Library, films: Path, decoded: list[str]
) -> None:
    library.add(films)
    (films / "0.mp4").rename(films / "renamed.mp4")
    (films / "below").rename(films / "elsewhere")
    report = library.add(films)
    assert (report.moved, report.missing, report.encoded) == (2, 0, 0)
    assert len(decoded) == 5
    assert paths_found(library) == {str(path) for path in films.rglob("*.mp4")}
    assert library.status().files == 5 and library.status().missing == []


def test_two_files_that_swap_names(library: Library, films: Path, decoded: list[str]) -> None:
    library.add(films)
    scores = {hit.path: hit.score for hit in library.search("x", merge=False, fold=False)}
    one, two = films / "0.mp4", films / "1.mp4"
    one.rename(films / "t")
    two.rename(one)
    (films / "t").rename(two)
    os.utime(one, ns=(5, 5))
    os.utime(two, ns=(6, 6))
    library.add(films)
    assert len(decoded) == 5
    swapped = {hit.path: hit.score for hit in library.search("x", merge=False, fold=False)}
    assert swapped[str(one)] == scores[str(two)] and swapped[str(two)] == scores[str(one)]
    assert library.verify() == []


def test_copies_share_one_encoding(library: Library, films: Path, decoded: list[str]) -> None:
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(films / "0.mp4", films / name)
    report = library.add(films)
    assert (report.encoded, report.duplicates) == (5, 2)
    shutil.copy(films / "1.mp4", films / "later.mp4")
    assert library.add(films).duplicates == 1
    assert len(decoded) == 5
    copies = next(
        hit
        for hit in library.search("x", merge=False, fold=False)
        if hit.also and "later" not in str(hit)
    )
    assert {copies.path, *copies.also} == {str(films / n) for n in ("0.mp4", "a.mp4", "b.mp4")}


def test_a_changed_file_replaces_its_moments(library: Library, films: Path) -> None:
    library.add(films)
    before = {hit.path: hit.score for hit in library.search("x", merge=False, fold=False)}
    film(films / "0.mp4", colour=77, seconds=13)
    report = library.add(films)
    assert (report.encoded, report.unchanged) == (1, 4)
    hits = [
        hit
        for hit in library.search("x", 50, merge=False, fold=False)
        if hit.path == str(films / "0.mp4")
    ]
    assert len(hits) == 2 and all(hit.score != before[hit.path] for hit in hits)
    assert library.verify() == []


def test_missing_files_are_not_found_until_they_come_back(
    library: Library, films: Path, tmp_path: Path, decoded: list[str]
) -> None:
    library.add(films)
    away = tmp_path / "away.mp4"
    (films / "0.mp4").rename(away)
    assert library.add(films).missing == 1
    assert str(films / "0.mp4") not in paths_found(library)
    assert library.status().missing == [str(films / "0.mp4")]
    away.rename(films / "0.mp4")
    library.add(films)
    assert str(films / "0.mp4") in paths_found(library)
    assert len(decoded) == 5
    (films / "0.mp4").unlink()
    assert library.add(films).missing == 1
    assert library.remove(missing=True) == 1
    assert library.status().files == 4 and library.verify() == []


def test_remove_forgets_files_and_folders_only(library: Library, films: Path) -> None:
    library.add(films)
    with pytest.raises(NoSuchPath, match="below2"):
        library.remove([films / "0.mp4", films / "below2"])
    assert library.status().files == 5
    assert library.remove([films / "0.mp4", films / "below"]) == 2
    assert paths_found(library) == {str(films / f"{n}.mp4") for n in (1, 2, 3)}
    assert (films / "0.mp4").exists()
    assert library._open().moments().take.size == 3


def test_removing_one_copy_keeps_the_others_moments(library: Library, films: Path) -> None:
    shutil.copy(films / "0.mp4", films / "copy.mp4")
    library.add(films)
    library.remove(films / "0.mp4")
    assert str(films / "copy.mp4") in paths_found(library)
    assert library.verify() == []


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "fake-2"},
        {"sampling": Sampling(frames=4)},
        {"motion": MotionConfig(short_side=48)},
    ],
)
def test_another_model_is_refused_with_the_way_out(
    library: Library, films: Path, other: dict[str, object]
) -> None:
    library.add(films)
    with pytest.raises(FingerprintMismatch, match="was built with another model") as refused:
        Library(library.folder, replace(FakeEncoder(), **other))  # type: ignore[arg-type]
    assert "fdaclip index --reindex --model fake --library" in refused.value.hint


def test_a_library_from_before_a_setting_came_opens(library: Library, films: Path) -> None:
    library.add(films)
    old = replace(library.stamp, sampling={"frames": 3}, motion={"short_side": 32})
    write_stamp(library.folder, old)
    assert Library(library.folder, FakeEncoder()).add(films).unchanged == 5
    write_stamp(library.folder, replace(old, sampling={"frames": 3, "from": "the future"}))
    with pytest.raises(NotALibrary, match="settings are not known here"):
        Library(library.folder, FakeEncoder())


def test_a_window_is_the_librarys_for_good(
    tmp_path: Path, films: Path, encoder: FakeEncoder
) -> None:
    long = film(tmp_path / "long.mp4", seconds=12, rate=4)
    short = Library(tmp_path / "short", encoder, window=3)
    assert short.add(long).moments == 4
    assert Library(short.folder, encoder).add([long, films]).moments == 5
    assert Library(short.folder, window=3).stamp.window == 3
    with pytest.raises(FingerprintMismatch, match="are 3 s long, not 8 s") as refused:
        Library(short.folder, window=8)
    assert "--window 8" in refused.value.hint
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="window must be seconds above 0"):
            Library(tmp_path / "none", encoder, window=wrong)


def test_the_stages_of_the_work_are_told(library: Library, films: Path) -> None:
    report = library.add(films)
    assert set(report.stages) == {"shots", "decode", "mask", "encode", "write"}
    assert all(seconds > 0 for seconds in report.stages.values())
    assert 0 < report.utilisation <= 1.5
    again = library.add(films)
    assert again.utilisation == 0 and again.stages["decode"] == 0


def test_the_model_may_move(library: Library, films: Path) -> None:
    library.add(films)
    Library(library.folder, FakeEncoder(), model="/new/place")
    assert Library(library.folder).stamp.model == "/new/place"


def test_opening_needs_a_library_or_a_model(tmp_path: Path, encoder: FakeEncoder) -> None:
    with pytest.raises(NotALibrary, match="no library at"):
        Library(tmp_path / "none")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(NotALibrary, match=r"not empty: it holds holiday\.jpg"):
        Library(tmp_path / "pictures", encoder).add(film(tmp_path / "a.mp4"))


def test_a_typing_error_creates_nothing(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NoSuchPath):
        library.add(tmp_path / "typo")
    assert not library.folder.exists()


def test_an_unfinished_creation_is_finished(library: Library, films: Path) -> None:
    library.folder.mkdir()
    Store.create(library.folder, 3)  # killed before the stamp was written
    assert library.add(films).encoded == 5


def test_a_creation_that_broke_within_a_file_is_finished(library: Library, films: Path) -> None:
    library.folder.mkdir()
    Store.create(library.folder, 3)
    for file in [path for path in library.folder.rglob("*") if path.is_file()]:
        os.truncate(file, file.stat().st_size // 2)
    assert library.add(films).encoded == 5 and library.verify() == []


def test_an_empty_sentence_is_refused(library: Library, films: Path) -> None:
    library.add(films)
    with pytest.raises(LibraryError, match="empty"):
        library.search("  ")


def test_ctrl_c_keeps_what_is_finished(library: Library, films: Path) -> None:
    calls = 0

    def press(now: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls == 8:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as interrupted:
        library.add(films, progress=press)
    first = interrupted.value.report
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert first.interrupted and 0 < first.encoded < 5
    assert library.status().files == first.encoded
    assert library.verify() == []
    second = library.add(films)
    assert first.encoded + second.encoded == 5 and second.unchanged == first.encoded
    assert library.verify() == []


def test_a_reader_sees_whole_videos_while_a_writer_adds(
    library: Library, tmp_path: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "COMMIT_EVERY", 0.0)
    folder = tmp_path / "long"
    for number in range(8):
        film(folder / f"{number}.mp4", colour=number, seconds=20, rate=2)
    library.add(folder / "0.mp4")
    reader, seen, done = Library(library.folder, encoder), [], threading.Event()

    def read() -> None:
        while not done.is_set():
            hits = reader.search("x", limit=1000, merge=False, fold=False)
            seen.append({hit.path: sum(h.path == hit.path for h in hits) for hit in hits})

    thread = threading.Thread(target=read)
    thread.start()
    library.add(folder)
    done.set()
    thread.join()
    assert len(seen) > 3
    assert all(set(counts.values()) == {3} for counts in seen)  # 20 s are three moments
    sizes = [len(counts) for counts in seen]
    assert sizes == sorted(sizes)


def test_vectors_that_are_not_finite_cost_one_file(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sick(FakeEncoder):
        def encode_rgba(self, clips):  # type: ignore[no-untyped-def]
            vectors = super().encode_rgba(clips)
            if self.encoded == 1:
                vectors[0] = np.nan
            return vectors

    report = Library(tmp_path / "l", Sick()).add(films)
    assert report.encoded == 4
    assert [failure.reason for failure in report.bad] == [
        "the model gave no finite vector for 1 of its windows"
    ]


def test_progress_reaches_the_end(library: Library, films: Path) -> None:
    told = []
    library.add(films, progress=told.append)
    assert told[-1].done == told[-1].files == 5
    assert told[-1].share == 1.0 and told[-1].left == 0.0
    assert all(0 <= now.share <= 1 for now in told)
    assert [now.done for now in told] == sorted(now.done for now in told)


def test_few_windows_are_held_however_many_come(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film of 300 windows whose encoding is slow: the decoder waits, no pixels pile up."""
    held, most = 0, 0

    def let_go() -> None:
        nonlocal held
        held -= 1

    def endless(work: object, paths: Iterator[str], **_: object) -> Iterator[object]:
        nonlocal held, most
        for path in map(Path, paths):
            yield Result(path, Facts(2400, 64, 48, 12, "h264", 300, 900))
            for number in range(300):
                pixels = np.zeros((3, 4, 32, 32), np.uint8)
                held, most = held + 1, max(most, held + 1)
                weakref.finalize(pixels, let_go)
                start = 8.0 * number
                yield Result(path, Prepared(start, start + 8, pixels, 0.1, 0.1, 1.0, 0.01, 0.01))
            yield Finished(path)

    class Slow(FakeEncoder):
        def encode_rgba(self, clips):  # type: ignore[no-untyped-def]
            time.sleep(0.002)
            return super().encode_rgba(clips)

    monkeypatch.setattr(ingest_module, "work_isolated", endless)
    report = Library(tmp_path / "l", Slow()).add(films / "0.mp4")
    assert report.moments == 300
    assert 2 <= most <= 2 * processors() + 3, f"{most} windows were held at once"
    assert held <= 1
    moments = Library(tmp_path / "l", FakeEncoder())._open().moments()
    assert moments.start.tolist() == [8.0 * number for number in range(300)]
