"""A library is backed up by copying its folder, and the copy is one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import Library


@pytest.mark.parametrize("with_derived", [True, False])
def test_a_copy_gives_equal_hits_and_goes_its_own_way(
    films: Path, tmp_path: Path, with_derived: bool
) -> None:
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(films)
    before = library.search("x", 100)
    skipped = None if with_derived else shutil.ignore_patterns("search")
    copy = Path(shutil.copytree(library.folder, tmp_path / "backup.fdaclip", ignore=skipped))
    library.remove(films / "0.mp4")
    restored = Library(copy, FakeEncoder())
    assert restored.search("x", 100) == before and restored.verify() == []
    film(films / "new.mp4", colour=9)
    assert restored.add(films).encoded == 1 and restored.verify() == []
    assert len(library.search("x", 100)) == 4 and library.verify() == []


def test_a_backup_put_back_is_searched_at_once(films: Path, tmp_path: Path) -> None:
    """Also by a process that had the library open, and although versions count the same again."""
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(films)
    reader, before = Library(library.folder, FakeEncoder()), library.search("x", 100)
    copy = shutil.copytree(library.folder, tmp_path / "backup.fdaclip")
    library.remove(films / "0.mp4")
    assert len(reader.search("x", 100)) == 4
    shutil.rmtree(library.folder)
    shutil.copytree(copy, library.folder)
    assert reader.search("x", 100) == before and library.search("x", 100) == before


def test_compact_says_what_it_freed_and_changes_no_hit(films: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    for path in sorted(films.rglob("*.mp4")):
        library.add(path)
    data = library.folder / "moments.lance" / "data"
    (data / "unfinished.lance").write_bytes(bytes(100_000))  # as a killed process leaves it
    before = library.search("x", 100)
    done = library.compact()
    assert done.before - done.after > 90_000 and not (data / "unfinished.lance").exists()
    assert library.search("x", 100) == before and library.verify() == []
