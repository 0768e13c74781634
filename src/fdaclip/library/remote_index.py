"""Search in a library too large to be held by the one who asks: through LanceDB's own vector index.

Shapes: M moments, E embedding, Q queries.

Up to FROM moments a library in object storage is searched by the vector file, as any is. Above, the
vectors stay where they are, in an inverted file of product-quantised vectors (IVF_PQ: Jégou et al.
2011) that LanceDB keeps beside the table; the best by it are scored again by their whole vectors.
Whoever writes also tends the index: it is made, tuned against exact answers to queries that are
made up (`clusters.likely_queries`), brought up to date with the table, measured again when a
twentieth of the moments has changed, and trained anew when recall has fallen below LEAST or
the table has doubled. What was measured is kept in ``index/tuning.json``. What chance finds there
(`calibration`) takes all vectors to learn, so whoever wrote learns it and shares it beside.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fdaclip.logs import Log

from . import calibration
from .clusters import AT, likely_queries
from .errors import told_clearly
from .filters import Filters
from .findable import File
from .parts import Part
from .place import derived_folder
from .remote import Remote
from .rows import Moments, joined
from .search import Index, Narrowed
from .store import Store

log = Log(__name__)
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

FROM = 200_000  # moments; fewer are searched by the vector file
NAME = "vector_idx"  # as LanceDB calls it
TUNING, SAMPLE, CHANCE = "index/tuning.json", "index/sample.npy", "index/chance.npz"
SAMPLED = 4096  # vectors that stand for all where all would be too many
ASKED = 50  # queries that it is tuned with
GOAL, LEAST = 0.97, 0.95  # recall at 10: aimed at, and bearable
CHANGED = 0.05  # share of the moments, new or gone, at which recall is measured again
GROWN = 2.0  # times the moments it was trained on
ELEMENTS = 8  # of a vector that share a byte
PROBES = (8, 16, 32, 64, 128, 256)
REFINE = (5, 10, 20, 50)  # times the hits asked for, scored again by whole vectors


@dataclass(frozen=True)
class Tuning:
    """How the index is asked, and how well it answers.

    Attributes:
        trained: moments there were when it was trained. count: when it was last tended.
        changed: moments that came or went since its recall was measured.
        probes: lists visited. refine: times the hits asked for, scored again.
        recall: at 10.
    """

    trained: int
    count: int
    changed: int
    probes: int
    refine: int
    recall: float


def read(place: Remote) -> Tuning | None:
    """What is known of the index; None if there is none."""
    told = place.read(TUNING)
    try:
        return None if told is None else Tuning(**json.loads(told))
    except (ValueError, TypeError):
        return None


def tend(store: Store, place: Remote, added: int) -> Tuning | None:
    """Make the index what it should be; for a writer, after its work. None below FROM moments.

    Args:
        added: moments that came with that work.
    """
    count = store.count
    before = read(place) if store.has_index(NAME) else None
    if count < FROM:
        return None
    if before is None or count > GROWN * before.trained:
        return _kept(place, _trained(store, count), store)
    with told_clearly(store.place):
        store.refresh_index()
    gone = max(0, before.count + added - count)
    now = replace(before, count=count, changed=before.changed + added + gone)
    if now.changed > CHANGED * count:
        now = _tuned(store, now)
        if now.recall < LEAST:
            log.info("index", recall=now.recall, then="trained anew")
            now = _trained(store, count)
        return _kept(place, now, store)
    if now != before:
        place.write(TUNING, json.dumps(asdict(now)).encode())
    return now


def _trained(store: Store, count: int) -> Tuning:
    with told_clearly(store.place):
        store.make_index(NAME, lists=max(1, round(count**0.5)), elements=ELEMENTS)
    return _tuned(store, Tuning(count, count, 0, PROBES[0], REFINE[0], 0.0))


def _kept(place: Remote, tuning: Tuning, store: Store) -> Tuning:
    tuning = replace(tuning, changed=0)
    held = io.BytesIO()
    np.save(held, _sampled(store, SAMPLED))
    place.write(SAMPLE, held.getvalue())
    place.write(TUNING, json.dumps(asdict(tuning)).encode())
    log.info("index", **asdict(tuning))
    return tuning


def _tuned(store: Store, tuning: Tuning) -> Tuning:
    """With the fewest probes and the least refinement that reach the recall aimed at."""
    rng = np.random.default_rng(0)
    queries = likely_queries(_sampled(store, SAMPLED), ASKED, rng)
    truth = exactly_by_key(store, queries, AT)

    def recall(probes: int, refine: int) -> float:
        found = [store.nearest(query, AT, probes, refine) for query in queries]
        met = (len(keys(one) & best) for one, best in zip(found, truth, strict=True))
        return sum(met) / sum(map(len, truth))

    probes = next((p for p in PROBES if recall(p, REFINE[-1]) >= GOAL), PROBES[-1])
    refine = next((r for r in REFINE if recall(probes, r) >= GOAL), REFINE[-1])
    return replace(tuning, probes=probes, refine=refine, recall=recall(probes, refine))


def keys(moments: Moments) -> set[tuple[int, float]]:
    """Take and start of each."""
    return set(zip(moments.take.tolist(), moments.start.tolist(), strict=True))


def exactly_by_key(store: Store, queries: Floats, limit: int) -> list[set[tuple[int, float]]]:
    """Take and start of the best for each query [Q,E], by comparing all, in one pass."""
    best: list[list[tuple[float, int, float]]] = [[] for _ in queries]
    for chunk in store.chunks():
        fits = queries @ chunk.vectors.T
        few = min(limit, fits.shape[1])
        chosen = np.argpartition(-fits, few - 1, axis=1)[:, :few]
        for number, rows in enumerate(chosen):
            some = zip(
                fits[number, rows].tolist(),
                chunk.take[rows].tolist(),
                chunk.start[rows].tolist(),
                strict=True,
            )
            best[number] = sorted([*best[number], *some], reverse=True)[:limit]
    return [{(take, start) for _, take, start in one} for one in best]


def _sampled(store: Store, count: int) -> Floats:
    """About so many vectors, spread evenly, [·,E]."""
    step = max(1, store.count // count)
    some, first = [], 0
    for chunk in store.chunks():
        some.append(chunk.vectors[(-first) % step :: step])
        first += len(chunk)
    return np.concatenate([np.empty((0, store.size), np.float32), *some])


class RemoteIndex(Index):
    """The moments of a library whose vectors stay where they are.

    Args:
        store: its tables. files: that can be found. tuning: of its index.
        sample: float32 [·,E], vectors that stand for all where only their spread is asked for.
    """

    def __init__(self, store: Store, files: Sequence[File], tuning: Tuning, sample: Floats) -> None:
        none = joined([], store.size)
        super().__init__(files, [Part(none)], sample.mean(0))
        self._store, self._tuning = store, tuning

    def __len__(self) -> int:
        return self._store.count

    @property
    def compares_all(self) -> bool:
        return False

    def ranked(
        self, query: Floats, limit: int, narrowed: Narrowed | None = None, *, exact: bool = False
    ) -> list[tuple[int, int, float]]:
        """As `Index.ranked`; the rows are those of a part that the next call replaces.

        What filters, or moments that no file names, take away is made up for by asking for more.
        """
        narrowed = narrowed or self._all_alive
        filters = next((f for f, n in self._narrowings.items() if n is narrowed), Filters())
        order = np.argsort(self._takes)
        wanted = limit + 16
        probes, again = self._tuning.probes, self._tuning.refine * AT  # what recall at 10 takes
        while True:
            refine = max(2, -(-again // wanted))
            found = self._store.nearest(query, wanted, probes, refine, exact=exact)
            at = np.minimum(np.searchsorted(self._takes[order], found.take), len(order) - 1)
            own = order[at] if len(order) else at
            known = self._takes[own] == found.take if len(order) else np.zeros(len(found), bool)
            places = np.where(known, narrowed.first[own], -1) if len(order) else at
            alive = (places >= 0) & filters.moments(found)
            if int(alive.sum()) >= limit or len(found) < wanted or wanted >= len(self):
                break
            wanted, probes = 4 * wanted, 2 * probes
        rows = np.flatnonzero(alive)
        scores = np.vecdot(found.vectors[rows], query)
        best = sorted(
            zip(
                (-scores).tolist(),
                places[rows].tolist(),
                found.start[rows].tolist(),
                rows.tolist(),
                strict=True,
            )
        )[:limit]
        self.parts[0] = Part(found)
        return [(0, row, -score) for score, _, _, row in best]

    def windows(self, take: int, narrowed: Narrowed | None = None) -> Moments:
        found = joined(list(self._store.chunks([take])), self._store.size)
        filters = next((f for f, n in self._narrowings.items() if n is narrowed), Filters())
        found = found.at(np.flatnonzero(filters.moments(found)))
        return found.at(np.argsort(found.start, kind="stable"))

    def blocks(self) -> Iterator[Floats]:
        """All vectors, in one pass over the table."""
        for chunk in self._store.chunks():
            rows = np.flatnonzero(np.isin(chunk.take, self._takes))
            yield chunk.vectors[rows]

    @cached_property
    def video_vectors(self) -> tuple[Rows, Floats]:
        order = np.argsort(self._takes)
        sums = np.zeros((len(self._takes), self._store.size), np.float32)
        for chunk in self._store.chunks():
            at = np.minimum(np.searchsorted(self._takes[order], chunk.take), len(order) - 1)
            own = order[at]
            known = self._takes[own] == chunk.take
            lengths = (chunk.end - chunk.start).astype(np.float32)[:, None]
            np.add.at(sums, own[known], (chunk.vectors * lengths)[known])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return self._takes, sums / np.maximum(norms, np.float32(1e-12))


def opened(store: Store, place: Remote, files: Sequence[File]) -> RemoteIndex | None:
    """The index as it lies there; None if there is none that is tuned."""
    tuning, held = read(place), place.read(SAMPLE)
    if tuning is None or held is None or not store.has_index(NAME):
        return None
    return RemoteIndex(store, files, tuning, np.load(io.BytesIO(held)))


def fetch_chance(place: Remote) -> None:
    """Have on this machine what the last writer learnt of chance; nothing if none did."""
    kept = derived_folder(place) / calibration.FILE
    known = kept.with_suffix(".tag")
    tag = place.tag(CHANCE)
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        there = kept.exists() and known.exists() and known.read_text() == tag
        if tag is None or there or (told := place.read(CHANCE)) is None:
            return
        arriving = kept.with_suffix(".arriving")
        arriving.write_bytes(told)
        arriving.replace(kept)
        known.write_text(tag)


def share_chance(place: Remote) -> None:
    """For a writer: let others have what this machine learnt of chance, if that is news."""
    kept = derived_folder(place) / calibration.FILE
    try:
        learnt = kept.read_bytes()
    except OSError:
        return
    if place.read(CHANCE) != learnt:
        place.write(CHANCE, learnt)
