"""Asked together is asked alone, to the bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_hits import files, table, unit
from tiny_films import SIZE, FakeEncoder, film

from fdaclip.library import Ask, Filters, Library, LibraryError, Query
from fdaclip.library.calibration import Chance, bank
from fdaclip.library.parts import Part
from fdaclip.library.search import Index

FILTERS = [Filters(), Filters(folders=("/a",)), Filters(motion="still"), Filters(paths=("nil",))]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    limit=st.integers(1, 60),
    close=st.sampled_from([0.0, 1e-7, 1.0]),
    block=st.sampled_from([7, 64, 1 << 14]),
)
def test_many_are_ranked_as_one_is(seed: int, limit: int, close: float, block: int) -> None:
    """With many ties (equal windows), near-ties, several parts and a filter for each query."""
    rng = np.random.default_rng(seed)
    moments = table(rng, 40, 5, close)
    cut = int(rng.integers(0, 41)) * 5
    halves = [moments.at(np.arange(cut)), moments.at(np.arange(cut, 200))]
    index = Index(files(rng, 38), [Part(half) for half in halves])  # two takes have no file
    queries = unit(rng.standard_normal((6, SIZE)))
    queries[1] = queries[0]
    queries[2] = moments.vectors[17]
    narrowings = [index.narrowed(FILTERS[n]) for n in rng.integers(0, len(FILTERS), 6)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdaclip.library.search.BLOCK", block)
        together = index.ranked_many(queries, limit, narrowings)
    alone = [
        index.ranked(query, limit, narrowed)
        for query, narrowed in zip(queries, narrowings, strict=True)
    ]
    assert together == alone


def test_an_order_that_a_matrix_product_gets_wrong_is_right() -> None:
    """Scores a few rounding errors apart, of vectors as long as those of models."""
    rng = np.random.default_rng(3)
    size, count = 512, 3000
    around = unit(rng.standard_normal(size))
    vectors = unit(around + 2e-7 * rng.standard_normal((count, size)))
    moments = dataclasses.replace(table(rng, count, 1), vectors=vectors)
    index = Index(files(rng, count), [Part(moments)])
    queries = unit(around + 0.02 * rng.standard_normal((8, size)))
    together = index.ranked_many(queries, 40, [index.narrowed()] * 8)
    assert together == [index.ranked(query, 40) for query in queries]
    by_product = [np.argsort(-(moments.vectors @ query))[:40].tolist() for query in queries]
    assert by_product != [[row for _, row, _ in one] for one in together]  # it did get it wrong


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    place = tmp_path_factory.mktemp("many")
    for number in range(6):
        film(place / "films" / f"{('cat', 'dog', 'tree')[number % 3]}{number}.mp4", number, 2.5)
    film(place / "films" / "copy.mp4", 1, 1.0)
    library = Library(place / "l.fdaclip", FakeEncoder(), window=1.0)
    library.add(place / "films")
    return library


asks = st.builds(
    Ask,
    query=st.sampled_from(["x", "a cat", "dog", " ", "y", 7]),  # 7: more like a moment
    limit=st.sampled_from([0, 1, 3, 20, 200]),
    after=st.sampled_from([None, None, "next", "no token"]),
    exact=st.booleans(),
    filters=st.sampled_from([None, Filters(paths=("c*",)), Filters(motion="moving")]),
    by_video=st.booleans(),
    merge=st.booleans(),
    fold=st.booleans(),
    text=st.booleans(),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_asks=st.lists(asks, min_size=1, max_size=8))
def test_pages_of_many_are_those_of_each(library: Library, given_asks: list[Ask]) -> None:
    hit = library.search("x", 1)[0]
    some = []
    for ask in given_asks:
        query = Query.like(hit) - Query.sentence("x") if ask.query == 7 else ask.query
        ask = dataclasses.replace(ask, query=query)
        if ask.after == "next":
            first = alone(library, dataclasses.replace(ask, after=None))
            ask = dataclasses.replace(ask, after=getattr(first, "next", None))
        some.append(ask)
    together = library.search_many(some)
    for ask, page in zip(some, together, strict=True):
        expected = alone(library, ask)
        if isinstance(expected, LibraryError):
            assert type(page) is type(expected)
            assert str(page) == str(expected)
        else:
            assert page == expected


def alone(library: Library, ask: Ask) -> object:
    told = {field.name: getattr(ask, field.name) for field in dataclasses.fields(ask)}
    try:
        return library.search_page(**told)
    except LibraryError as error:
        return error


def test_one_that_cannot_be_answered_costs_the_others_nothing(library: Library) -> None:
    bad, picture, good = library.search_many([Ask(" "), Ask(Query.image("no.jpg")), Ask("x")])
    assert isinstance(bad, LibraryError)
    assert isinstance(picture, LibraryError)
    assert good == library.search_page("x")
    assert library.search_many([]) == []


def test_new_sentences_are_encoded_once_and_moments_compared_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, compared = [], []
    encode, rank = FakeEncoder.encode_texts, Index.ranked_many

    def noted(self: FakeEncoder, texts: list[str]) -> np.ndarray:
        encoded.extend(texts)
        return encode(self, texts)

    def ranked(self: Index, queries: np.ndarray, *rest: object) -> object:
        compared.append(len(queries))
        return rank(self, queries, *rest)

    monkeypatch.setattr(FakeEncoder, "encode_texts", noted)
    monkeypatch.setattr(Index, "ranked_many", ranked)
    alone_never = pytest.MonkeyPatch()
    alone_never.setattr(Index, "ranked", lambda *_, **__: pytest.fail("compared alone"))
    library.search_many([Ask(text) for text in ("new one", "new two", "new one", "new three")])
    alone_never.undo()
    assert sorted(encoded) == ["new one", "new three", "new two"]
    assert compared == [4]


def test_a_damaged_vector_file_is_made_again_for_many(tmp_path: Path) -> None:
    film(tmp_path / "films" / "a.mp4", 1, 2.0)
    library = Library(tmp_path / "l.fdaclip", FakeEncoder(), window=1.0)
    library.add(tmp_path / "films")
    expected = library.search_page("x")
    (part,) = (tmp_path / "l.fdaclip" / "search").glob("*.part")
    data = bytearray(part.read_bytes())
    data[4096 : 4096 + 4 * SIZE] = np.full(SIZE, 3, np.float32).tobytes()  # the first vector
    part.write_bytes(data)
    again = Library(tmp_path / "l.fdaclip", FakeEncoder(), window=1.0)
    assert again.search_many([Ask("x"), Ask("x")]) == [expected, expected]


def test_two_pictures_are_two_questions() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert Ask(Query.image(black)) == Ask(Query.image(black.copy()))
    assert Ask(Query.image(black)) != Ask(Query.image(white))
    assert len({Ask(Query.image(black)), Ask(Query.image(white))}) == 2


def test_what_a_moment_is_worth_does_not_depend_on_its_company() -> None:
    rng = np.random.default_rng(0)
    sentences, _ = bank()
    vectors = unit(rng.standard_normal((30, 384)) + 1)
    known = unit(rng.standard_normal((len(sentences), 384)) + 1)
    chance = Chance("", known, np.linspace(1, 4, len(sentences)), "", 0)
    together = chance.confidence(vectors[0], vectors)
    alone_each = [chance.confidence(vectors[0], vector[None])[0] for vector in vectors]
    assert together.tolist() == alone_each
    assert 0 < together.mean() < 1
