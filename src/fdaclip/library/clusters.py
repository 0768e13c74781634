"""Approximate search: look only where the answer is likely to be.

Shapes: M moments, E embedding, L lists, H elements of a head, Q queries.

Moments are grouped around L centres (k-means on the sphere) and lie list by list in the file. A
query visits the lists whose centres fit it best (an inverted file: Sivic and Zisserman 2003; Jégou
et al. 2011). There every moment is scored by its *head*, its first H principal components, a
quarter of the bytes; the best are scored again by their whole vectors, so that a score is always
exact and only what was not looked at can be missed. How many lists, and how many of the best, is
tuned when the groups are made, against exact answers, and the recall that was measured is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

HEAD = 128  # elements of a head
LISTS = 2.0  # times the square root of the number of moments
SAMPLE = 32  # moments a centre is made from
ROUNDS = 6  # of k-means
BLOCK = 1 << 14  # moments at a time
ASKED = 100  # queries that the search is tuned with
ASIDE = 0.7  # what such a query holds besides the moment it is about
AT = 10  # recall is measured among so many
GOAL = 0.97  # recall that is aimed at
PROBES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
KEPT = (64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class Clusters:
    """How the moments of a part are grouped; moment i of the part is row i of ``heads``.

    Attributes:
        centres: float32 [L,E], unit length.
        edges: int64 [L+1]; list l is [edges[l], edges[l+1]).
        basis: float32 [E,H], orthonormal columns. heads: float32 [M,H], vectors · basis.
        probes: lists that a query visits. kept: moments that are scored by their whole vectors.
        recall: at 10, measured when it was made.
    """

    centres: Floats
    edges: Rows
    basis: Floats
    heads: Floats
    probes: int
    kept: int
    recall: float

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file must hold."""
        names = ("centres", "edges", "basis", "heads")
        return {name: getattr(self, name) for name in names}

    @property
    def facts(self) -> dict[str, Any]:
        """The rest."""
        return {"probes": self.probes, "kept": self.kept, "recall": self.recall}

    def candidates(
        self, query: Floats, alive: NDArray[np.bool_], *, probes: int, kept: int
    ) -> Rows:
        """Rows that are likely to be among the best for a query [E], in no order.

        Args:
            alive: bool [M], which moments count.
            probes, kept: in place of the tuned ones.
        """
        fits = np.vecdot(self.centres, query)  # [L]
        probes = min(probes, len(fits))
        lists = np.sort(np.argpartition(-fits, probes - 1)[:probes])
        begins, ends = self.edges[lists], self.edges[lists + 1]
        places = np.concatenate([[0], np.cumsum(ends - begins)])  # where each list's scores begin
        scores = np.empty(places[-1], np.float32)
        head = query @ self.basis  # [H]
        spans = zip(begins.tolist(), ends.tolist(), places.tolist(), strict=False)
        for begin, end, place in spans:
            some = scores[place : place + end - begin]
            np.vecdot(self.heads[begin:end], head, out=some)
            some[~alive[begin:end]] = -np.inf
        chosen = np.arange(len(scores))
        if len(scores) > kept:
            chosen = np.argpartition(scores, len(scores) - kept)[-kept:]
        chosen = chosen[scores[chosen] > -np.inf]
        lists_of = np.searchsorted(places, chosen, side="right") - 1
        rows: Rows = begins[lists_of] + chosen - places[lists_of]
        return rows


def grouped(vectors: Floats, seed: int = 0) -> tuple[Rows, Clusters]:
    """The order in which moments should lie, int64 [M], and their groups in that order, tuned."""
    rng = np.random.default_rng(seed)
    count = max(1, min(len(vectors), round(LISTS * len(vectors) ** 0.5)))
    sample = vectors[np.sort(rng.permutation(len(vectors))[: SAMPLE * count])]
    centres = _centres(sample, count, rng)
    own = np.concatenate([_nearest(block, centres) for block in _blocks(vectors)])
    order = np.argsort(own, kind="stable")
    edges = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=count))]).astype(np.int64)
    _, axes = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    basis = np.ascontiguousarray(axes[:, ::-1][:, :HEAD], np.float32)  # [E,H]
    heads = np.concatenate([block @ basis for block in _blocks(vectors)])[order]
    untuned = Clusters(centres, edges, basis, heads, PROBES[-1], KEPT[-1], 0.0)
    return order, _tuned(untuned, vectors, order, likely_queries(vectors, ASKED, rng))


def _centres(sample: Floats, count: int, rng: np.random.Generator) -> Floats:
    """k-means on the sphere, float32 [L,E]."""
    centres = sample[rng.permutation(len(sample))[:count]].copy()
    for _ in range(ROUNDS):
        own = np.concatenate([_nearest(block, centres) for block in _blocks(sample)])
        order = np.argsort(own, kind="stable")
        sizes = np.bincount(own, minlength=count)
        starts = np.cumsum(sizes) - sizes
        full, empty = np.flatnonzero(sizes), np.flatnonzero(sizes == 0)
        centres[full] = np.add.reduceat(sample[order], starts[full], axis=0)
        centres[empty] = sample[rng.integers(0, len(sample), len(empty))]
        centres = _unit(centres)
    return centres


def likely_queries(vectors: Floats, count: int, rng: np.random.Generator) -> Floats:
    """What people's sentences might be, float32 [Q,E]: each about some moment, and far from all.

    The vectors of sentences lie beside those of pictures, not among them, by an offset that all
    sentences share and that hardly tells one picture from another (Liang et al. 2022, "Mind the
    gap"). What is left ranks the moments: here the way from their mean to some moment, as much
    again of what moments differ by (a sentence says less than a picture shows, and other things),
    and a part in no direction that moments know. Harder than a moment's own vector.
    """

    def some() -> Floats:
        return vectors[np.sort(rng.integers(0, len(vectors), count))]

    about, one, other = some(), some(), some()[rng.permutation(count)]
    parts = (about - some().mean(0), one - other, rng.standard_normal(about.shape, np.float32))
    weights = (1.0, ASIDE, ASIDE)
    queries: Floats = sum(  # type: ignore[assignment]
        np.float32(weight) * _unit(part) for weight, part in zip(weights, parts, strict=True)
    )
    return _unit(queries)


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(lengths, np.float32(1e-12))
    return unit


def exactly(vectors: Floats, queries: Floats, limit: int) -> Rows:
    """The best rows for each query, [Q,limit]."""
    best = np.empty((len(queries), 0), np.int64)
    fits = np.empty((len(queries), 0), np.float32)
    first = 0
    for block in _blocks(vectors):
        fits = np.concatenate([fits, queries @ block.T], axis=1)
        rows = np.broadcast_to(np.arange(first, first + len(block)), (len(queries), len(block)))
        best = np.concatenate([best, rows], axis=1)
        first += len(block)
        few = min(limit, fits.shape[1])
        chosen = np.argpartition(-fits, few - 1, axis=1)[:, :few]
        fits, best = np.take_along_axis(fits, chosen, 1), np.take_along_axis(best, chosen, 1)
    return best


def _tuned(clusters: Clusters, vectors: Floats, order: Rows, queries: Floats) -> Clusters:
    """With the fewest probes, and the fewest moments kept, that reach the recall aimed at."""
    truth = exactly(vectors, queries, min(AT, len(vectors)))
    alive = np.ones(len(vectors), bool)

    def recall(probes: int, kept: int) -> float:
        found = 0
        for query, best in zip(queries, truth, strict=True):
            rows = order[clusters.candidates(query, alive, probes=probes, kept=kept)]
            fits = np.vecdot(vectors[rows], query)
            top = rows[np.argpartition(-fits, min(AT, len(rows)) - 1)[:AT]]
            found += len(np.intersect1d(top, best))
        return found / truth.size

    probes = next((p for p in PROBES if recall(p, KEPT[-1]) >= GOAL), PROBES[-1])
    enough = min(GOAL, recall(probes, KEPT[-1]) - 0.005)
    kept = next((k for k in KEPT if recall(probes, k) >= enough), KEPT[-1])
    return replace(clusters, probes=probes, kept=kept, recall=recall(probes, kept))


def _nearest(block: Floats, centres: Floats) -> Rows:
    nearest: Rows = np.argmax(block @ centres.T, axis=1)
    return nearest


def _blocks(vectors: Floats) -> Iterator[Floats]:
    for first in range(0, len(vectors), BLOCK):
        yield vectors[first : first + BLOCK]
