"""Filters, merging, folding, grouping and pages, beside plain references."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from tiny_films import SIZE

from fdaclip.library import results
from fdaclip.library.clusters import grouped
from fdaclip.library.errors import LibraryError
from fdaclip.library.filters import BadFilter, Filters, span_of
from fdaclip.library.findable import File, from_columns, to_columns
from fdaclip.library.hits import Hit
from fdaclip.library.paging import BadToken, from_token, question, to_token
from fdaclip.library.parts import Part
from fdaclip.library.query import BadQuery, Query, combined, parsed_clip
from fdaclip.library.results import After, Shape, hits_of
from fdaclip.library.rows import Moments
from fdaclip.library.search import Index, View
from ranking import PLAIN


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def table(rng: np.random.Generator, takes: int, windows: int, close: float = 1.0) -> Moments:
    """Takes 1, 2, … of so many windows each; the smaller ``close``, the more alike are those."""
    take = np.repeat(np.arange(takes) + 1, windows)
    start = np.tile(8.0 * np.arange(windows), takes)
    around = np.repeat(rng.standard_normal((takes, SIZE)), windows, axis=0)
    vectors = unit(around + close * rng.standard_normal((takes * windows, SIZE)))
    energy, share, moving = rng.random((3, len(take)), np.float32)
    shot = np.zeros(len(take), np.int32)
    return Moments(take, start, start + 8, energy, share, moving, shot, vectors)


def files(rng: np.random.Generator, takes: int) -> list[File]:
    """Each take has a file or two, in any of three folders."""
    ends = ("mov", "mp4")
    found = [
        File(
            path=f"/{'abc'[rng.integers(3)]}/{take:03}{'-copy' * copy}.{ends[take % 2]}",
            take=take,
            duration=float(rng.integers(1, 100)),
            width=int(rng.integers(100, 2000)),
            height=int(rng.integers(100, 2000)),
            audio=bool(rng.integers(2)),
            captured=float(rng.choice([0, 50, 150])),
            modified=float(rng.integers(1, 200)),
        )
        for take in range(1, takes + 1)
        for copy in range(1 + take % 3 // 2)
    ]
    return sorted(found)


def told(hits: list[Hit]) -> list[tuple]:
    return [(hit.path, hit.start, hit.end, hit.score) for hit in hits]


CHOICES = [
    {"paths": ("*.mov",)},
    {"folders": ("/a", "/b/")},
    {"since": 60.0, "until": 170.0},
    {"longer": 20.0, "shorter": 70.0},
    {"resolution": 500},
    {"audio": True},
    {"motion": "still"},
    {"share": (0.2, 0.7)},
]


@pytest.mark.parametrize("ways", [True, False], ids=["grouped", "flat"])
def test_filters_equal_brute_force_in_every_combination(ways: bool) -> None:
    rng = np.random.default_rng(1)
    moments, known = table(rng, 60, 4), files(rng, 60)
    if ways:
        order, clusters = grouped(moments.vectors)
        moments = moments.at(order)
        parts = [Part(moments, replace(clusters, probes=2, kept=20))]
    else:
        parts = [Part(moments.at(slice(0, 100))), Part(moments.at(slice(100, 240)))]
    index = Index(known, parts)
    query = unit(rng.standard_normal(SIZE))
    for chosen in itertools.product([False, True], repeat=len(CHOICES)):
        some = {k: v for one, on in zip(CHOICES, chosen, strict=True) if on for k, v in one.items()}
        filters = Filters(**some)
        expected = brute(known, moments, query, filters)
        narrowed = index.narrowed(filters)
        for exact in (True, False) if ways else (True,):
            view = View(index, narrowed, exact)
            hits, _ = hits_of(view, query, 5, Shape(**PLAIN))
            assert len(hits) == min(5, len(expected)), "filters lose nothing"
            assert set(told(hits)) <= set(expected)
            if exact or len(expected) < 0.1 * len(moments):
                assert told(hits) == expected[:5], some


def brute(known: list[File], moments: Moments, query: np.ndarray, f: Filters) -> list[tuple]:
    """All that passes, written out."""

    def passes(file: File) -> bool:
        name, when = file.path, file.captured or file.modified
        return (
            (not f.paths or name.endswith(".mov"))
            and (not f.folders or name.startswith(("/a/", "/b/")))
            and f.since <= when < f.until
            and f.longer <= file.duration <= f.shorter
            and min(file.width, file.height) >= f.resolution
            and (f.audio is None or file.audio == f.audio)
        )

    paths: dict[int, str] = {}
    for file in known:
        if passes(file):
            paths.setdefault(file.take, file.path)
    rows = []
    for row, take in enumerate(moments.take.tolist()):
        still = f.motion is None or moments.moving[row] < 0.5
        share = np.float32(f.share[0]) <= moments.share[row] <= np.float32(f.share[1])
        if take in paths and still and share:
            score = float(np.vecdot(moments.vectors[row], query))
            rows.append((-score, paths[take], float(moments.start[row])))
    return [(path, start, start + 8, -score) for score, path, start in sorted(rows)]


@pytest.mark.parametrize("shape", [Shape(*on) for on in itertools.product([True, False], repeat=3)])
@pytest.mark.parametrize("limit", [3, 7])
def test_pages_joined_are_the_one_long_list(shape: Shape, limit: int) -> None:
    rng = np.random.default_rng(limit)
    moments = table(rng, 12, 4, close=0.4)
    moments.vectors[16:32] = unit(moments.vectors[:16] + 0.02 * rng.standard_normal((16, SIZE)))
    moments.vectors[32:42] = moments.vectors[0]  # ties
    index = Index(files(rng, 12), [Part(moments)])
    view, query = View(index, index.narrowed(), True), unit(rng.standard_normal(SIZE))
    whole, end = hits_of(view, query, 1000, shape)
    assert end is None
    joined: list[Hit] = []
    after: After | None = None
    while True:
        page, after = hits_of(view, query, limit, shape, after=after)
        joined += page
        assert len(page) == limit or after is None
        if after is None:
            break
        after = from_token(to_token(after, "x"), "x")
    assert joined == whole
    scores = [hit.score for hit in whole]
    assert scores == sorted(scores, reverse=True)
    shown = [(hit.take, *span) for hit in whole for span in hit.spans]
    assert len(shown) == len(set(shown)), "no window is shown twice"
    if shape.by_video:
        assert len({hit.take for hit in whole}) == len(whole)
    elif not shape.fold:
        assert len(shown) == len(moments), "and none is lost"


def test_what_comes_meanwhile_moves_nothing_back_into_view() -> None:
    rng = np.random.default_rng(3)
    before, query = table(rng, 20, 1), unit(rng.standard_normal(SIZE))
    more = table(rng, 40, 1)
    more.vectors[:20] = before.vectors
    known = [File(f"/{take:02}", take) for take in range(1, 41)]
    old = Index(known[:20], [Part(before)])
    first, after = hits_of(View(old, old.narrowed()), query, 6, Shape())
    now = Index(known, [Part(more)])
    shown = {hit.take for hit in first}
    while after:
        page, after = hits_of(View(now, now.narrowed()), query, 6, Shape(), after=after)
        assert not shown & {hit.take for hit in page}
        assert all(hit.score <= first[-1].score for hit in page)
        shown |= {hit.take for hit in page}
    assert shown >= set(range(1, 21)), "and of what was there none is missed"


def row_of_windows(fits: list[float], gap_after: int | None = None) -> tuple[Index, np.ndarray]:
    """One take whose windows fit the query as told, beside one that is far from it."""
    query = np.eye(1, SIZE, dtype=np.float32)[0]
    side = np.eye(1, SIZE, 1, dtype=np.float32)[0]
    vectors = [fit * query + math.sqrt(1 - fit**2) * side for fit in fits]
    vectors += [-side] * len(fits)
    count = len(fits)
    start = np.tile(8.0 * np.arange(count), 2)
    if gap_after is not None:
        start[gap_after + 1 : count] += 5
    zeros = np.zeros(2 * count, np.float32)
    share = np.tile(np.arange(count, dtype=np.float32) / 10, 2)
    moments = Moments(
        np.repeat([1, 2], count), start, start + 8, zeros, share, zeros, zeros.astype(np.int32),
        np.stack(vectors).astype(np.float32),
    )  # fmt: skip
    files = [File("/one", 1), File("/two", 2)]
    return Index(files, [Part(moments)], np.zeros(SIZE, np.float32)), query


def test_neighbours_that_fit_nearly_as_well_are_one_moment() -> None:
    index, query = row_of_windows([0.1, 0.85, 1.0, 0.9, 0.77, 0.95])
    hits, _ = hits_of(View(index, index.narrowed()), query, 3, Shape())
    assert [(hit.start, hit.end) for hit in hits] == [(8, 32), (32, 48), (0, 8)]
    assert hits[0].spans == ((8, 16), (16, 24), (24, 32)) and hits[0].best == (16, 24)
    assert hits[0].score == 1.0 and hits[0].share == pytest.approx(0.2)
    assert hits[1].best == (40, 48) and hits[1].spans == ((32, 40), (40, 48))
    apart, query = row_of_windows([0.9, 0.95, 1.0, 0.9], gap_after=1)
    hits, _ = hits_of(View(apart, apart.narrowed()), query, 2, Shape())
    assert [hit.spans for hit in hits] == [((21, 29), (29, 37)), ((0, 8), (8, 16))]


def test_what_a_filter_hides_is_not_merged() -> None:
    index, query = row_of_windows([0.9, 0.95, 1.0, 0.9])
    view = View(index, index.narrowed(Filters(share=(0.15, 1.0))))
    (hit,) = hits_of(view, query, 1, Shape())[0]
    assert hit.spans == ((16, 24), (24, 32))


def test_what_looks_the_same_is_folded_under_the_best_and_nothing_is_lost() -> None:
    rng = np.random.default_rng(5)
    moments = table(rng, 40, 2, close=0.05)
    query = unit(rng.standard_normal(SIZE))
    noisy = unit(moments.vectors[:20] + 0.01 * rng.standard_normal((20, SIZE)))
    moments.vectors[20:40] = noisy  # takes 11 to 20 look like 1 to 10
    index = Index([File(f"/{take:02}", take) for take in range(1, 41)], [Part(moments)])
    hits, _ = hits_of(View(index, index.narrowed()), query, 100, Shape())
    folded = [(hit, one) for hit in hits for one in hit.alike]
    for hit, one in folded:
        pair = {int(hit.path[1:]), int(one.path[1:])}
        assert max(pair) - min(pair) == 10 and one.agreement >= results.SAME
        assert (one.start, one.end) == (0, 16), "what follows each other is told as one"
    assert len(folded) == 10
    everything = {hit.path for hit in hits} | {one.path for _, one in folded}
    assert len(everything) == 40
    flat, _ = hits_of(View(index, index.narrowed()), query, 100, Shape(fold=False))
    assert not any(hit.alike for hit in flat) and {hit.path for hit in flat} == everything


def test_by_video_a_hit_tells_its_other_moments() -> None:
    rng = np.random.default_rng(6)
    moments, query = table(rng, 10, 9), unit(rng.standard_normal(SIZE))
    index = Index([File(f"/{take:02}", take) for take in range(1, 11)], [Part(moments)])
    view = View(index, index.narrowed())
    hits, _ = hits_of(view, query, 100, Shape(merge=False, fold=False, by_video=True))
    assert [hit.take for hit in hits] == list(
        dict.fromkeys(hit.take for hit in hits_of(view, query, 100, Shape(**PLAIN))[0])
    )
    for hit in hits:
        windows = index.windows(hit.take)
        scores = np.sort(np.vecdot(windows.vectors, query))[::-1]
        mean = float(query @ index.centre)
        expected = [s for s in scores.tolist()[1:] if s > mean][: results.OTHERS]
        assert [other.score for other in hit.others] == expected and hit.score == scores[0]


def test_a_videos_vector_is_the_mean_of_its_moments_by_duration() -> None:
    rng = np.random.default_rng(7)
    moments = table(rng, 30, 3)
    moments.end[:] = moments.start + rng.integers(1, 9, len(moments))
    parts = [Part(moments.at(slice(0, 45))), Part(moments.at(slice(45, 90)))]
    index = Index([File(f"/{take:02}", take) for take in range(2, 31)], parts)
    takes, vectors = index.video_vectors
    for take, vector in zip(takes.tolist(), vectors, strict=True):
        own = index.windows(take)
        mean = ((own.end - own.start)[:, None] * own.vectors).sum(0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


# --- queries, dates, tokens -----------------------------------------------------------------------


def test_a_query_is_the_direction_of_the_weighted_sum() -> None:
    rng = np.random.default_rng(8)
    one, two = unit(rng.standard_normal((2, SIZE)))
    assert combined([one], [3.0]) is one
    expected = 2 * one.astype(float) - 0.5 * two
    np.testing.assert_allclose(
        combined([one, two], [2, -0.5]), expected / np.linalg.norm(expected), atol=1e-6
    )
    with pytest.raises(BadQuery, match="cancel"):
        combined([one, one], [1, -1])


def test_queries_are_added_and_weighted() -> None:
    query = 2 * Query.sentence("waves") + Query.image("a.jpg") - Query.sentence("surfer")
    assert [part.weight for part in query.parts] == [2, 1, -0.5]
    assert str(query) == "waves + a.jpg − surfer"
    assert query.sentences == 2 * Query.sentence("waves")
    assert Query.image("a.jpg").sentences is None
    for wrong in (Query.sentence(" "), (-1) * Query.sentence("x"), Query(())):
        with pytest.raises(BadQuery):
            wrong.checked()
    with pytest.raises(BadQuery):
        Query.clip("a.mp4", 3, 2)


@pytest.mark.parametrize(
    ("text", "path", "start", "end"),
    [
        ("a.mp4", "a.mp4", 0, math.inf),
        ("a.mp4@1:05-1:12", "a.mp4", 65, 72),
        ("a@b.mp4@7.5–15.25", "a@b.mp4", 7.5, 15.25),
        ("/x/a.mp4@1:00:00-1:00:10", "/x/a.mp4", 3600, 3610),
        ("me@home.mp4", "me@home.mp4", 0, math.inf),
    ],
)
def test_clips_are_written_with_their_times(text: str, path: str, start: float, end: float) -> None:
    (part,) = parsed_clip(text).parts
    assert (part.path, part.start, part.end) == (path, start, end)


def test_dates_are_spans() -> None:
    day = span_of("2024-02-29")
    assert day[1] - day[0] == 86400
    assert span_of("2024-12")[1] == span_of("2025")[0] == span_of("2024")[1]
    assert span_of("2024-05-01T18:30")[0] == span_of("2024-05-01 18")[0] + 1800
    for wrong in ("yesterday", "2024-13", "24", "2023-02-29"):
        with pytest.raises(BadFilter, match="no date"):
            span_of(wrong)
    for filters in ({"since": 2, "until": 1}, {"longer": 2, "shorter": 1}, {"share": (0.5, 2)}):
        with pytest.raises(BadFilter):
            Filters(**filters)


def test_tokens_are_of_one_question() -> None:
    after = After(0.1 + 0.2, frozenset({(2**62 + 1, 8.0), (5, 0.1)}))
    asked = question(Query.sentence("x"), Filters(), Shape())
    assert from_token(to_token(after, asked), asked) == after
    other = question(Query.sentence("x"), Filters(audio=True), Shape())
    with pytest.raises(BadToken, match="another question"):
        from_token(to_token(after, asked), other)
    for wrong in ("", "x", "e30", "!!", to_token(after, asked)[:-3]):
        with pytest.raises(LibraryError, match="no place"):
            from_token(wrong, asked)


def test_files_are_kept_as_they_are() -> None:
    known = files(np.random.default_rng(9), 20)
    known[3] = known[3]._replace(mount="/media/x")
    assert from_columns(to_columns(known)) == known
