"""Candidates become hits: neighbours merged, near-duplicates folded, videos grouped, page by page.

Shapes: W windows of a take, E embedding.

It works on candidates from any source that can tell the best windows for a vector in one fixed
order, and all windows of a take. A hit depends on that order and on nothing else, not on how many
hits are asked for: so pages joined are the one long list.

**Merged** are windows of one take, each of which follows the next, that fit nearly as well as the
best of them: by at least `NEARLY` of what it exceeds the library's mean moment by. **Folded** is a
candidate of another take whose vector agrees with a window of an earlier hit by `SAME` or more, if
it comes up at most `NEAR` places after that hit, or after the last that was folded with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .hits import Alike, Hit, Match
from .rows import Moments

NEARLY = 0.8  # of the best window's fit, above the mean
SAME = 0.98  # cosine from which two windows of different contents look the same; see docs/search.md
NEAR = 32  # places in the order that near-duplicates are looked for in
TOUCHING = 0.25  # s between windows that still follow each other
FEW = 100  # candidates that may be come upon without comparing all
OTHERS = 5  # further moments of a video that are told where hits are grouped by video


@dataclass(frozen=True)
class Candidate:
    """A window that may be shown.

    Attributes:
        take, start, end: where it is. vector: float32 [E].
        score: cosine with the query.
        key: what the order goes by, highest first; the score where nothing else is said.
        text, text_span: words that go with it and matched, and from when to when.
    """

    take: int
    start: float
    end: float
    score: float
    vector: NDArray[np.float32]
    key: float | None = None
    text: str = ""
    text_span: tuple[float, float] | None = None

    @property
    def order(self) -> float:
        """The key."""
        return self.score if self.key is None else self.key

    def keyed(self, key: float) -> Candidate:
        """The same in another order; what `replace` would do takes long for so many."""
        return Candidate(
            self.take,
            self.start,
            self.end,
            self.score,
            self.vector,
            key,
            self.text,
            self.text_span,
        )


Judge = Callable[[NDArray[np.float32]], Sequence[tuple[float | None, Match]]]


class Source(Protocol):
    """Where candidates come from."""

    @property
    def centre(self) -> NDArray[np.float32]:
        """The mean of the library's vectors, float32 [E]."""

    def best(self, query: NDArray[np.float32], count: int) -> Sequence[Candidate]:
        """The ``count`` best for a vector [E] in the source's order; fewer if there are no more."""
        ...

    def windows(self, take: int) -> Moments:
        """All windows of a take that may be shown, in order of time."""
        ...

    def paths(self, take: int) -> tuple[str, ...]:
        """The files with that content: first the one to show it by."""
        ...


@dataclass(frozen=True)
class Shape:
    """What hits are made of candidates.

    Attributes:
        merge: neighbours into one. fold: near-duplicates under the best. by_video: one of each.
    """

    merge: bool = True
    fold: bool = True
    by_video: bool = False


@dataclass(frozen=True)
class After:
    """Where a page ended: the last key, and the windows of that key that were shown."""

    key: float
    shown: frozenset[tuple[int, float]]

    def passed(self, candidate: Candidate) -> bool:
        """Does it come later?"""
        if candidate.order == self.key:
            return (candidate.take, candidate.start) not in self.shown
        return candidate.order < self.key


@dataclass(eq=False)
class _Found:
    """A hit that is being made, and what is folded under it."""

    candidate: Candidate
    hit: Hit
    agreement: list[float]  # of each candidate with its windows, by place in the order
    until: int  # the last place in the order at which near-duplicates are folded
    others: list[NDArray[np.float32]]  # the best vectors of the video's other moments
    folded: list[tuple[int, float, float, float]] = field(default_factory=list)

    def fold(self, candidate: Candidate, agreement: float) -> None:
        """Tell it with the hit; what follows another of the same take is told as one with it."""
        start, end = candidate.start, candidate.end
        kept = []
        for take, start_, end_, agreement_ in self.folded:
            apart = start_ - end > TOUCHING or start - end_ > TOUCHING
            if take != candidate.take or apart:
                kept.append((take, start_, end_, agreement_))
            else:
                start, end = min(start, start_), max(end, end_)
                agreement = max(agreement, agreement_)
        self.folded = [*kept, (candidate.take, start, end, agreement)]

    def told(self, source: Source) -> Hit:
        """The hit, with what was folded under it."""
        alike = [
            Alike(path, start, end, agreement)
            for take, start, end, agreement in sorted(self.folded, key=lambda one: -one[3])
            for path in source.paths(take)
        ]
        return replace(self.hit, alike=tuple(alike)) if alike else self.hit

    @property
    def vectors(self) -> list[NDArray[np.float32]]:
        """Of the hit's best window and of its others' best, [E] each."""
        return [self.candidate.vector, *self.others]


def hits_of(
    source: Source,
    query: NDArray[np.float32],
    limit: int,
    shape: Shape,
    *,
    after: After | None = None,
    left_out: Sequence[tuple[int, float, float]] = (),
    judge: Judge | None = None,
) -> tuple[list[Hit], After | None]:
    """The next ``limit`` hits for a vector float32 [E], and where to go on; None if no more follow.

    Args:
        after: where the page before ended.
        left_out: take, start and end, s, of what is not to be shown: the query itself.
        judge: gives confidence and word for the vectors [N,E] of moments.
    """
    if limit <= 0:
        return [], after
    count = first_look(limit, shape)
    while True:
        candidates = source.best(query, count)
        exhausted = len(candidates) < count
        making = _Making(source, query, shape, left_out)
        done = making.take(candidates, limit, after)
        if done or exhausted:
            shown = making.shown(after)
            hits = [found.told(source) for found in shown[:limit]]
            if judge and hits:
                vectors = [vector for found in shown[:limit] for vector in found.vectors]
                hits = _judged(hits, judge(np.stack(vectors)))
            return hits, making.end(shown[:limit]) if len(shown) > limit else None
        count = FEW if count < FEW < 2 * count else 2 * count


def first_look(limit: int, shape: Shape) -> int:
    """How many candidates are looked at first."""
    return 3 * limit + (NEAR + 8 if shape.fold else 1 if not shape.merge else 8)


def _judged(hits: Sequence[Hit], worth: Sequence[tuple[float | None, Match]]) -> list[Hit]:
    """With what each is worth, a hit before its others."""
    coming = iter(worth)

    def judged(hit: Hit) -> Hit:
        sure, word = next(coming)
        others = tuple(judged(other) for other in hit.others)
        return replace(hit, confidence=sure, match=word, others=others)

    return [judged(hit) for hit in hits]


class _Making:
    """One pass over candidates in their order."""

    def __init__(
        self,
        source: Source,
        query: NDArray[np.float32],
        shape: Shape,
        left_out: Sequence[tuple[int, float, float]],
    ) -> None:
        self._source, self._query, self._shape = source, query, shape
        self._left_out = left_out
        self._vectors: NDArray[np.float32] | None = None  # of the candidates
        self._mean = float(query @ source.centre)
        self._found: list[_Found] = []
        self._used: set[tuple[int, float]] = set()  # windows that need not be shown any more
        self._takes: dict[int, tuple[Moments, NDArray[np.float32]]] = {}

    def shown(self, after: After | None) -> list[_Found]:
        return self._of_page(self._found, after)

    def end(self, page: Sequence[_Found]) -> After:
        """Of a page that is not the last."""
        key = page[-1].candidate.order
        upto = self._found[: self._found.index(page[-1]) + 1]
        same = (found.candidate for found in upto if found.candidate.order == key)
        return After(key, frozenset((one.take, one.start) for one in same))

    @staticmethod
    def _of_page(some: Sequence[_Found], after: After | None) -> list[_Found]:
        return [found for found in some if after is None or after.passed(found.candidate)]

    def take(self, candidates: Sequence[Candidate], limit: int, after: After | None) -> bool:
        """Make hits of them; True as soon as the first ``limit`` of a page are final, and one more.

        What comes after those is made only where it matters: what is merged into a later hit can no
        longer be folded under an earlier one.
        """
        self._vectors = np.stack([one.vector for one in candidates]) if candidates else None
        final, passed = 0, 0  # hits to whom nothing can be folded any more; hits of this page
        waiting: list[tuple[int, Candidate]] = []
        for place, candidate in enumerate(candidates):
            waiting.append((place, candidate))
            if passed > limit:
                while final < len(self._found) and self._found[final].until < place:
                    final += 1
                if len(self._of_page(self._found[:final], after)) >= limit:
                    return True
                if not self._shape.fold or self._under(candidate, place) is None:
                    continue
            for earlier, one in waiting:
                if self._known(one) or (self._shape.fold and self._folded(one, earlier)):
                    continue
                self._found.append(self._made(one, earlier))
                passed += after is None or after.passed(one)
            waiting = []
        return False

    def _known(self, candidate: Candidate) -> bool:
        start = 0.0 if self._shape.by_video else candidate.start
        if (candidate.take, start) in self._used:
            return True
        return self._is_left_out(candidate.take, candidate.start, candidate.end)

    def _is_left_out(self, take: int, start: float, end: float) -> bool:
        return any(
            take == own and start < own_end and own_start < end
            for own, own_start, own_end in self._left_out
        )

    def _under(self, candidate: Candidate, place: int) -> _Found | None:
        """The hit that it looks the same as, if there is one near enough in the order."""
        for found in self._found:
            near = found.until >= place and found.hit.take != candidate.take
            if near and found.agreement[place] >= SAME:
                return found
        return None

    def _folded(self, candidate: Candidate, place: int) -> bool:
        found = self._under(candidate, place)
        if found is None:
            return False
        found.until = place + NEAR
        found.fold(candidate, found.agreement[place])
        if not self._shape.by_video:
            self._used.add((candidate.take, candidate.start))
        return True

    def _made(self, candidate: Candidate, place: int) -> _Found:
        take = candidate.take
        windows, scores = self._windows(take)
        at = int(np.argmin(np.abs(windows.start - candidate.start)))
        hit, rows = self._merged(windows, scores, at)
        if candidate.text or candidate.score != hit.score:
            hit = replace(
                hit, score=candidate.score, text=candidate.text, text_span=candidate.text_span
            )
        vectors: list[NDArray[np.float32]] = []
        if self._shape.by_video:
            self._used.add((take, 0.0))
            others, vectors = self._others(windows, scores, rows)
            hit = replace(hit, others=others)
        else:
            self._used.update((take, start) for start in windows.start[rows].tolist())
        until = place + NEAR if self._shape.fold else -1
        whole = self._shape.by_video  # a video encoded anew is folded with all its windows
        looked_at = windows.vectors if whole else windows.vectors[rows]
        agreement: list[float] = []
        if self._shape.fold and self._vectors is not None:
            agreement = (self._vectors @ looked_at.T).max(axis=1).tolist()
        return _Found(candidate, hit, agreement, until, vectors)

    def _windows(self, take: int) -> tuple[Moments, NDArray[np.float32]]:
        """Of a take, and their scores."""
        if take not in self._takes:
            windows = self._source.windows(take)
            self._takes[take] = windows, np.vecdot(windows.vectors, self._query)
        return self._takes[take]

    def _merged(
        self,
        windows: Moments,
        scores: NDArray[np.float32],
        at: int,
        taken: NDArray[np.bool_] | None = None,
    ) -> tuple[Hit, slice]:
        """The window ``at`` and its neighbours that fit nearly as well, and their rows.

        Args:
            taken: [W], windows that belong to other hits already; those that are known to if None.
        """
        first, last = at, at + 1
        least = self._mean + NEARLY * (float(scores[at]) - self._mean)

        def joins(row: int, before: int) -> bool:
            """Does the window join the moment, if it follows the window ``before``?"""
            if not self._shape.merge or not 0 <= row < len(windows) or scores[row] < least:
                return False
            if windows.start[before + 1] - windows.end[before] > TOUCHING:
                return False
            if taken is not None:
                return not taken[row]
            take, start, end = (
                int(windows.take[row]),
                *(float(column[row]) for column in (windows.start, windows.end)),
            )
            return (take, start) not in self._used and not self._is_left_out(take, start, end)

        while joins(first - 1, first - 1):
            first -= 1
        while joins(last, last - 1):
            last += 1
        rows = slice(first, last)
        starts, ends = windows.start[rows].tolist(), windows.end[rows].tolist()
        lengths = windows.end[rows] - windows.start[rows]

        def mean(column: NDArray[np.float32]) -> float:
            some = column[rows]
            return float(some[0] if len(some) == 1 else np.average(some, weights=lengths))

        path, *also = self._source.paths(int(windows.take[at]))
        hit = Hit(
            path=path,
            start=starts[0],
            end=max(ends),
            score=float(scores[at]),
            motion=mean(windows.energy),
            share=mean(windows.share),
            moving=mean(windows.moving),
            also=tuple(also),
            take=int(windows.take[at]),
            spans=tuple(zip(starts, ends, strict=True)),
            best=(float(windows.start[at]), float(windows.end[at])),
        )
        return hit, rows

    def _others(
        self, windows: Moments, scores: NDArray[np.float32], rows: slice
    ) -> tuple[tuple[Hit, ...], list[NDArray[np.float32]]]:
        """Of the rest of a video, the best moments that fit better than the library's mean.

        Returns:
            Them, and the vector float32 [E] of each one's best window.
        """
        taken = np.zeros(len(windows), bool)
        taken[rows] = True
        for take, start, end in self._left_out:
            taken |= (windows.take == take) & (windows.start < end) & (start < windows.end)
        others: list[Hit] = []
        vectors: list[NDArray[np.float32]] = []
        for at in np.argsort(-scores, kind="stable").tolist():
            if len(others) == OTHERS or scores[at] <= self._mean:
                break
            if not taken[at]:
                hit, own = self._merged(windows, scores, at, taken)
                taken[own] = True
                others.append(hit)
                vectors.append(windows.vectors[at])
        return tuple(others), vectors
