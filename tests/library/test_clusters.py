"""Approximate search finds what exact search finds, and its figures are measured, not hoped for."""

from __future__ import annotations

import numpy as np
import pytest

from fdaclip.library.clusters import Clusters, exactly, grouped, likely_queries

SIZE = 48


def clustered(count: int, seed: int = 0) -> np.ndarray:
    """Topics around a common direction, as the vectors of pictures lie; float32 [count,E]."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, SIZE + 1) ** -0.5
    topics = rng.standard_normal((40, SIZE)) * spread
    found = topics[rng.integers(0, 40, count)] + 0.7 * rng.standard_normal((count, SIZE)) * spread
    found[:, 0] += 3
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return clustered(6000)


@pytest.fixture(scope="module")
def groups(vectors: np.ndarray) -> tuple[np.ndarray, Clusters]:
    return grouped(vectors)


def test_every_moment_lies_in_one_list_that_of_its_nearest_centre(
    vectors: np.ndarray, groups: tuple[np.ndarray, Clusters]
) -> None:
    order, clusters = groups
    assert sorted(order.tolist()) == list(range(len(vectors)))
    assert clusters.edges[0] == 0 and clusters.edges[-1] == len(vectors)
    lists = np.repeat(np.arange(len(clusters.centres)), np.diff(clusters.edges))
    fits = vectors[order] @ clusters.centres.T
    np.testing.assert_allclose(fits.max(1), fits[np.arange(len(order)), lists], atol=1e-5)


def test_heads_are_the_vectors_along_orthonormal_axes(
    vectors: np.ndarray, groups: tuple[np.ndarray, Clusters]
) -> None:
    order, clusters = groups
    np.testing.assert_allclose(clusters.basis.T @ clusters.basis, np.eye(SIZE), atol=1e-5)
    np.testing.assert_allclose(clusters.heads, vectors[order] @ clusters.basis, atol=1e-5)


def test_exactly_is_brute_force(vectors: np.ndarray) -> None:
    queries = likely_queries(vectors, 20, np.random.default_rng(3))
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :7]
    for found, true in zip(exactly(vectors, queries, 7), truth, strict=True):
        assert set(found) == set(true)


def test_likely_queries_are_unit_vectors_beside_the_moments(vectors: np.ndarray) -> None:
    queries = likely_queries(vectors, 50, np.random.default_rng(3))
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    assert (queries @ vectors.T).max() < 0.95


def test_recall_is_as_told_for_queries_it_was_not_tuned_with(
    vectors: np.ndarray, groups: tuple[np.ndarray, Clusters]
) -> None:
    order, clusters = groups
    queries = likely_queries(vectors, 300, np.random.default_rng(99))
    alive, found, seen = np.ones(len(vectors), bool), 0, 0
    for query, best in zip(queries, exactly(vectors, queries, 10), strict=True):
        rows = order[clusters.candidates(query, alive, probes=clusters.probes, kept=clusters.kept)]
        seen += len(rows)
        found += len(np.intersect1d(rows, best))
    assert clusters.recall >= 0.95
    assert abs(found / 3000 - clusters.recall) < 0.04
    assert seen / 300 < len(vectors) / 10, "it is no full scan"


def test_the_dead_are_no_candidates(
    vectors: np.ndarray, groups: tuple[np.ndarray, Clusters]
) -> None:
    _, clusters = groups
    alive = np.random.default_rng(0).random(len(vectors)) < 0.3
    rows = clusters.candidates(vectors[0], alive, probes=10, kept=50)
    assert len(rows) == 50 and alive[rows].all()


@pytest.mark.parametrize("count", [1, 2, 11, 50])
def test_few_or_equal_moments_can_be_grouped_too(count: int) -> None:
    same = np.repeat(clustered(1), count, axis=0)
    order, clusters = grouped(same)
    assert sorted(order.tolist()) == list(range(count)) and np.isfinite(clusters.centres).all()
    rows = clusters.candidates(same[0], np.ones(count, bool), probes=99, kept=99)
    assert sorted(rows.tolist()) == list(range(count))
