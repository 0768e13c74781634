"""Ranks and metrics against brute force, closed forms and chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdaclip.evaluate import both_directions, correct_answers, metrics, rank_queries


def brute_force(row: np.ndarray, right: np.ndarray) -> tuple[float, int, int]:
    """Sort every tie order out by hand: put the best right answer first and last among equals."""
    answer = max(row[right])
    above = sum(1 for s, r in zip(row, right, strict=True) if not r and s > answer)
    level = sum(1 for s, r in zip(row, right, strict=True) if not r and s == answer)
    possible = [1 + above + i for i in range(level + 1)]
    return float(np.mean(possible)), possible[0], possible[-1]


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    queries, videos = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    levels = draw(st.integers(1, 5))  # few levels: many ties
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (queries, videos)) / levels - 0.5
    right = rng.random((queries, videos)) < 0.3
    right[np.arange(queries), rng.integers(0, videos, queries)] = True
    return scores.astype(draw(st.sampled_from([np.float32, np.float64]))), right


@given(problems())
def test_ranks_equal_brute_force(problem: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = problem
    ranks = rank_queries(scores, right)
    for i, (row, correct) in enumerate(zip(scores, right, strict=True)):
        assert (ranks.mean[i], ranks.best[i], ranks.worst[i]) == brute_force(row, correct)


@given(problems())
def test_ranks_do_not_depend_on_order_or_scale(problem: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = problem
    order = np.random.default_rng(0).permutation(scores.shape[1])
    shuffled = rank_queries(8 * scores[:, order], right[:, order])
    assert (shuffled.mean == rank_queries(scores, right).mean).all()


def test_identity_matrix_is_perfect_in_both_directions() -> None:
    result = both_directions(np.eye(7), np.eye(7, dtype=bool))
    for direction in result.values():
        assert direction["r1"] == 100
        assert direction["median_rank"] == direction["mean_rank"] == 1
        assert direction["tied"] == 0


def test_constant_scores_are_no_better_than_chance() -> None:
    """The bug of the field: ``sorted - diagonal == 0`` calls this a perfect model."""
    result = metrics(np.zeros((100, 100)), np.eye(100, dtype=bool))
    assert result["r1"] == 0
    assert result["mean_rank"] == 50.5
    assert result["tied"] == 100


def test_shuffled_diagonal_gives_chance() -> None:
    rng = np.random.default_rng(0)
    scores = np.eye(500) + rng.normal(0, 0.01, (500, 500))
    right = correct_answers(rng.permutation(500), 500)
    result = metrics(scores, right)
    assert result["r1"] < 2
    assert 200 < result["mean_rank"] < 300


def test_several_captions_a_video_and_the_best_one_backwards() -> None:
    # Videos 0 and 1; queries 0, 1 describe video 0 and query 2 describes video 1.
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    result = both_directions(scores, correct_answers([0, 0, 1], 2))
    assert result["text_to_video"]["r1"] == pytest.approx(200 / 3)
    assert result["text_to_video"]["queries"] == 3
    # Video 0's best caption wins its column; video 1's (0.7) loses to 0.8.
    assert result["video_to_text"]["r1"] == 50
    assert result["video_to_text"]["candidates"] == 3


def test_negative_scores_and_an_even_median() -> None:
    scores = -np.array([[1.0, 2.0], [1.0, 2.0]])
    result = metrics(scores, correct_answers([0, 1], 2))
    assert result["median_rank"] == 1.5
    assert result["r1"] == 50


@pytest.mark.parametrize(
    ("scores", "right", "message"),
    [
        (np.array([[np.nan, 1.0]]), np.array([[True, False]]), "NaN in 1 of 1 rows, first 0"),
        (np.ones((2, 2)), np.array([[True, False], [False, False]]), "query 1 has no right"),
        (np.ones((2, 2)), np.ones((2, 3), bool), r"\(2, 2\) and \(2, 3\)"),
        (np.ones((1, 1)), np.ones((1, 1)), "must be boolean, not float64"),
    ],
)
def test_bad_input_is_refused(scores: np.ndarray, right: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_queries(scores, right)


def test_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match="no query"):
        metrics(np.zeros((0, 3)), np.zeros((0, 3), bool))
