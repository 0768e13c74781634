"""LanceDB's vector index, tended while the table grows and rows are replaced and deleted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.library import remote_index
from fdaclip.library.clusters import likely_queries
from fdaclip.library.findable import findable
from fdaclip.library.remote_index import AT, Tuning, exactly_by_key, keys, tend
from fdaclip.library.rows import Moment, Video
from fdaclip.library.store import Store

SIZE = 64


class Here:
    """A place whose small files are in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        return self.held.get(name)

    def write(self, name: str, data: bytes) -> None:
        self.held[name] = data


def some(count: int, seed: int) -> NDArray[np.float32]:
    """Vectors in clusters, as those of films are, of unit length."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((60, SIZE))
    vectors = centres[rng.integers(0, 60, count)] + 0.7 * rng.standard_normal((count, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def add(store: Store, first: int, count: int, seed: int, path: str = "") -> None:
    """As many videos of ten moments each, with takes from ``first`` on."""
    vectors = some(10 * count, seed).reshape(count, 10, SIZE)
    takes = {
        first + number: [
            Moment(8.0 * i, 8.0 * i + 8, vector, 0.1, 0.1, 1.0) for i, vector in enumerate(ten)
        ]
        for number, ten in enumerate(vectors)
    }
    rows = [
        Video(path or f"/f/{take}.mp4", 1, 1, f"c{take}", take, "ok", "", moments=10)
        for take in takes
    ]
    store.commit(takes, rows)


def recall(store: Store, tuning: Tuning) -> float:
    queries = likely_queries(some(2000, 9), 50, np.random.default_rng(3))
    truth = exactly_by_key(store, queries, AT)
    got = [store.nearest(query, AT, tuning.probes, tuning.refine) for query in queries]
    return sum(len(keys(g) & t) for g, t in zip(got, truth, strict=True)) / (AT * len(queries))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(remote_index, "FROM", 5000)
    made = Store.create(tmp_path, SIZE)
    add(made, 1, 1000, seed=1)
    return made


@pytest.mark.slow
def test_recall_stays_while_rows_are_replaced_and_deleted(store: Store) -> None:
    place = Here()
    tuning = tend(store, place, 10_000)  # type: ignore[arg-type]
    assert tuning is not None and tuning.recall >= 0.95
    assert recall(store, tuning) >= 0.95
    add(store, 5000, 100, seed=2)  # a thousand upserts: other contents under the same paths
    for number in range(100):
        store.forget([f"/f/{number + 1}.mp4"])
    store.forget([f"/f/{number + 1}.mp4" for number in range(100, 200)])  # a thousand deletes
    store.drop_orphans()
    tuning = tend(store, place, 1000)  # type: ignore[arg-type]
    assert tuning is not None and tuning.count == 9000
    assert tuning.changed == 0, "so much has changed that it was measured again"
    assert recall(store, tuning) >= 0.95
    store.refresh_index()  # nothing is lost by compaction either
    assert recall(store, tuning) >= 0.95


@pytest.mark.slow
def test_a_little_change_is_not_measured_and_adds_up(store: Store) -> None:
    place = Here()
    first = tend(store, place, 10_000)  # type: ignore[arg-type]
    for number in range(3):
        add(store, 5000 + 20 * number, 20, seed=number + 2)
        tuning = tend(store, place, 200)  # type: ignore[arg-type]
        assert first is not None and tuning is not None
        assert tuning.changed == (200, 400, 0)[number]
        assert recall(store, tuning) >= 0.95


@pytest.mark.slow
def test_grown_to_twice_its_size_it_is_trained_anew(store: Store) -> None:
    place = Here()
    tend(store, place, 10_000)  # type: ignore[arg-type]
    add(store, 5000, 1200, seed=2)
    tuning = tend(store, place, 12_000)  # type: ignore[arg-type]
    assert tuning is not None and tuning.trained == 22_000
    assert recall(store, tuning) >= 0.95


def test_it_answers_as_an_index_does(store: Store) -> None:
    place = Here()
    tend(store, place, 10_000)  # type: ignore[arg-type]
    index = remote_index.opened(store, place, findable(store.videos()))  # type: ignore[arg-type]
    assert index is not None and len(index) == 10_000
    query = some(1, 4)[0]
    exact = index.ranked(query, 20, exact=True)
    scores = [score for _, _, score in exact]
    moments = store.moments()
    best = np.sort(np.vecdot(moments.vectors, query))[::-1][:20]
    np.testing.assert_allclose(scores, best, atol=1e-6)
    found = index.ranked(query, 20)
    assert len(found) == 20 and [s for _, _, s in found] == sorted((s for _, _, s in found))[::-1]
    take = int(index.parts[0].moments.take[found[0][1]])
    assert len(index.windows(take)) == 10
    takes, vectors = index.video_vectors
    assert len(takes) == 1000
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_moments_that_no_file_names_are_not_found(store: Store) -> None:
    place = Here()
    tend(store, place, 10_000)  # type: ignore[arg-type]
    files = findable(store.videos())[:5]
    index = remote_index.opened(store, place, files)  # type: ignore[arg-type]
    assert index is not None
    found = index.ranked(some(1, 4)[0], 10)
    shown = {int(index.parts[0].moments.take[row]) for _, row, _ in found}
    assert len(found) == 10 and shown <= {file.take for file in files}
