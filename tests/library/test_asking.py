"""A library is asked with sentences, pictures and clips, and says what its answers are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_films import FakeEncoder, film, unit

from fdaclip.library import Filters, Library, Query, calibration
from fdaclip.library.calibration import FILE, bank, learnt, null_of, read
from fdaclip.library.errors import LibraryError
from fdaclip.library.findable import File
from fdaclip.library.parts import Part
from fdaclip.library.rows import Moments
from fdaclip.library.search import Index
from fdaclip.video import open_video


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked") / "films"
    for number in range(4):
        film(folder / f"{number}.mp4", colour=number)
    film(folder / "below" / "4.mp4", colour=4)
    film(folder / "long.mp4", colour=7, seconds=20, rate=6)
    return folder


@pytest.fixture(scope="module")
def library(films: Path) -> Library:
    made = Library(films.parent / "l.fdaclip", FakeEncoder())
    made.add(films)
    return made


def test_a_picture_finds_the_film_it_was_taken_from(
    library: Library, films: Path, tmp_path: Path
) -> None:
    with open_video(films / "2.mp4") as video:
        frame = video.clip(sampling=FakeEncoder().sampling).rgb[0]
    Image.fromarray(frame).save(tmp_path / "frame.png")
    vectors = []
    for image in (tmp_path / "frame.png", frame):
        hits = library.search(Query.image(image), 20, merge=False, fold=False)
        vectors.append([hit.score for hit in hits])
        assert all(hit.confidence is None and hit.match == "" for hit in hits)
    assert vectors[0] == vectors[1]
    (tmp_path / "none.png").write_text("no picture")
    for wrong in ("none.png", "missing.png"):
        with pytest.raises(LibraryError, match="picture"):
            library.search(Query.image(tmp_path / wrong))


def test_more_like_a_moment_needs_no_model_and_leaves_the_moment_out(
    library: Library, films: Path
) -> None:
    everything = library.search("x", 50, merge=False, fold=False)
    one = next(hit for hit in everything if Path(hit.path).name == "1.mp4")
    reader = Library(library.folder)
    found = reader.search(Query.like(one), 50, merge=False, fold=False)
    assert reader._encoder is None
    assert {(hit.path, hit.start) for hit in found} == {
        (hit.path, hit.start) for hit in everything if hit.take != one.take
    }
    own = library.search(Query.clip(films / "long.mp4", 0, 5), 50, merge=False, fold=False)
    long = [hit for hit in everything if Path(hit.path).name == "long.mp4"]
    assert len(long) > 1 and len(own) == len(everything) - 1, "only what overlaps is left out"


def test_a_clip_from_elsewhere_is_made_as_moments_are(library: Library, tmp_path: Path) -> None:
    same = film(tmp_path / "elsewhere.mp4", colour=3, rate=13)
    best = library.search(Query.clip(same), 1)[0]
    assert Path(best.path).name == "3.mp4" and best.score == pytest.approx(1)
    for wrong in (tmp_path / "missing.mp4", Path(__file__)):
        with pytest.raises(LibraryError):
            library.search(Query.clip(wrong))
    with pytest.raises(LibraryError, match="before the clip begins") as late:
        library.search(Query.clip(same, 100, 101))
    assert "BadQuery" not in str(late.value) and "report" not in str(late.value)
    assert late.value.hint == "name a part that it has"


def test_what_is_not_wanted_counts_against(library: Library) -> None:
    query = Query.sentence("waves") - Query.sentence("surfer")
    expected = unit(b"waves").astype(float) - 0.5 * unit(b"surfer")
    expected /= np.linalg.norm(expected)
    index = library._current()
    for hit in library.search(query, 20, merge=False, fold=False):
        (vector,) = index.windows(hit.take).at(slice(0, 1)).vectors if hit.start == 0 else (None,)
        if vector is not None:
            assert hit.score == pytest.approx(float(vector @ expected), abs=1e-6)


def test_pages_filters_and_videos_through_the_library(library: Library, films: Path) -> None:
    whole = library.search("x", 50, merge=False, fold=False)
    token, joined = None, []
    while True:
        page = library.search_page("x", 2, after=token, merge=False, fold=False)
        joined += page.hits
        token = page.next
        if token is None:
            break
    assert joined == whole
    with pytest.raises(LibraryError, match="another question"):
        library.search_page("y", 2, after=library.search_page("x", 2).next)
    below = library.search("x", 50, filters=Filters(folders=(str(films / "below"),)))
    assert {Path(hit.path).name for hit in below} == {"4.mp4"}
    paths, vectors = library.video_vectors()
    assert len(paths) == 6 and np.allclose(np.linalg.norm(vectors, axis=1), 1)
    like = library.videos_like(films / "1.mp4", 3)
    assert len(like) == 3 and str(films / "1.mp4") not in {video.path for video in like}
    assert [video.score for video in like] == sorted((v.score for v in like), reverse=True)


def test_what_a_score_is_worth_is_learnt_once_and_kept(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(FakeEncoder):
        banked = 0

        def encode_texts(self, texts):  # type: ignore[no-untyped-def]
            self.banked += sum(text in bank()[0] for text in texts)
            return super().encode_texts(texts)

    encoder = Counting()
    library = Library(tmp_path / "l.fdaclip", encoder)
    library.add(films)
    assert encoder.banked == len(bank()[0]), "while the model is loaded anyway"
    library.search("asked before")
    library.add(film(tmp_path / "more.mp4", colour=9))
    reader = Library(library.folder)
    monkeypatch.setattr(calibration, "learnt", None)  # it is there already
    page = reader.search_page("asked before")
    assert encoder.banked == len(bank()[0]) and reader._encoder is None
    assert all(0 < hit.confidence < 1 for hit in page.hits if hit.confidence is not None)
    assert all(hit.match in ("strong", "likely", "weak") for hit in page.hits)
    assert page.nothing == all(hit.match == "weak" for hit in page.hits)
    (library.folder / "search" / FILE).write_bytes(b"damaged")
    lost = Library(library.folder).search_page("asked before")
    assert lost.nothing is None and {hit.match for hit in lost.hits} == {""}
    assert [hit.path for hit in lost.hits] == [hit.path for hit in page.hits]


def world(rng: np.random.Generator, share: float) -> tuple[Index, np.ndarray, np.ndarray]:
    """Moments about a share of 900 topics, the bank's vectors, and what sentences are like."""
    size, (_, seen) = 128, bank()
    topics = rng.standard_normal((900, size))
    held = rng.permutation(900)[: round(share * 900)]
    vectors = np.empty((len(seen), size), np.float32)
    vectors[seen] = topics[: seen.sum()] + 0.7 * rng.standard_normal((seen.sum(), size))
    vectors[~seen] = rng.standard_normal(((~seen).sum(), size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    about = rng.choice(held, 3000)
    moments = topics[about] + 0.7 * rng.standard_normal((3000, size))
    moments = (moments / np.linalg.norm(moments, axis=1, keepdims=True)).astype(np.float32)
    zeros = np.zeros(3000, np.float32)
    take, start = np.arange(3000) + 1, np.zeros(3000)
    table = Moments(take, start, start + 8, zeros, zeros, zeros, zeros.astype(np.int32), moments)
    index = Index([File(f"{n:05}", int(n)) for n in take], [Part(table)])
    asked = topics + 0.7 * rng.standard_normal(topics.shape)
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    known = np.isin(np.arange(900), held)
    return index, vectors, np.concatenate([asked, known[:, None]], axis=1)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_broad_library_still_finds_and_a_narrow_one_still_says_no(share: float) -> None:
    index, vectors, asked = world(np.random.default_rng(1), share)
    chance = learnt(index, "", vectors, "state")
    assert chance.holds("state", 3000) and not chance.holds("other", 3000)
    sure = []
    for sentence in asked[450:, :-1].astype(np.float32):  # of topics the bank does not know
        best = index.ranked(sentence, 1)[0]
        moment = index.parts[0].moments.vectors[[best[1]]]
        sure.append(chance.confidence(sentence, moment)[0])
    known, likely = asked[450:, -1] > 0, np.array(sure) >= calibration.LIKELY
    assert likely[known].mean() > 0.9
    assert likely[~known].mean() < 0.5


def test_chance_is_where_the_wrong_ones_are_however_many_are_right() -> None:
    rng = np.random.default_rng(2)
    _, seen = bank()
    for right in (0.0, 0.3, 0.7):
        best = np.where(seen, 3 + rng.standard_normal(len(seen)), rng.standard_normal(len(seen)))
        best[seen & (rng.random(len(seen)) < right)] += 20
        assert np.median(null_of(best, seen)) == pytest.approx(3, abs=1.1)


def test_grouped_or_not_chance_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    index, vectors, _ = world(np.random.default_rng(3), 0.3)
    flat = learnt(index, "", vectors, "")
    monkeypatch.setattr(Index, "grouped", property(lambda _: True))
    np.testing.assert_allclose(learnt(index, "", vectors, "").best, flat.best, atol=1e-4)


def test_what_was_learnt_comes_back(tmp_path: Path) -> None:
    index, vectors, _ = world(np.random.default_rng(4), 0.3)
    chance = learnt(index, "digest", vectors, "state")
    calibration.write(tmp_path, chance)
    again = read(tmp_path, "digest")
    assert again is not None and (again.tables, again.moments) == ("state", 3000)
    np.testing.assert_array_equal(again.best, chance.best)
    assert read(tmp_path, "another") is None and read(tmp_path / "none", "digest") is None
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_the_bank_is_varied_and_says_nothing_twice() -> None:
    sentences, seen = bank()
    assert len(set(sentences)) == len(sentences) and all(s == s.strip() for s in sentences)
    assert seen.sum() > 300 and (~seen).sum() > 80
