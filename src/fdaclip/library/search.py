"""Ranking moments for a query's vector: all of them, or where the best are likely to be.

Shapes: M moments, F files, K takes, E embedding.

A score is one dot product of a moment's own vector, computed row by row, so that it is the same to
the bit however the moment was come upon: in memory or mapped, among all or among a few.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.lanes import processors

from .filters import Filters
from .findable import File
from .findable import findable as findable
from .hits import Hit as Hit
from .names import from_key
from .parts import Part
from .results import Candidate
from .rows import Moments, joined
from .texts import Names

BLOCK = 1 << 14  # moments scored at a time: 32 MB of vectors of 512 elements
APPROXIMATE_UP_TO = 100  # moments; recall is measured at 10, and for very many all are compared
FEW_ALIVE = 0.1  # share of a part's moments; if a filter leaves fewer, all of them are compared
UNIT = 1e-3  # how far a vector's length may be from 1
SAMPLE = 4096  # moments that the library's mean is taken from
EXACTLY, LOWEST = np.float32(0), np.float32(-np.inf)

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class Unsound(Exception):
    """A mapped vector that should have unit length has not."""


@dataclass(frozen=True)
class Narrowed:
    """Which moments count, and which file each is shown by.

    Attributes:
        first: int64 [K], number of the first file of each take that may be shown; -1 for none.
        places: of each part, int64 [M], that of each moment's take; -1 where it does not count.
        alive: of each part, bool [M].
    """

    first: Rows
    places: list[Rows]
    alive: list[NDArray[np.bool_]]

    @cached_property
    def counts(self) -> list[int]:
        """Of each part, how many moments count."""
        return [int(np.count_nonzero(alive)) for alive in self.alive]


class Index:
    """The moments of the files that are present, ready to be ranked.

    Args:
        files: as `findable` gives them: in order of path.
        parts: hold the moments; those of other takes are passed over.
        centre: float32 [E], the mean of the vectors; computed where it is needed if None.
    """

    def __init__(
        self, files: Sequence[File], parts: Sequence[Part], centre: Floats | None = None
    ) -> None:
        self.files = list(files)
        self._given_centre = centre
        self._files_of: dict[int, list[int]] = {}
        for number, file in enumerate(self.files):
            self._files_of.setdefault(file[1], []).append(number)
        self._takes = np.fromiter(self._files_of, np.int64, len(self._files_of))  # [K]
        order = np.argsort(self._takes)
        self.parts = list(parts)
        self._numbers: list[Rows] = []  # its take's number in order of path, -1 for none, [M]
        for part in self.parts:
            at = np.searchsorted(self._takes[order], part.moments.take)
            own = order[np.minimum(at, len(order) - 1)] if len(order) else at
            known = self._takes[own] == part.moments.take if len(order) else at < 0
            self._numbers.append(np.where(known, own, -1))
        first = np.fromiter((some[0] for some in self._files_of.values()), np.int64)
        self._all_alive = self._narrowed(first)
        self._narrowings: dict[Filters, Narrowed] = {}

    def __len__(self) -> int:
        """How many moments can be found."""
        return sum(self._all_alive.counts)

    # --- which moments count -----------------------------------------------------------------

    def narrowed(self, filters: Filters | None = None) -> Narrowed:
        """To what passes the filters."""
        if filters is None or filters == Filters():
            return self._all_alive
        if filters not in self._narrowings:
            first = self._all_alive.first
            if filters.by_file:
                allowed = filters.files(self.files)
                numbers = (
                    next((n for n in some if allowed[n]), -1) for some in self._files_of.values()
                )
                first = np.fromiter(numbers, np.int64, len(first))
            if len(self._narrowings) >= 4:
                self._narrowings.pop(next(iter(self._narrowings)))
            self._narrowings[filters] = self._narrowed(first, filters)
        return self._narrowings[filters]

    def _narrowed(self, first: Rows, filters: Filters | None = None) -> Narrowed:
        lookup = np.append(first, -1)  # number -1 is the last
        places = [lookup[numbers] for numbers in self._numbers]
        alive = [place >= 0 for place in places]
        if filters and filters.by_moment:
            for one, part in zip(alive, self.parts, strict=True):
                one &= filters.moments(part.moments)
        return Narrowed(first, places, alive)

    # --- ranking -----------------------------------------------------------------------------

    def ranked(
        self, query: Floats, limit: int, narrowed: Narrowed | None = None, *, exact: bool = False
    ) -> list[tuple[int, int, float]]:
        """Part, row and score of the ``limit`` best for a vector float32 [E].

        Ties are in order of path, then time.

        Args:
            exact: compare all, also where moments are grouped.

        Raises:
            Unsound: a file that is mapped does not hold vectors.
        """
        if limit <= 0:
            return []
        narrowed = narrowed or self._all_alive
        found: list[tuple[float, int, float, int, int]] = []
        for number, part in enumerate(self.parts):
            alive = narrowed.alive[number]
            share = narrowed.counts[number] / max(len(alive), 1)
            rows = self._likely(part, query, limit, alive, share) if not exact else None
            if rows is None:
                rows, scores = self._all(part, query, limit, alive)
            else:
                scores = np.vecdot(part.moments.vectors[rows], query)
            places = narrowed.places[number][rows].tolist()
            starts = part.moments.start[rows].tolist()
            ranked = zip((-scores).tolist(), places, starts, rows.tolist(), strict=True)
            found += ((*one, number) for one in ranked)
        best = [(number, row, -score) for score, _, _, row, number in sorted(found)[:limit]]
        self._check(best)
        return best

    @property
    def compares_all(self) -> bool:
        """Is every search one of all moments, so that the few best are the first of the many?"""
        return not self.grouped

    def ranked_many(
        self, queries: Floats, limit: int, narrowings: Sequence[Narrowed]
    ) -> list[list[tuple[int, int, float]]]:
        """As `ranked` compares all, for vectors float32 [Q,E] that are asked together.

        One matrix product tells which moments can be among the best of each, for its rounding is
        bounded; those are scored as one query's are, so that the answer is the same to the bit.

        Args:
            narrowings: of each query.
        """
        if not len(self) or limit <= 0:
            return [[] for _ in queries]
        rows = [np.empty(0, np.int64) for _ in queries]  # of all parts, one after another
        fits = [np.empty(0, np.float32) for _ in queries]
        begins = np.cumsum([0, *(len(part.moments) for part in self.parts)])
        for number, part in enumerate(self.parts):
            vectors = part.moments.vectors
            for first in range(0, len(vectors), BLOCK):
                with np.errstate(over="ignore", invalid="ignore"):  # as in `_all`
                    product = np.fmax(queries @ vectors[first : first + BLOCK].T, LOWEST)  # [Q,B]
                for at, (narrowed, fit) in enumerate(zip(narrowings, product, strict=True)):
                    near = fit >= _least(fits[at], limit) - self._margin
                    if narrowed.counts[number] < len(vectors):
                        near &= narrowed.alive[number][first : first + BLOCK]
                    few = np.flatnonzero(near)
                    rows[at], fits[at] = _best(
                        np.concatenate([rows[at], few + begins[number] + first]),
                        np.concatenate([fits[at], fit[few]]),
                        limit,
                        self._margin,
                    )
        return [
            self._scored(own, begins, query, limit, narrowed)
            for own, query, narrowed in zip(rows, queries, narrowings, strict=True)
        ]

    def _scored(
        self, rows: Rows, begins: Rows, query: Floats, limit: int, narrowed: Narrowed
    ) -> list[tuple[int, int, float]]:
        """The ``limit`` best of some rows, of which part n has those from ``begins[n]`` on."""
        found: list[tuple[float, int, float, int, int]] = []
        for number, part in enumerate(self.parts):
            own = rows[(rows >= begins[number]) & (rows < begins[number + 1])] - begins[number]
            with np.errstate(over="ignore", invalid="ignore"):
                scores = np.fmax(np.vecdot(part.moments.vectors[own], query), LOWEST)
            places = narrowed.places[number][own].tolist()
            starts = part.moments.start[own].tolist()
            ranked = zip((-scores).tolist(), places, starts, own.tolist(), strict=True)
            found += ((*facts, number) for facts in ranked)
        best = [(number, row, -score) for score, _, _, row, number in sorted(found)[:limit]]
        self._check(best)
        return best

    @property
    def _margin(self) -> np.float32:
        """How far apart two scores can be that a matrix product gives in the wrong order.

        Of E products, summed in any order, float32 is off by less than E·ε·‖x‖·‖q‖ (Higham 2002,
        3.5); a score of either kind may be, and so may the one it is compared with.
        """
        size = self.parts[0].moments.vectors.shape[1]
        return np.float32(4 * size * np.finfo(np.float32).eps * (1 + UNIT) ** 2)

    @staticmethod
    def _likely(
        part: Part, query: Floats, limit: int, alive: NDArray[np.bool_], share: float
    ) -> Rows | None:
        """Where the best of a part are likely to be; None where all must be compared.

        Where a filter leaves some, as many more lists are visited as it takes to see as many.

        Args:
            alive: which count, [M]. share: of all, those that do.
        """
        clusters = part.clusters
        if clusters is None or limit > APPROXIMATE_UP_TO:
            return None
        if share < FEW_ALIVE:
            return None
        rows = clusters.candidates(
            query,
            alive,
            probes=round(clusters.probes / share),
            kept=max(clusters.kept, 4 * limit),
        )
        return rows if len(rows) >= limit else None

    @staticmethod
    def _all(
        part: Part, query: Floats, limit: int, alive: NDArray[np.bool_]
    ) -> tuple[Rows, Floats]:
        """The best rows of a part and their scores, those that tie with the last included."""
        vectors = part.moments.vectors

        def best(first: int) -> tuple[Rows, Floats]:
            rows = np.flatnonzero(alive[first : first + BLOCK])
            block = vectors[first : first + BLOCK]
            few = len(rows) < len(block) // 4
            with np.errstate(over="ignore", invalid="ignore"):  # what is damaged may be anything
                scores: Floats = np.vecdot(block[rows] if few else block, query)
            return _best(rows + first, scores if few else scores[rows], limit)

        firsts = range(0, len(vectors), BLOCK)
        if len(firsts) > 1:
            with ThreadPoolExecutor(min(len(firsts), processors())) as pool:
                found = list(pool.map(best, firsts))
        else:
            found = [best(first) for first in firsts]
        rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in found)])
        scores = np.concatenate([np.empty(0, np.float32), *(scores for _, scores in found)])
        return _best(rows, scores, limit)

    def _check(self, best: Sequence[tuple[int, int, float]]) -> None:
        for number, part in enumerate(self.parts):
            rows = [row for at, row, _ in best if at == number]
            if part.path is None or not rows:
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                lengths = np.linalg.norm(part.moments.vectors[rows], axis=1)
            if not (np.abs(lengths - 1) <= UNIT).all():
                raise Unsound(f"{part.path.name} holds a vector that has not unit length")

    # --- what else is asked of moments ---------------------------------------------------------

    @cached_property
    def centre(self) -> Floats:
        """The mean of the vectors, float32 [E], or of a sample that is spread evenly."""
        if self._given_centre is not None:
            return self._given_centre
        return mean_of(self.parts)

    def windows(self, take: int, narrowed: Narrowed | None = None) -> Moments:
        """The windows of a take, in order of time; none if there is no such take."""
        narrowed = narrowed or self._all_alive
        for number, part in enumerate(self.parts):
            rows = rows_of(part, take)
            rows = rows[narrowed.alive[number][rows]]
            if len(rows):
                rows = rows[np.argsort(part.moments.start[rows], kind="stable")]
                return part.moments.at(rows)
        size = self.parts[0].moments.vectors.shape[1] if self.parts else 0
        return joined([], size)

    def paths(self, take: int, narrowed: Narrowed | None = None) -> tuple[str, ...]:
        """The files with a content: the first that may be shown, then the others."""
        return tuple(from_key(file.path) for file in self.files_of(take, narrowed))

    def files_of(self, take: int, narrowed: Narrowed | None = None) -> list[File]:
        """The same, with their facts."""
        some = self._files_of.get(take, [])
        if len(some) > 1 and narrowed and narrowed is not self._all_alive:
            at = int(np.flatnonzero(self._takes == take)[0])
            some = sorted(some, key=lambda n: (n != narrowed.first[at], n))
        return [self.files[n] for n in some]

    def blocks(self) -> Iterator[Floats]:
        """The vectors of all moments that count, a few thousand at a time, [·,E]."""
        for part, alive in zip(self.parts, self._all_alive.alive, strict=True):
            for first in range(0, len(alive), BLOCK):
                rows = alive[first : first + BLOCK]
                block = part.moments.vectors[first : first + BLOCK]
                yield block if rows.all() else block[rows]

    @property
    def grouped(self) -> bool:
        """Is there an approximate search?"""
        return any(part.clusters for part in self.parts)

    @cached_property
    def has_words(self) -> bool:
        """Has any file captions or subtitles?"""
        return any(file.words for file in self.files)

    @cached_property
    def names(self) -> Names:
        """The names of the files, in their order."""
        return Names([file.path for file in self.files])

    @cached_property
    def video_vectors(self) -> tuple[Rows, Floats]:
        """Takes int64 [K] and their vectors float32 [K,E]: mean of their moments', of unit length.

        A moment counts by its duration. Reads all vectors.
        """
        sums = np.zeros((len(self._takes), self.centre.shape[0]), np.float32)
        for part, numbers in zip(self.parts, self._numbers, strict=True):
            moments = part.moments
            for first in range(0, len(moments), BLOCK):
                span = slice(first, first + BLOCK)
                lengths = (moments.end[span] - moments.start[span]).astype(np.float32)
                own = numbers[span]
                weighted = moments.vectors[span] * lengths[:, None]
                order = np.argsort(own, kind="stable")
                found, begins = np.unique(own[order], return_index=True)
                totals = np.add.reduceat(weighted[order], begins, axis=0)
                sums[found[found >= 0]] += totals[found >= 0]
        lengths_ = np.linalg.norm(sums, axis=1, keepdims=True)
        return self._takes, sums / np.maximum(lengths_, np.float32(1e-12))


@dataclass(frozen=True)
class Ahead:
    """The ``count`` best for a query that were ranked before it is asked for them.

    Attributes:
        best: part, row and score, best first; fewer if there are no more.
    """

    count: int = 0
    best: Sequence[tuple[int, int, float]] = ()


@dataclass(frozen=True)
class View:
    """An index narrowed to what may be shown: a `results.Source`.

    Attributes:
        exact: compare all.
        ahead: of the query that it will be asked for, where many were ranked at once.
    """

    index: Index
    narrowed: Narrowed
    exact: bool = False
    ahead: Ahead = Ahead()

    @property
    def centre(self) -> Floats:
        return self.index.centre

    def best(self, query: Floats, count: int) -> list[Candidate]:
        if count <= self.ahead.count:
            ranked = self.ahead.best[:count]
        else:
            ranked = self.index.ranked(query, count, self.narrowed, exact=self.exact)
        parts = self.index.parts
        return [
            Candidate(
                take=int(parts[number].moments.take[row]),
                start=float(parts[number].moments.start[row]),
                end=float(parts[number].moments.end[row]),
                score=score,
                vector=parts[number].moments.vectors[row],
            )
            for number, row, score in ranked
        ]

    def windows(self, take: int) -> Moments:
        return self.index.windows(take, self.narrowed)

    def paths(self, take: int) -> tuple[str, ...]:
        return self.index.paths(take, self.narrowed)


def rows_of(part: Part, take: int) -> Rows:
    """Where the moments of a take lie in a part."""
    takes, order = part.moments.take, part.by_take

    def take_at(row: int) -> int:
        return int(takes[row])

    first = bisect_left(order, take, key=take_at)
    rows: Rows = order[first : bisect_right(order, take, lo=first, key=take_at)]
    return rows


def mean_of(parts: Sequence[Part]) -> Floats:
    """The mean vector float32 [E] of at most `SAMPLE` moments that are spread evenly."""
    total = sum(len(part.moments) for part in parts)
    step = max(1, -(-total // SAMPLE))
    some = [part.moments.vectors[::step] for part in parts if len(part.moments)]
    if not some:
        return np.zeros(parts[0].moments.vectors.shape[1] if parts else 0, np.float32)
    mean: Floats = np.concatenate(some).mean(0, dtype=np.float64).astype(np.float32)
    return mean


def _best(
    rows: Rows, scores: Floats, limit: int, margin: np.float32 = EXACTLY
) -> tuple[Rows, Floats]:
    """The rows whose scores are among the ``limit`` highest, all that tie with the last included.

    A score that is no number counts as the lowest.

    Args:
        margin: how far below the last of them a score ties with it.
    """
    if len(rows) <= limit:
        return rows, scores
    sound = np.fmax(scores, LOWEST)
    chosen = sound >= _least(sound, limit) - margin
    return rows[chosen], sound[chosen]


def _least(scores: Floats, limit: int) -> np.float32:
    """The lowest of the ``limit`` highest; nothing is too low if there are fewer."""
    at = len(scores) - limit
    return np.float32(np.partition(scores, at)[at]) if at >= 0 else LOWEST
