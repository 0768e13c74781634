"""DSL, QB-Norm and re-ranking, strip by strip, against the formulas on whole matrices."""

from __future__ import annotations

import numpy as np
import pytest

from fdaclip.evaluate import (
    Answers,
    Embeddings,
    EvaluationError,
    Ranking,
    Scores,
    correct_answers,
    dsl,
    metrics,
    qb_norm,
    rerank,
)

QUERIES, VIDEOS, BANK, FRAMES, WIDTH = 61, 40, 90, 5, 16


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class Case:
    """Sentences near their videos, some videos being hubs."""

    def __init__(self, seed: int, cells: int) -> None:
        rng = np.random.default_rng(seed)
        self.frames = unit(rng.standard_normal((VIDEOS, FRAMES, WIDTH)) + 0.4)
        self.videos = unit(self.frames.mean(1))
        self.owner = np.concatenate([np.arange(VIDEOS), rng.integers(0, VIDEOS, QUERIES - VIDEOS)])
        self.texts = unit(self.videos[self.owner] + 0.25 * rng.standard_normal((QUERIES, WIDTH)))
        self.bank = unit(rng.standard_normal((BANK, WIDTH)) + 0.4)
        self.scores = Scores.of((self.texts,), (self.videos,), cells=cells)
        self.answers = Answers.of_owners(self.owner)
        self.right = correct_answers(self.owner, VIDEOS)
        self.s = (self.texts @ self.videos.T).astype(np.float64)


@pytest.fixture(params=[1, 200, 10**6])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(0, request.param)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = np.exp(x - x.max(axis, keepdims=True))
    return x / x.sum(axis, keepdims=True)


def same(ranking: Ranking, scores: np.ndarray, right: np.ndarray) -> bool:
    return ranking.metrics == metrics(scores, right)


def test_dsl_is_the_score_times_its_softmax_over_the_queries(case: Case) -> None:
    found = dsl(case.scores, case.answers)
    assert same(found["text_to_video"], case.s * softmax(100 * case.s, 0), case.right)
    back = case.s.T
    assert same(found["video_to_text"], back * softmax(100 * back, 0), case.right.T)


def test_dsl_keeps_apart_what_a_float32_softmax_makes_zero() -> None:
    vectors = unit(np.array([[1, 0.0], [0.999, 0.05], [-1, 0.01], [-1, 0.02]]))
    found = dsl(Scores.of((vectors,), (vectors,)), Answers.of_owners(np.arange(4)))
    assert found["text_to_video"].metrics["tied"] == 0


def test_qb_norm_equals_the_authors_way_on_whole_matrices(case: Case) -> None:
    bank = Scores.of((case.bank,), (case.videos,), cells=case.scores.cells)
    found = qb_norm(case.scores, bank, case.answers)
    assert list(found) == ["text_to_video"]
    probe = (case.bank @ case.videos.T).astype(np.float64)
    hubs = np.unique(probe.argmax(1))
    assert 0 < len(hubs) < VIDEOS
    normalised = case.s.copy()
    rows = np.isin(case.s.argmax(1), hubs)
    normalised[rows] = np.exp(20 * case.s[rows]) / np.exp(20 * probe).sum(0)
    assert not np.array_equal(metrics(normalised, case.right), metrics(case.s, case.right))
    assert same(found["text_to_video"], normalised, case.right)


def test_qb_norm_wants_the_same_videos(case: Case) -> None:
    bank = Scores.of((case.bank,), (case.videos[:-1],))
    with pytest.raises(ValueError, match="bank over 39 videos, scores over 40"):
        qb_norm(case.scores, bank, case.answers)


@pytest.mark.parametrize("short_list", [1, 7, 10**6])
def test_rerank_orders_the_best_by_frames_that_fit_the_sentence(
    case: Case, short_list: int
) -> None:
    found = rerank(case.scores, embeddings(case), short_list)
    weights = softmax(10 * np.einsum("vte,qe->qvt", case.frames, case.texts), 2)
    pooled = np.einsum("qvt,vte->qve", weights, case.frames)
    again = np.einsum("qve,qe->qv", unit(pooled), case.texts).astype(np.float64)
    for name, s, new, right in (
        ("text_to_video", case.s, again, case.right),
        ("video_to_text", case.s.T, again.T, case.right.T),
    ):
        place = (-s).argsort(1).argsort(1)
        assert same(found[name], np.where(place < short_list, new + 4, s), right)


def test_a_right_answer_that_ties_with_the_last_of_the_list_does_not_enter_it() -> None:
    texts = unit(np.array([[1.0, 0], [0, 1], [0, 1]]))
    videos = texts.copy()
    kept = Embeddings(
        (texts,), (videos,), np.arange(3), ("a", "b", "c"), ("a", "b", "c"), videos[:, None]
    )
    found = rerank(Scores.of((texts,), (videos,)), kept, 1)["text_to_video"]
    assert found.ranks.mean.tolist() == [1, 2, 2]


def test_rerank_says_what_it_lacks(case: Case) -> None:
    bare = Embeddings(
        (case.texts,),
        (case.videos,),
        case.owner,
        tuple(map(str, range(VIDEOS))),
        tuple(map(str, range(QUERIES))),
    )
    with pytest.raises(EvaluationError, match="hold none; hint: encode with the frames kept"):
        rerank(case.scores, bare, 5)
    with pytest.raises(ValueError, match="a short list of 0"):
        rerank(case.scores, embeddings(case), 0)


def embeddings(case: Case) -> Embeddings:
    names, captions = (tuple(map(str, range(n))) for n in (VIDEOS, QUERIES))
    return Embeddings((case.texts,), (case.videos,), case.owner, names, captions, case.frames)
