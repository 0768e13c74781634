"""The vector file gives what the tables hold, whatever became of either."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_films import SIZE, FakeEncoder, film, unit

from fdaclip.library import Library, derived, search, searching
from fdaclip.library.derived import Contents, gather, read, renew
from fdaclip.library.findable import File
from fdaclip.library.parts import HEADER
from fdaclip.library.rows import Moment, Moments, Video
from fdaclip.library.search import Hit, Index
from fdaclip.library.stamp import SCHEMA, Stamp, write_stamp
from fdaclip.library.store import Store
from fdaclip.library.tables import quiet_for, tables_state
from ranking import PLAIN, plain


def moments(rng: np.random.Generator, count: int) -> list[Moment]:
    found = rng.standard_normal((count, SIZE)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return [Moment(8.0 * i, 8.0 * i + 8, vector, 0.1, 0.2, 0.3) for i, vector in enumerate(found)]


def video(path: str, take: int, count: int, present: bool = True) -> Video:
    return Video(path, 1, 2, path, take, "ok", "", present=present, moments=count, duration=1e3)


def brute(videos: list[Video], table: Moments, query: np.ndarray, limit: int) -> list[tuple]:
    """Rows of (score, path, start) straight from the tables."""
    paths: dict[int, str] = {}
    for one in sorted(videos, key=lambda one: one.path):
        if one.present and one.take:
            paths.setdefault(one.take, one.path)
    rows = [
        (-float(np.vecdot(vector, query)), paths[take], start)
        for take, start, vector in zip(table.take.tolist(), table.start, table.vectors, strict=True)
        if take in paths
    ]
    return [(-score, path, start) for score, path, start in sorted(rows)[:limit]]


def told(hits: list[Hit]) -> list[tuple]:
    return [(hit.score, hit.path, hit.start) for hit in hits]


def ranked(contents: Contents, query: np.ndarray, limit: int, exact: bool = True) -> list[tuple]:
    return told(plain(Index(contents.files, contents.parts), query, limit, exact))


class Shelf:
    """A library's tables, changed at random as adding and removing change them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.store = Store.create(folder, SIZE)
        self.next = 1

    def change(self) -> None:
        kind = self.rng.integers(0, 6)
        known = self.store.videos()
        some = [known[i] for i in self.rng.permutation(len(known))[:3]]
        if kind <= 1 or not known:  # new, or changed in place
            takes, rows = {}, []
            for _ in range(int(self.rng.integers(1, 6))):
                count = int(self.rng.integers(1, 5))
                takes[self.next] = moments(self.rng, count)
                rows.append(video(f"/{self.rng.integers(0, 60)}", self.next, count))
                self.next += 1
            self.store.commit(takes, rows)
        elif kind == 2:
            self.store.commit({}, [replace(one, present=not one.present) for one in some])
        elif kind == 3:  # copies
            self.store.commit({}, [replace(one, path=one.path + "c") for one in some])
        elif kind == 4:
            self.store.forget(one.path for one in some)
        else:
            self.store.drop_orphans()
            self.store.compact()

    def check(self, contents: Contents) -> None:
        videos, table = self.store.snapshot()
        for limit in (1, 7, 1000):
            query = moments(self.rng, 1)[0].vector
            assert ranked(contents, query, limit) == brute(videos, table, query, limit)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_it_gives_what_the_tables_hold(tmp_path: Path, seed: int) -> None:
    shelf = Shelf(tmp_path / "l", seed)
    near: Contents | None = None
    for step in range(25):
        before = tables_state(shelf.folder)
        shelf.change()
        lying = read(shelf.folder)
        assert (tables_state(shelf.folder) == before) == (
            shelf.store.version == getattr(shelf, "version", None)
        )
        shelf.version = shelf.store.version  # type: ignore[attr-defined]
        near = gather(shelf.store, shelf.folder, near)  # in memory
        shelf.check(near)
        if step % 3 == 0:
            shelf.check(renew(shelf.store, shelf.folder, lying, group_many=True))
            again = read(shelf.folder)  # mapped
            assert again is not None and again.tables == tables_state(shelf.folder)
            shelf.check(again)
    parts = {part.path.name for part in again.parts if part.path}
    assert {file.name for file in (shelf.folder / "search").glob("*.part*")} == parts


def test_every_write_changes_the_state_and_no_read_does(tmp_path: Path) -> None:
    assert tables_state(tmp_path) is None and quiet_for(tmp_path) < 1
    shelf = Shelf(tmp_path / "l", 0)
    seen = [tables_state(shelf.folder)]

    def wrote(do: Callable[[], object]) -> None:
        do()
        seen.append(tables_state(shelf.folder))
        shelf.store.snapshot()
        Store(shelf.folder).videos()
        assert tables_state(shelf.folder) == seen[-1]

    one = moments(shelf.rng, 3)
    wrote(lambda: shelf.store.commit({1: one}, []))
    wrote(lambda: shelf.store.commit({}, [video("a", 1, 3)]))
    wrote(lambda: shelf.store.commit({2: one}, [video("b", 2, 3)]))
    wrote(lambda: shelf.store.compact())
    wrote(lambda: shelf.store.forget(["b"]))
    wrote(lambda: shelf.store.drop_orphans())
    wrote(lambda: shelf.store.drop_moments(SIZE))
    assert len(set(seen)) == len(seen) and None not in seen


def test_only_what_is_new_is_read_until_it_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived, "FEW", 0)
    shelf = Shelf(tmp_path / "l", 0)
    shelf.store.commit({1: moments(shelf.rng, 100)}, [video("a", 1, 100)])
    first = renew(shelf.store, shelf.folder, None, group_many=True)
    shelf.store.commit({2: moments(shelf.rng, 10)}, [video("b", 2, 10)])
    second = renew(shelf.store, shelf.folder, first, group_many=True)
    assert [len(part.moments) for part in second.parts] == [100, 10]
    assert second.parts[0].path == first.parts[0].path
    shelf.store.commit({3: moments(shelf.rng, 11)}, [video("c", 3, 11)])
    third = renew(shelf.store, shelf.folder, second, group_many=True)
    assert [len(part.moments) for part in third.parts] == [121]
    shelf.store.forget(["a"])
    fourth = renew(shelf.store, shelf.folder, third, group_many=True)
    assert fourth.parts[0].path != third.parts[0].path, "most of it is no longer named"
    shelf.check(fourth)


def library_of(folder: Path, seed: int = 0, videos: int = 40) -> tuple[Library, Shelf]:
    shelf = Shelf(folder, seed)
    for number in range(videos):
        shelf.store.commit(
            {number + 1: moments(shelf.rng, 5)}, [video(f"/{number}", number + 1, 5)]
        )
    fake = FakeEncoder()
    stamp = Stamp(SCHEMA, fake.fingerprint, SIZE, "fake", {"frames": 3}, {"short_side": 32}, 8, "")
    write_stamp(folder, stamp)
    renew(shelf.store, folder, None, group_many=True)
    return Library(folder, fake), shelf


def expected(shelf: Shelf, sentence: str, limit: int = 20) -> list[tuple]:
    return brute(*shelf.store.snapshot(), unit(sentence.encode()), limit)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def spoil(file: Path, at: int, count: int) -> None:
    data = bytearray(file.read_bytes())
    data[at : at + count] = np.random.default_rng(0).bytes(count)
    file.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a part is cut off": truncate,
    "a part is empty": lambda file: os.truncate(file, 0),
    "a part is gone": lambda file: file.unlink(),
    "a part is something else": lambda file: file.write_bytes(b"x" * 9000),
    "a header is spoilt": lambda file: spoil(file, 30, 60),
    "columns are spoilt": lambda file: spoil(file, file.stat().st_size - 900, 200),
    "vectors are spoilt": lambda file: spoil(file, HEADER, 200 * SIZE * 4),
    "the state is cut off": lambda file: truncate(file.with_name("state.json")),
    "the state is gone": lambda file: file.with_name("state.json").unlink(),
    "the state is another's": lambda file: file.with_name("state.json").write_text("[1]"),
    "a later format": lambda file: file.with_name("state.json").write_text('{"format": 99}'),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("settled", [True, False])
def test_damaged_or_lost_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, settled: bool
) -> None:
    monkeypatch.setattr(searching, "SETTLED", -1.0 if settled else 1e9)
    library, shelf = library_of(tmp_path / "l")
    (part,) = (library.folder / "search").glob("*.part")
    DAMAGE[name](part)
    assert told(library.search("x", 20, **PLAIN)) == expected(shelf, "x")
    assert told(Library(library.folder, FakeEncoder()).search("y", 20, **PLAIN)) == expected(
        shelf, "y"
    )


def test_a_vector_file_that_differs_is_found_and_mended(tmp_path: Path) -> None:
    library, shelf = library_of(tmp_path / "l")
    assert not [p for p in library.verify() if p.kind == "search"]
    (part,) = (library.folder / "search").glob("*.part")
    data = bytearray(part.read_bytes())
    data[HEADER : HEADER + 4 * SIZE], data[HEADER + 4 * SIZE : HEADER + 8 * SIZE] = (
        data[HEADER + 4 * SIZE : HEADER + 8 * SIZE],
        data[HEADER : HEADER + 4 * SIZE],
    )
    part.write_bytes(data)  # two vectors have changed places: each is sound
    (problem,) = [p for p in library.verify() if p.kind == "search"]
    assert problem.damage and problem.detail == "the vector file differs from the table"
    library.verify(repair=True)
    assert not [p for p in library.verify() if p.kind == "search"]
    assert told(library.search("x", 20, **PLAIN)) == expected(shelf, "x")


def test_where_nothing_can_be_written_it_is_made_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "SETTLED", -1.0)
    library, shelf = library_of(tmp_path / "l")
    for file in (library.folder / "search").iterdir():
        file.unlink()
    (library.folder / "search").rmdir()
    (library.folder / "search").write_text("in the way")  # root may write anywhere else
    assert told(library.search("x", 20, **PLAIN)) == expected(shelf, "x")
    shelf.store.forget(["/3"])
    assert told(library.search("x", 20, **PLAIN)) == expected(shelf, "x")


def test_very_many_moments_are_grouped_by_writers_and_searched_with_recall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derived, "GROUPED_FROM", 2000)
    monkeypatch.setattr(derived, "FEW", 100)
    folder = tmp_path / "l"
    library, shelf = library_of(folder, videos=1)
    many = {100 + n: moments(shelf.rng, 30) for n in range(100)}
    shelf.store.commit(many, [video(f"/many{take}", take, 30) for take in many])
    assert library.status().recall is None
    assert library.remove("/0") == 1  # a writer
    status = library.status()
    assert status.recall is not None and 0.5 < status.recall <= 1
    exact = [told(library.search(f"q{n}", 10, exact=True, **PLAIN)) for n in range(40)]
    assert exact == [expected(shelf, f"q{n}", 10) for n in range(40)]
    likely = [told(library.search(f"q{n}", 10, **PLAIN)) for n in range(40)]
    hits = sum(len(set(a) & set(b)) for a, b in zip(exact, likely, strict=True))
    assert hits >= 0.8 * 400, "and those that are found have the same scores, to the bit"
    assert told(library.search("q", 5000, **PLAIN)) == expected(shelf, "q", 5000), "all means all"
    shelf.store.commit({7: [Moment(0, 8, unit(b"the new one"), 0, 0, 0)]}, [video("/new", 7, 1)])
    assert library.search("the new one", 1, **PLAIN)[0].path == "/new", (
        "what is new is beside the groups"
    )
    shelf.store.forget(["/new"])
    assert library.search("the new one", 1, **PLAIN)[0].path != "/new"


def test_a_cold_search_loads_neither_lancedb_nor_torch(tmp_path: Path) -> None:
    library, _ = library_of(tmp_path / "l")
    code = (
        "import sys\nfrom tiny_films import FakeEncoder\nfrom fdaclip.library import Library\n"
        f"library = Library({str(library.folder)!r}, FakeEncoder())\n"
        "assert len(library.search('x', 7)) == 7\n"
        "print(*sorted({'torch', 'lancedb', 'pyarrow', 'transformers'} & set(sys.modules)))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout == "\n"


@pytest.mark.slow
def test_readers_that_write_it_while_a_writer_adds(tmp_path: Path) -> None:
    """Two processes that search and write the vector file, one that adds films: all agree."""
    folder, place, end = tmp_path / "films", tmp_path / "l.fdaclip", tmp_path / "end"
    for number in range(8):
        film(folder / f"{number:02d}.mp4", colour=number, seconds=13, rate=3)  # two moments each
    Library(place, FakeEncoder()).add(folder / "00.mp4")
    here = Path(__file__).parent
    readers = [
        subprocess.Popen(
            [sys.executable, str(here / "searching.py"), str(place), str(end)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == "searching\n"
    subprocess.run([sys.executable, str(here / "adding.py"), str(folder), str(place)], check=True)
    end.touch()
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        counts = [int(word) for word in out.split()]
        assert reader.returncode == 0
        assert counts == sorted(counts) and counts[-1] == 16
        assert all(count % 2 == 0 for count in counts), "a film is there whole or not at all"
    last = read(place)
    assert last is not None and sum(len(part.moments) for part in last.parts) >= 16


def test_a_search_on_several_threads_ranks_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    found = np.stack([moment.vector for moment in moments(rng, 500)])
    found[::9] = found[0]
    zeros = np.zeros(500, np.float32)
    takes, starts, shots = np.arange(500) // 5 + 1, np.arange(500.0), np.zeros(500, np.int32)
    table = Moments(takes, starts, starts + 1, zeros, zeros, zeros, shots, found)
    files = [File(f"/{take}", take) for take in range(1, 101) if take % 3]
    whole = Index(files, [derived.Part(table)])
    monkeypatch.setattr(search, "BLOCK", 64)
    for limit in (1, 10, 60, 499, 1000):
        query = unit(str(limit).encode())
        assert plain(whole, query, limit) == plain(
            Index(files, [derived.Part(table)]), query, limit
        )
