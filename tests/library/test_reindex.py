"""Another model or window: built beside, complete or not there, then swapped in one step."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import FingerprintMismatch, Interrupted, Library, LibraryError, Progress
from fdaclip.library import reindex as reindex_module
from fdaclip.library.reindex import MARK, finish, new_folder
from fdaclip.library.stamp import read_stamp

OTHER = FakeEncoder(fingerprint="fake-2", source="other")


@pytest.fixture
def library(tmp_path: Path, films: Path) -> Library:
    library = Library(tmp_path / "my.fdaclip", FakeEncoder())
    library.add(films)
    return library


def names(library: Library) -> set[str]:
    return {Path(path).name for hit in library.search("x", 100) for path in (hit.path, *hit.also)}


def kept(library: Library) -> list[Path]:
    return sorted(library.folder.parent.glob("my.fdaclip.*"))


def test_another_model_takes_its_place_and_the_old_one_is_kept(
    library: Library, films: Path
) -> None:
    shutil.copy(films / "0.mp4", films / "copy.mp4")
    library.add(films)
    (films / "1.mp4").unlink()
    library.add(films)
    reader = Library(library.folder)
    old = Library(library.folder, FakeEncoder())
    before = names(old)
    done = Library(library.folder).reindex(OTHER, model="other")
    assert done.report.encoded == 4 and done.left_out == 1
    new = Library(library.folder, OTHER)
    assert new.stamp.model == "other" and names(new) == before and new.verify() == []
    assert kept(library) == [Path(done.old)] and not (library.folder / MARK).exists()
    assert names(Library(done.old, FakeEncoder())) == before
    with pytest.raises(FingerprintMismatch, match="another model") as refused:
        old.search("x")
    assert "fdaclip index --reindex --model fake --library" in refused.value.hint
    with pytest.raises(FingerprintMismatch):
        old.add(films)
    assert reader.status().stamp.fingerprint == "fake-2", "it notices, and has no model of its own"


def test_another_window(library: Library, films: Path) -> None:
    film(films / "long.mp4", colour=8, seconds=25, rate=4)
    library.add(films)
    with pytest.raises(FingerprintMismatch, match="8 s long") as refused:
        Library(library.folder, window=4)
    assert "index --reindex --window 4 --library" in refused.value.hint
    done = library.reindex(FakeEncoder(), model="fake", window=4)
    assert done.report.moments == 11 and library.stamp.window == 4
    assert len(library.search("x", 100, merge=False)) == 11 and library.verify() == []
    assert library.reindex(FakeEncoder(), model="fake").report.encoded == 6
    assert library.stamp.window == 4 and len(kept(library)) == 2


def test_the_old_one_is_used_until_the_new_one_is_complete(library: Library, films: Path) -> None:
    def meanwhile(now: Progress) -> None:
        if not (films / "late.mp4").exists():
            film(films / "late.mp4", colour=9)
            assert len(names(Library(library.folder, FakeEncoder()))) == 5
            assert Library(library.folder, FakeEncoder()).add(films).encoded == 1

    done = Library(library.folder).reindex(OTHER, model="other", progress=meanwhile)
    assert done.report.encoded == 6
    assert "late.mp4" in names(Library(library.folder, OTHER))


def test_interrupted_it_goes_on_and_refuses_other_settings_meanwhile(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Library.add

    def stopped(self: Library, paths: list[str], **named: object) -> object:
        raise Interrupted(add(self, paths[:2]))

    with monkeypatch.context() as patch:
        patch.setattr(Library, "add", stopped)
        with pytest.raises(Interrupted):
            Library(library.folder).reindex(OTHER, model="other")
    assert len(names(Library(library.folder, FakeEncoder()))) == 5
    with pytest.raises(LibraryError, match="with other settings already") as refused:
        Library(library.folder).reindex(FakeEncoder(fingerprint="fake-3"), model="third")
    assert str(new_folder(library.folder)) in str(refused.value)
    done = Library(library.folder).reindex(OTHER, model="other")
    assert (done.report.unchanged, done.report.encoded) == (2, 3)
    assert len(names(Library(library.folder, OTHER))) == 5


def test_a_folder_of_that_name_that_is_none_of_ours(library: Library) -> None:
    new_folder(library.folder).mkdir()
    (new_folder(library.folder) / "thesis.txt").write_text("mine")
    with pytest.raises(LibraryError, match="is there already"):
        library.reindex(OTHER)
    assert (new_folder(library.folder) / "thesis.txt").read_text() == "mine"


class Killed(BaseException):
    pass


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("steps", range(4))
def test_killed_at_any_step_of_the_swap(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool, steps: int
) -> None:
    left, rename, swapping = steps, Path.rename, reindex_module._exchange

    def step() -> None:
        nonlocal left
        if not left:
            raise Killed
        left -= 1

    def renamed(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    def exchanged(one: Path, other: Path) -> bool:
        if not exchange:
            return False
        step()
        return swapping(one, other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", renamed)
        patch.setattr(reindex_module, "_exchange", exchanged)
        try:
            Library(library.folder).reindex(OTHER, model="other")
        except Killed:
            assert not left
    there = read_stamp(library.folder)
    if exchange:
        assert there is not None, "at any instant one of the two is there"
    for encoder in (FakeEncoder(), OTHER):  # it opens with the right model, whichever it is
        try:
            assert len(names(Library(library.folder, encoder))) == 5
            break
        except FingerprintMismatch:
            continue
    else:
        raise AssertionError("neither opens")
    Library(library.folder).reindex(OTHER, model="other")
    new = Library(library.folder, OTHER)
    assert len(names(new)) == 5 and new.verify() == [] and not (library.folder / MARK).exists()
    assert not new_folder(library.folder).exists() and finish(library.folder) is None
    old = [read_stamp(folder) for folder in kept(library)]
    assert "fake-1" in {stamp.fingerprint for stamp in old if stamp}
