"""A library of schema 1 is searched as it is, and brought up to date by whoever writes first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lancedb
import pytest
from old import FILES, old_library
from tiny_films import SIZE, FakeEncoder, film

from fdaclip.library import CannotWrite, Library, NotALibrary
from fdaclip.library import schema as schema_module
from fdaclip.library.stamp import FILE, SCHEMA, read_stamp
from fdaclip.library.store import TEXTS, VIDEOS, moments_schema


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "old.fdaclip"


def found(library: Library, sentence: str) -> list[dict[str, Any]]:
    """The hits, as far as schema 1 knew them."""
    known = ("path", "start", "end", "score", "motion", "share", "moving", "also")
    hits = [asdict(hit) for hit in library.search(sentence, 100)]
    return [{name: hit[name] for name in known} for hit in hits]


def same(library: Library, before: dict[str, list[dict[str, Any]]]) -> bool:
    return all(
        json.loads(json.dumps(found(library, sentence))) == hits
        for sentence, hits in before.items()
    )


def contents(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_it_is_searched_without_a_change(place: Path) -> None:
    before = old_library(place)
    files = contents(place)
    library = Library(place, FakeEncoder())
    assert same(library, before)
    status = library.status()
    assert (status.files, status.moments, len(status.bad)) == (5, 3, 1)
    assert library._open().thumbnail(library._open().videos()[0].take, 0.0) is None
    now = contents(place)
    assert {path: now[path] for path in files} == files, "only the derived folder was added"
    assert read_stamp(place).schema == 1  # type: ignore[union-attr]


WRITERS: dict[str, Callable[[Library, Path], object]] = {
    "add": lambda library, films: library.add(film(films / "new.mp4", colour=9)),
    "remove": lambda library, films: library.remove(FILES[-1]),
    "repair": lambda library, films: library.verify(repair=True),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_the_first_writer_migrates(place: Path, tmp_path: Path, writer: str) -> None:
    before = old_library(place)
    WRITERS[writer](Library(place, FakeEncoder()), tmp_path)
    assert is_new(place)
    if writer == "remove":
        assert same(Library(place, FakeEncoder()), before)


def is_new(place: Path) -> bool:
    """Is it as if it had been created with this schema?"""
    database = lancedb.connect(place)
    assert json.loads((place / FILE).read_text())["schema"] == SCHEMA
    for name, wanted in (("moments", moments_schema(SIZE)), ("videos", VIDEOS), ("texts", TEXTS)):
        there = database.open_table(name).schema
        assert {(f.name, f.type, f.nullable) for f in there} == {
            (f.name, f.type, f.nullable) for f in wanted
        }
    return True


class Killed(BaseException):
    pass


@pytest.mark.parametrize("steps", range(6))
def test_stopped_between_any_two_steps_it_goes_on(
    place: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Five steps: columns with a value and without of moments, columns of videos, table, stamp."""
    before = old_library(place)
    left = steps

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return step(*given, **named)

        return counting

    with monkeypatch.context() as patch:
        add_columns = counted(lancedb.table.LanceTable.add_columns)
        patch.setattr("lancedb.table.LanceTable.add_columns", add_columns)
        patch.setattr(schema_module, "write_stamp", counted(schema_module.write_stamp))
        create = counted(lancedb.db.LanceDBConnection.create_table)
        patch.setattr("lancedb.db.LanceDBConnection.create_table", create)
        library = Library(place, FakeEncoder())
        stamp = read_stamp(place)
        assert stamp is not None
        if steps == 5:
            schema_module.migrate(place, stamp)
        else:
            with pytest.raises(Killed):
                schema_module.migrate(place, stamp)
    assert left == 0
    assert same(library, before) and same(Library(place, FakeEncoder()), before)
    Library(place, FakeEncoder()).remove(FILES[-1])
    assert is_new(place) and same(Library(place, FakeEncoder()), before)


def test_a_reader_goes_on_while_it_is_migrated(place: Path) -> None:
    before = old_library(place)
    reader = Library(place, FakeEncoder())
    assert same(reader, before)
    Library(place, FakeEncoder()).remove(FILES[-1])
    assert same(reader, before) and reader.stamp.schema == SCHEMA


def test_a_table_that_was_half_made_is_made_anew(place: Path) -> None:
    before = old_library(place)
    (place / "texts.lance" / "_versions").mkdir(parents=True)
    assert same(Library(place, FakeEncoder()), before)
    Library(place, FakeEncoder()).remove(FILES[-1])
    assert is_new(place)


def test_a_full_disk_leaves_it_as_good_as_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_library(place)

    def full(*_: object, **__: object) -> object:
        raise RuntimeError("lance error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr("lancedb.table.LanceTable.add_columns", full)
        with pytest.raises(CannotWrite, match="no space left on device"):
            Library(place, FakeEncoder()).remove(FILES[-1])
    assert same(Library(place, FakeEncoder()), before)


def test_a_newer_one_is_refused(place: Path) -> None:
    old_library(place)
    stamp = json.loads((place / FILE).read_text())
    (place / FILE).write_text(json.dumps(stamp | {"schema": SCHEMA + 1, "from": "the future"}))
    with pytest.raises(NotALibrary, match=f"newer fdaclip .schema {SCHEMA + 1}") as refused:
        Library(place, FakeEncoder())
    assert "update fdaclip" in refused.value.hint
