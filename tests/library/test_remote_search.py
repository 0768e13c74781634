"""A library in object storage whose moments are so many that their vectors stay there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_films import SIZE, FakeEncoder, film

from fdaclip.library import Filters, Library, calibration
from fdaclip.library import remote_index as module
from fdaclip.library.place import derived_folder
from fdaclip.library.remote import Remote
from fdaclip.library.rows import Moment, Video

pytestmark = pytest.mark.usefixtures("decoded_here")
TAKES = 250  # of ten moments each


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.standard_normal((count, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def grown(library: Library, first: int, count: int, seed: int) -> None:
    """As if so many videos had been added under the paths from ``first`` on."""
    rng = np.random.default_rng(seed)
    takes = {
        1000 * seed + number: [
            Moment(8.0 * i, 8.0 * i + 8, vector, 0.1, 0.1, 1.0)
            for i, vector in enumerate(unit(rng, 10))
        ]
        for number in range(count)
    }
    rows = [
        Video(f"/f/{first + n}.mp4", 1, 1, f"c{take}", take, "ok", "", moments=10, duration=80.0)
        for n, take in enumerate(takes)
    ]
    with library._writing("indexing") as store:
        store.commit(takes, rows)
        store.drop_orphans()
        store.compact()
        library._prepare_search(10 * count)


def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A threshold that is soon reached, and tuning that a slow storage answers in seconds."""
    for name, value in (("FROM", 2000), ("ASKED", 10), ("PROBES", (50,)), ("REFINE", (20,))):
        monkeypatch.setattr(module, name, value)


def spans(library: Library, limit: int = 20, **how: bool) -> list[tuple[str, float, float]]:
    hits = library.search("a dog", limit, merge=False, fold=False, text=False, **how)
    return [(hit.path, hit.start, round(hit.score, 5)) for hit in hits]


def recall(library: Library) -> float:
    got, truth = set(spans(library)), set(spans(library, exact=True))
    return len(got & truth) / len(truth)


@pytest.mark.slow
def test_a_large_library_from_end_to_end(
    place: Remote, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_questions(monkeypatch)
    monkeypatch.setattr(calibration, "FEW", 1000)
    film(films / "long.mp4", colour=9, seconds=25, rate=4)
    there, here = Library(place, FakeEncoder()), Library(tmp_path / "l", FakeEncoder())
    for library in (there, here):
        library.add(films)
        grown(library, 0, TAKES, seed=1)
    told = there.status()
    assert told.recall is not None and told.recall >= module.LEAST
    assert told.moments == here.status().moments == 10 * TAKES + 8
    assert spans(there, exact=True) == spans(here, exact=True)
    assert recall(there) >= 0.7  # of one query, with codes of two bytes

    for library in (there, here):
        grown(library, 0, 40, seed=2)  # other contents under the same paths
        library.remove([f"/f/{number}.mp4" for number in range(200, 225)])
    told = there.status()
    assert told.recall is not None and told.recall >= module.LEAST
    assert told.moments == here.status().moments == 10 * (TAKES - 25) + 8
    assert spans(there, exact=True) == spans(here, exact=True)
    assert recall(there) >= 0.7  # of one query, with codes of two bytes
    assert {problem.kind for problem in there.verify()} == {"missing"}  # those in /f

    # what a page is made of: filters, merged neighbours, folded contents, thumbnails, words
    narrow = Filters(folders=(str(films),))
    for how in ({}, {"exact": True}, {"by_video": True}):
        ours, theirs = (
            library.search("a square", 5, filters=narrow, **how) for library in (here, there)
        )
        assert [h.path for h in ours] == [h.path for h in theirs] and ours
        assert [h.spans for h in ours] == [h.spans for h in theirs]
    assert {hit.path.startswith(str(films)) for hit in theirs} == {True}
    picture = there.thumbnail(theirs[0])
    assert picture is not None and picture == here.thumbnail(ours[0])
    assert theirs[0].match and theirs[0].confidence is not None
    first = there.search_page("a dog", 5)
    second = there.search_page("a dog", 5, after=first.next)
    assert len(second.hits) == 5
    assert not {(h.path, h.start) for h in first.hits} & {(h.path, h.start) for h in second.hits}
    assert [v.path for v in there.videos_like(films / "long.mp4", 3)] == [
        v.path for v in here.videos_like(films / "long.mp4", 3)
    ]

    # another process need not learn anew what chance would find, nor load a model
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    monkeypatch.setattr(calibration, "learnt", None)
    fresh = Library(place)
    fresh._queries.put("fake-1", "a dog", FakeEncoder().encode_texts(["a dog"])[0])
    hits = fresh.search("a dog", 5)
    assert hits and all(hit.match for hit in hits)
    assert not list(derived_folder(place).glob("*.vectors")), "vectors stay where they are"


@pytest.mark.slow
def test_below_the_threshold_again_it_is_searched_by_the_vector_file(
    place: Remote, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_questions(monkeypatch)
    library = Library(place, FakeEncoder())
    library.add(films)
    grown(library, 0, TAKES, seed=1)
    library.remove([f"/f/{number}.mp4" for number in range(100, 250)])
    assert library.status().recall is None
    assert spans(library) == spans(library, exact=True)
    grown(library, 100, 150, seed=3)
    told = library.status()
    assert told.recall is not None and told.recall >= module.LEAST
    assert told.moments == 10 * TAKES + 5 and recall(library) >= 0.7
