"""Ranks by strips against the whole matrix: any block, ties, rectangular, several answers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdaclip.evaluate import Answers, Score, Scores, both_directions, correct_answers, rank_both
from fdaclip.evaluate.scores import cosine


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Vectors of few whole numbers, so that dot products tie and are exact; owners; a block."""
    videos = draw(st.integers(1, 9))
    queries = draw(st.integers(videos, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    texts = rng.integers(-1, 2, (queries, 3)).astype(np.float32)
    owner = np.concatenate([np.arange(videos), rng.integers(0, videos, queries - videos)])
    return (
        texts,
        rng.integers(-1, 2, (videos, 3)).astype(np.float32),
        owner,
        draw(st.integers(1, 99)),
    )


@given(problems())
def test_strips_rank_as_the_whole_matrix_does(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    texts, videos, owner, block = problem
    found = rank_both(Scores.of((texts,), (videos,), cells=block), Answers.of_owners(owner))
    whole = both_directions(texts @ videos.T, correct_answers(owner, len(videos)))
    assert {name: ranking.metrics for name, ranking in found.items()} == whole


@given(problems(), st.integers(0, 2**32 - 1))
def test_several_right_videos_rank_as_in_the_whole_matrix(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, int], seed: int
) -> None:
    texts, videos, owner, block = problem
    right = np.random.default_rng(seed).random((len(texts), len(videos))) < 0.4
    right |= correct_answers(owner, len(videos))
    scores = Scores.of((texts,), (videos,), cells=block)
    found = rank_both(scores, Answers(*np.nonzero(right)))
    whole = both_directions(texts @ videos.T, right)
    assert {name: ranking.metrics for name, ranking in found.items()} == whole


@given(problems())
@settings(max_examples=30)
def test_a_strip_is_a_part_of_the_matrix(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    texts, videos, _, block = problem
    scores = Scores.of((texts,), (videos,), Score(cosine, floats=5), cells=block)
    for side, whole in ((scores, texts @ videos.T), (scores.transposed, videos @ texts.T)):
        assert side.shape == whole.shape
        assert (np.concatenate([strip.scores for strip in side.strips()]) == whole).all()


def test_equal_sentences_and_equal_videos_tie_wherever_they_stand() -> None:
    """A matrix product may round equal rows apart; 1k-A has five sentences twice."""
    rng = np.random.default_rng(0)
    texts, videos = (rng.standard_normal((301, 77)).astype(np.float32) for _ in range(2))
    texts[7], videos[300] = texts[299], videos[3]
    for cells in (301, 10 * 301, 10**6):
        scores = Scores.of((texts,), (videos,), cells=cells)
        assert all((strip.scores[:, 300] == strip.scores[:, 3]).all() for strip in scores.strips())
        back = scores.transposed
        assert all((strip.scores[:, 7] == strip.scores[:, 299]).all() for strip in back.strips())


def test_a_score_of_several_features_gets_sentences_first() -> None:
    """A head of tokens: the best frame of each word; the same in both directions."""
    rng = np.random.default_rng(1)
    words, weights = rng.standard_normal((6, 4, 8)), rng.random((6, 4))
    frames = rng.standard_normal((5, 3, 8))

    def pair(texts: tuple[np.ndarray, ...], videos: tuple[np.ndarray, ...]) -> np.ndarray:
        best = np.einsum("qle,vte->qvlt", texts[0], videos[0]).max(3)
        return np.einsum("qvl,ql->qv", best, texts[1])

    whole = pair((words, weights), (frames,))
    scores = Scores.of((words, weights), (frames,), Score(pair, floats=12), cells=24)
    strips = list(scores.strips())
    assert len(strips) > 1
    np.testing.assert_allclose(np.concatenate([strip.scores for strip in strips]), whole)
    back = np.concatenate([strip.scores for strip in scores.transposed.strips()])
    np.testing.assert_allclose(back, whole.T)


def test_a_shuffled_diagonal_gives_chance() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((1000, 64)).astype(np.float32)
    shuffled = Answers.of_owners(rng.permutation(1000))
    found = rank_both(Scores.of((vectors,), (vectors,), cells=50_000), shuffled)
    for ranking in found.values():
        assert ranking.metrics["r10"] < 3
        assert 450 < ranking.metrics["mean_rank"] < 550


def test_progress_counts_sentences_then_videos() -> None:
    vectors = np.eye(4, dtype=np.float32)
    seen: list[tuple[int, int]] = []
    rank_both(
        Scores.of((vectors,), (vectors,), cells=8),
        Answers.of_owners(np.arange(4)),
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 8), (4, 8), (6, 8), (8, 8)]


def test_bad_input_is_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="text features hold NaN"):
        Scores.of((np.full((3, 3), np.nan),), (vectors,))
    with pytest.raises(ValueError, match=r"of one length are needed, not \[2, 3\]"):
        Scores.of((vectors, vectors[:2]), (vectors,))
    with pytest.raises(ValueError, match="a score is NaN"):
        nan = Score(lambda t, v: np.full((len(t[0]), len(v[0])), np.nan))
        rank_both(Scores.of((vectors,), (vectors,), nan), Answers.of_owners(np.arange(3)))
    with pytest.raises(ValueError, match="row 2 has no right answer"):
        rank_both(Scores.of((vectors,), (vectors,)), Answers.of_owners(np.arange(2)))
    with pytest.raises(ValueError, match="outside the 3 × 3 scores"):
        rank_both(Scores.of((vectors,), (vectors,)), Answers.of_owners(np.array([0, 1, 3])))


PEAK = """
import resource
import numpy as np
from fdaclip.evaluate import Answers, Embeddings, Scores, dsl, qb_norm, rank_both, rerank
n = 2_400
rng = np.random.default_rng(0)
vectors = rng.standard_normal((n, 16)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
answers = Answers.of_owners(np.arange(n))
scores = Scores.of((vectors,), (vectors,), cells=2**16)
bank = Scores.of((vectors[:1000],), (vectors,), cells=2**16)
kept = Embeddings((vectors,), (vectors,), np.arange(n), ("",) * n, ("",) * n, vectors[:, None])
next(scores.strips())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rank_both(scores, answers)
dsl(scores, answers)
qb_norm(scores, bank, answers)
rerank(scores, kept, 20)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is KiB on Linux only")
def test_no_way_of_ranking_holds_the_matrix() -> None:
    """Of 2,400 × 2,400 scores, 22 MiB of float32; a strip has 256 KiB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK],
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
        },  # threads wait for each other on a busy CPU
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 14  # MiB
