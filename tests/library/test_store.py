from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fdaclip.library.errors import LibraryBusy, NotALibrary
from fdaclip.library.lock import writing
from fdaclip.library.parts import Part
from fdaclip.library.rows import Moment, Moments, Video
from fdaclip.library.search import Index, findable
from fdaclip.library.stamp import SCHEMA, Stamp, read_stamp, write_stamp
from fdaclip.library.store import Store
from ranking import plain

SIZE = 8


def vectors(count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def moment(vector: np.ndarray, start: float = 0.0) -> Moment:
    return Moment(start, start + 8, vector, 0.1, 0.2, 0.3)


def video(path: str, take: int = 0, **more: object) -> Video:
    return replace(Video(path, 1, 2, path, take, "ok", ""), **more)  # type: ignore[arg-type]


def shown(both: tuple[list[Video], Moments]) -> tuple[list[tuple[str, int]], list[Part]]:
    return findable(both[0]), [Part(both[1])]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store", SIZE)


def test_rows_come_back_as_they_were(store: Store) -> None:
    row = video("/a\n'b'%FF", 2**62, duration=1.5, reason="why; it's", present=False, fps=29.97)
    found = vectors(3)
    store.commit({2**62: [moment(v, 8.0 * i) for i, v in enumerate(found)]}, [row])
    videos, moments = store.snapshot()
    assert videos == [row]
    np.testing.assert_array_equal(moments.vectors, found)
    assert moments.start.tolist() == [0, 8, 16]
    assert set(moments.take.tolist()) == {2**62}


def test_an_empty_store_can_be_read(store: Store) -> None:
    videos, moments = store.snapshot()
    assert videos == [] and moments.vectors.shape == (0, SIZE)
    assert plain(Index(*shown((videos, moments))), vectors(1)[0], 5) == []


def test_rows_are_replaced_by_path_and_forgotten_by_path(store: Store) -> None:
    store.commit({}, [video("a"), video("b"), video("c'd")])
    store.commit({}, [video("b", size=9), video("b", size=10)])
    assert {row.path: row.size for row in store.videos()} == {"a": 1, "b": 10, "c'd": 1}
    store.forget(["c'd", "a", *map(str, range(1200))])
    assert [row.path for row in store.videos()] == ["b"]


def test_moments_nobody_names_are_dropped_and_only_those(store: Store) -> None:
    one, two = vectors(2)
    store.commit({1: [moment(one)], 2: [moment(two)]}, [video("a", 1)])
    assert len(plain(Index(*shown(store.snapshot())), one, 10)) == 1
    assert store.drop_orphans() == 1
    assert store.takes().tolist() == [1]
    assert store.drop_orphans() == 0


def test_another_handle_sees_each_commit_at_once(tmp_path: Path, store: Store) -> None:
    reader = Store(tmp_path / "store")
    before = reader.version
    store.commit({1: [moment(vectors(1)[0])]}, [video("a", 1)])
    store.compact()
    assert reader.version != before
    assert [row.path for row in reader.snapshot()[0]] == ["a"]


def test_a_stamp_comes_back_and_others_are_refused(tmp_path: Path) -> None:
    stamp = Stamp(SCHEMA, "f", 8, "m", {"partner": "sampled"}, {"camera": True}, 8.0, "now")
    assert read_stamp(tmp_path) is None
    write_stamp(tmp_path, stamp)
    assert read_stamp(tmp_path) == stamp
    write_stamp(tmp_path, replace(stamp, schema=99))
    with pytest.raises(NotALibrary, match="schema 99"):
        read_stamp(tmp_path)
    (tmp_path / "library.json").write_text("{")
    with pytest.raises(NotALibrary, match="no stamp of a library"):
        read_stamp(tmp_path)


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    who = f"process {os.getpid()} on"
    with writing(tmp_path), pytest.raises(LibraryBusy, match=who), writing(tmp_path):
        pass
    with writing(tmp_path):
        pass


@pytest.mark.parametrize("limit", [1, 3, 7, 50, 1000])
def test_ranking_equals_brute_force(limit: int) -> None:
    found = vectors(300, seed=limit)
    found[::7] = found[0]  # ties
    takes = np.arange(300) // 3
    videos = [video(f"/{take:03d}", int(take) + 1, present=take % 4 != 0) for take in range(100)]
    start = (np.arange(300) % 3).astype(float)
    zeros = np.zeros(300, np.float32)
    shots = np.zeros(300, np.int32)
    moments = Moments(takes + 1, start, start + 1, zeros, zeros, zeros, shots, found)
    query = vectors(1, seed=99)[0]
    expected = sorted(
        (
            (-float(found[i] @ query), f"/{takes[i]:03d}", start[i])
            for i in range(300)
            if takes[i] % 4 != 0
        ),
    )[:limit]
    hits = plain(Index(*shown((videos, moments))), query, limit)
    assert len(hits) == len(expected)
    np.testing.assert_allclose([-hit.score for hit in hits], [e[0] for e in expected], atol=1e-6)
    rounded = [(round(-hit.score, 5), hit.path, hit.start) for hit in hits]
    assert sorted(rounded) == rounded


def test_copies_are_one_hit() -> None:
    zero = np.zeros(1, np.float32)
    shot, found = np.zeros(1, np.int32), np.eye(1, SIZE, dtype=np.float32)
    moments = Moments(np.array([5]), np.zeros(1), np.ones(1), zero, zero, zero, shot, found)
    videos = [video("/b", 5), video("/a", 5), video("/c", 5, present=False)]
    (hit,) = plain(Index(*shown((videos, moments))), moments.vectors[0], 10)
    assert (hit.path, hit.also, hit.score) == ("/a", ("/b",), 1.0)
