"""Intervals and tests: closed forms, brute force, and what they are for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fdaclip.evaluate.bootstrap import intervals, resampled, weighted_medians
from fdaclip.evaluate.compare import sign_flip


def test_an_interval_of_single_queries_is_the_binomial_one() -> None:
    """300 of 1,000 hits: 30 ± 1.96 √(0.3·0.7/1000) percent."""
    ranks = np.repeat([1.0, 20.0], [300, 700])
    low, high = intervals(ranks, np.arange(1000), resamples=4000)["r1"]
    half = 196 * np.sqrt(0.3 * 0.7 / 1000)
    assert (low, high) == pytest.approx((30 - half, 30 + half), abs=0.3)


def test_sentences_of_one_video_are_no_independent_evidence() -> None:
    """Forty sentences that all stand alike tell no more than one: the interval stays as wide."""
    ranks, video = np.repeat([1.0, 20.0], [30, 70]), np.arange(100)
    alone = intervals(ranks, video, seed=3)
    many = intervals(np.repeat(ranks, 40), np.repeat(video, 40), seed=3)
    assert all(many[name] == pytest.approx(alone[name]) for name in alone)
    naive = intervals(np.repeat(ranks, 40), np.arange(4000), seed=3)["r1"]
    assert naive[1] - naive[0] < (alone["r1"][1] - alone["r1"][0]) / 5


def test_every_figure_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    ranks = np.ceil(rng.exponential(20, 400)) + rng.integers(0, 2, 400) / 2
    found = intervals(ranks, rng.integers(0, 150, 400))
    truth = {
        "r1": 100 * (ranks <= 1).mean(),
        "r5": 100 * (ranks <= 5).mean(),
        "r10": 100 * (ranks <= 10).mean(),
        "median_rank": np.median(ranks),
        "mean_rank": ranks.mean(),
    }
    assert set(found) == set(truth)
    for name, (low, high) in found.items():
        assert low <= truth[name] <= high and low < high, name


def test_the_seed_decides_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks, video = np.arange(1.0, 31), np.arange(30) // 2
    once = intervals(ranks, video, resamples=100, seed=5)
    assert once == intervals(ranks, video, resamples=100, seed=5)
    assert once != intervals(ranks, video, resamples=100, seed=6)
    monkeypatch.setattr("fdaclip.evaluate.bootstrap.CELLS", 90)
    assert intervals(ranks, video, resamples=100, seed=5) == once
    assert intervals(ranks, video, resamples=0) == {}


def test_medians_of_repeated_values() -> None:
    rng = np.random.default_rng(0)
    values = np.sort(rng.integers(1, 9, 7)).astype(float)
    weights = np.concatenate(list(resampled(7, 50, 0, 7)))
    expected = [np.median(np.repeat(values, row.astype(int))) for row in weights]
    assert weighted_medians(values, weights).tolist() == expected


def test_p_is_that_of_all_signs() -> None:
    sums = np.array([3.0, 1.0, 2.0, -1.0, 2.0, 0.0, 1.0, 0.5])
    every = [abs(np.dot(sums, signs)) for signs in product((-1, 1), repeat=len(sums))]
    exact = np.mean(np.array(every) >= abs(sums.sum()) - 1e-9)
    assert sign_flip(sums, 40_000, 0) == pytest.approx(exact, abs=0.01)


def test_models_that_are_alike_are_told_apart_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    p = [sign_flip(rng.integers(-1, 2, 80).astype(float), 400, i) for i in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08


def test_no_difference_is_no_evidence() -> None:
    assert sign_flip(np.zeros(9), 100, 0) == 1
