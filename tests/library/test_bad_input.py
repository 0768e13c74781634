"""Every kind of bad file gives one clear line, the run goes on, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.library import content as content_module
from fdaclip.library import ingest as ingest_module


def sound_only(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = 44100, number * 1024, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def library(tmp_path: Path, encoder: FakeEncoder) -> Library:
    return Library(tmp_path / "my.fdaclip", encoder)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A sound film among files that are bad in every way we know to make."""
    folder = tmp_path / "mixed"
    long = film(folder / "sound.mp4", seconds=40, rate=12)
    whole = long.read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no film\n" * 100)
    (folder / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(50_000))
    sound_only(folder / "music.mp4")
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) * 6 // 10])  # its index comes first
    middle = bytearray(whole)
    start, end = len(middle) // 2, len(middle) // 2 + len(middle) // 8
    middle[start:end] = np.random.default_rng(1).bytes(end - start)
    (folder / "damaged.mp4").write_bytes(middle)
    (folder / "headless.mp4").write_bytes(whole[len(whole) // 2 :])
    return folder


BAD = {"empty.mp4", "text.mp4", "noise.mkv", "music.mp4", "headless.mp4"}


def test_each_bad_file_has_one_line_and_the_rest_is_indexed(library: Library, mixed: Path) -> None:
    report = library.add(mixed)
    assert {Path(failure.path).name for failure in report.bad} == BAD
    partial = {Path(failure.path).name: failure.reason for failure in report.partial}
    assert "truncated.mp4" in partial
    for failure in [*report.bad, *report.partial]:
        assert failure.reason and "\n" not in failure.reason
    found = {Path(hit.path).name for hit in library.search("x", 100, merge=False, fold=False)}
    assert found == {"sound.mp4", "truncated.mp4", "damaged.mp4"}
    status = library.status()
    assert {Path(failure.path).name for failure in status.bad} == BAD
    assert {f.path: f.reason for f in status.bad} == {f.path: f.reason for f in report.bad}
    assert library.verify() == []


def test_bad_files_are_tried_again_only_when_they_change_or_on_request(
    library: Library, mixed: Path
) -> None:
    library.add(mixed)
    again = library.add(mixed)
    assert again.bad == [] and again.known_bad == len(BAD) and again.unchanged == again.found
    retried = library.add(mixed, retry=True)
    assert len(retried.bad) == len(BAD)
    assert library.verify() == []
    film(mixed / "empty.mp4", colour=3)
    assert library.add(mixed).encoded == 1
    assert len(library.status().bad) == len(BAD) - 1


def test_retried_partial_files_have_their_moments_once(library: Library, mixed: Path) -> None:
    library.add(mixed)
    before = [
        (hit.path, hit.start, hit.score)
        for hit in library.search("x", 100, merge=False, fold=False)
    ]
    library.add(mixed, retry=True)
    assert [
        (hit.path, hit.start, hit.score)
        for hit in library.search("x", 100, merge=False, fold=False)
    ] == before


def test_files_that_may_not_be_read_are_tried_again_each_time(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = str(films / "1.mp4")
    readable = content_module.content_hash

    def refused(path: str) -> str:
        if path == locked:
            raise PermissionError(13, "Permission denied", path)
        return readable(path)

    monkeypatch.setattr(ingest_module, "content_hash", refused)
    report = library.add(films)
    assert report.encoded == 4
    assert [(f.path, f.reason) for f in report.bad] == [
        (locked, "cannot be read: permission denied")
    ]
    assert len(library.status().bad) == 1
    monkeypatch.undo()
    assert library.add(films).encoded == 1
    assert library.status().bad == []


def test_a_folder_that_may_not_be_entered_is_not_taken_for_empty(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(films)
    allowed = os.scandir

    def refused(folder: str) -> object:
        if str(folder).endswith("/below"):
            raise PermissionError(13, "Permission denied", folder)
        return allowed(folder)

    monkeypatch.setattr(os, "scandir", refused)
    report = library.add(films)
    assert report.missing == 0
    assert [failure.reason for failure in report.bad] == ["permission denied"]


@pytest.mark.parametrize("known", [False, True])
def test_files_that_vanish_during_the_run(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """One goes before it is hashed, one between hashing and decoding."""
    if known:
        library.add(films)
        for name in ("0.mp4", "1.mp4"):
            film(films / name, colour=50 + int(name[0]))
    readable, original = content_module.content_hash, ingest_module.work_isolated

    def going(path: str) -> str:
        if path.endswith("/0.mp4"):
            Path(path).unlink()
        return readable(path)

    def later(work: object, paths: Iterator[str], **rest: object) -> object:
        def gone() -> Iterator[str]:
            for path in paths:
                if path.endswith("/1.mp4"):
                    Path(path).unlink()
                yield path

        return original(work, gone(), **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest_module, "content_hash", going)
    monkeypatch.setattr(ingest_module, "work_isolated", later)
    report = library.add(films)
    assert sorted(Path(failure.path).name for failure in report.bad) == ["0.mp4", "1.mp4"]
    assert {failure.reason for failure in report.bad} == {"it vanished while it was being indexed"}
    monkeypatch.undo()
    assert len(library.search("x", 100, merge=False, fold=False)) == 3
    assert library.status().bad == []
    assert library.verify() == []


def test_loops_and_names_of_any_bytes(library: Library, films: Path) -> None:
    names = [
        b"with space.mp4",
        b"new\nline.mp4",
        b"not-utf8-\xff\xfe.mp4",
        "ünï 100 %.mp4".encode(),
    ]
    for number, name in enumerate(names):
        source = film(films / "source.mp4", colour=20 + number)
        shutil.move(source, os.path.join(os.fsencode(films), name))  # noqa: PTH118
    (films / "loop").symlink_to(films)
    report = library.add(films)
    assert report.encoded == 9 and report.bad == []
    found = {
        os.fsencode(Path(hit.path).name)
        for hit in library.search("x", 100, merge=False, fold=False)
    }
    assert found >= set(names)
    assert library.add(films).unchanged == 9
    assert library.remove(os.fsdecode(os.path.join(os.fsencode(films), names[2]))) == 1  # noqa: PTH118
    assert library.verify() == []
