"""Folders that were moved: their files get new paths in one commit, and nothing is encoded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from old import FILES, old_library
from tiny_films import SIZE, FakeEncoder, film, unit

from fdaclip.library import Library, LibraryError, NoSuchPath
from fdaclip.library.names import from_key, to_key
from fdaclip.library.remap import remap
from fdaclip.library.rows import Moment, Video
from fdaclip.library.stamp import read_stamp
from fdaclip.library.store import Store


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """The four files of an old library, which are back in a folder (but for the bad one)."""
    old_library(tmp_path / "l.fdaclip")
    for number in range(3):
        film(tmp_path / "new" / f"{number}.mp4", colour=number)
    film(tmp_path / "new" / "100 %.mp4")
    return Library(tmp_path / "l.fdaclip", FakeEncoder())


def scores(library: Library) -> dict[str, float]:
    return {
        Path(hit.path).name: hit.score for hit in library.search("x", 100, merge=False, fold=False)
    }


def test_files_are_found_where_they_are_now(library: Library, tmp_path: Path) -> None:
    before, new = scores(library), tmp_path / "new"
    tried = library.remap("/films", new, dry_run=True)
    assert (tried.files, tried.found, tried.missing, tried.done) == (5, 4, 1, False)
    assert read_stamp(library.folder).schema == 1, "nothing was written"  # type: ignore[union-attr]
    done = library.remap("/films", new)
    assert (done.files, done.found, done.missing, done.done) == (5, 4, 1, True)
    hits = library.search("x", 100, merge=False, fold=False)
    paths = {path for hit in hits for path in (hit.path, *hit.also)}
    assert paths == {str(new / name) for name in ("0.mp4", "1.mp4", "2.mp4", "100 %.mp4")}
    after = scores(library)
    assert {name: after[name] for name in before} == before, "2.mp4 was missing, and is back"
    assert library.status().missing == [str(new / "bad.mp4")]
    assert {p.kind for p in library.verify()} == {"changed"}, "they are other files here"


def test_it_is_one_commit_and_can_be_undone(library: Library, tmp_path: Path) -> None:
    library.remap("/films", tmp_path / "new")
    store = library._open()
    rows, version = store.videos(), store._videos.version
    (tmp_path / "new").rename(tmp_path / "away")
    library.remap(tmp_path / "new", "/films")
    assert store._videos.version == version + 1
    assert sorted(from_key(video.path) for video in store.videos()) == sorted(FILES)
    (tmp_path / "away").rename(tmp_path / "new")
    library.remap("/films", tmp_path / "new")
    assert sorted(store.videos(), key=lambda v: v.path) == sorted(rows, key=lambda v: v.path)


def test_one_file_may_be_named(library: Library, tmp_path: Path) -> None:
    done = library.remap("/films/0.mp4", tmp_path / "new" / "0.mp4")
    assert (done.files, done.found) == (1, 1)
    assert str(tmp_path / "new" / "0.mp4") in {
        hit.path for hit in library.search("x", merge=False, fold=False)
    } | {path for hit in library.search("x", merge=False, fold=False) for path in hit.also}


def test_what_it_refuses(library: Library, tmp_path: Path) -> None:
    files = sorted(from_key(video.path) for video in library._open().videos())
    for old, new, why in (
        ("/film", "/x", "knows no"),
        ("/films/0.mp", "/x", "knows no"),
        ("/films", "/films", "already"),
        ("/films/0.mp4", "/films/1.mp4", "1 file would get a path"),
    ):
        with pytest.raises((LibraryError, NoSuchPath), match=why) as refused:
            library.remap(old, new)
        assert refused.value.hint
    assert sorted(from_key(video.path) for video in library._open().videos()) == files
    library.remap("/films", tmp_path / "new")
    with pytest.raises(LibraryError, match="still in"):
        library.remap(tmp_path / "new", tmp_path / "a typing error")


names = st.sampled_from(["a", "b", "bc", "a b", "ü%", "x'"])
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/nowhere/" + "/".join(parts))


@settings(max_examples=25, deadline=None)
@given(files=st.lists(paths, min_size=1, max_size=8, unique=True), old=paths, new=paths)
def test_any_paths_as_a_plain_loop_says(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], old: str, new: str
) -> None:
    store = Store.create(tmp_path_factory.mktemp("l"), SIZE)
    take = {1: [Moment(0.0, 1.0, unit(b"x"), 0.0, 0.0, 0.0)]}
    store.commit(take, [Video(to_key(file), 1, 1, "c", 1, "ok", "", moments=1) for file in files])
    moved = [file for file in files if file == old or file.startswith(old + "/")]
    expected = [new + file[len(old) :] if file in moved else file for file in files]
    if not moved or old == new or len(set(expected)) < len(files):
        with pytest.raises(LibraryError):
            remap(store, old, new)
        expected = files
    else:
        assert remap(store, old, new).files == len(moved)
    assert sorted(from_key(video.path) for video in store.videos()) == sorted(expected)
    assert os.sep == "/"
