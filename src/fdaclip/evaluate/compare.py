"""Is the difference between two models real? A paired test over videos, and its answer in words.

Shapes: Q queries, V videos, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.bootstrap import percentiles, resampled
from fdaclip.evaluate.errors import NotComparable
from fdaclip.evaluate.result import DIRECTIONS, Result

RESAMPLES = 10_000
LEVEL = 0.05
FIGURES = ("r1", "r5", "r10", "mean_rank")
NAMES = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "mean_rank": "mean rank"}
SIDES = {"text_to_video": "text-to-video", "video_to_text": "video-to-text"}
CELLS = 2**22  # random signs held at once


@dataclass(frozen=True)
class Difference:
    """One figure of two models on the same queries.

    Attributes:
        direction, figure: as in `Metrics`.
        a, b: the figure of each, the mean over its runs.
        low, high: 95 % bootstrap interval of a − b, videos drawn with replacement.
        p: of the sign-flip test, two-sided.
        differing: videos on which they differ.
    """

    direction: str
    figure: str
    a: float
    b: float
    low: float
    high: float
    p: float
    differing: int

    @property
    def difference(self) -> float:
        """a − b."""
        return self.a - self.b


@dataclass(frozen=True)
class MotionBin:
    """Text-to-video R@1 of both on the videos with so much motion."""

    low: float
    high: float
    queries: int
    a: float
    b: float


@dataclass(frozen=True)
class Comparison:
    """Two models, or two sets of runs, on the same queries.

    Attributes:
        a, b: their names. runs: how many of each.
        queries, videos: that the test rests on.
        differences: every figure in both directions; the first decides.
        by_motion: thirds of the videos by motion energy; empty where that is not known.
    """

    a: str
    b: str
    runs: tuple[int, int]
    queries: int
    videos: int
    differences: tuple[Difference, ...]
    by_motion: tuple[MotionBin, ...]

    @property
    def decisive(self) -> Difference:
        """Text-to-video R@1, chosen before looking."""
        return self.differences[0]

    @property
    def real(self) -> bool:
        """Is the deciding difference significant at the 5 % level?"""
        return self.decisive.p < LEVEL

    @property
    def verdict(self) -> str:
        """In words."""
        d = self.decisive
        figures = (
            f"Text-to-video R@1 is {d.a:.1f} for {self.a} and {d.b:.1f} for {self.b}, a difference "
            f"of {d.difference:+.1f} points (95 % interval {d.low:+.1f} to {d.high:+.1f}, "
            f"{probability(d.p)}, {self.queries:,} queries of {self.videos:,} videos)"
        )
        if self.real:
            better, other = (self.a, self.b) if d.difference > 0 else (self.b, self.a)
            return f"The difference is real: {better} is better than {other}. {figures}."
        if not d.differing:
            why = "they agree on every video"
        elif 2 ** (1 - d.differing) >= LEVEL:
            why = f"they differ on {d.differing} videos only, too few for any test"
        else:
            half = (d.high - d.low) / 2
            why = f"on this test set, differences below about {half:.1f} points drown in chance"
        return f"No real difference can be told between {self.a} and {self.b}: {why}. {figures}."

    @property
    def caution(self) -> str:
        """What the test does not cover."""
        text = "The test answers for other videos of the same kind"
        if min(self.runs) < 2:
            return text + ", not for other training seeds: there is one run of a side."
        return text + f", given these {self.runs[0]} and {self.runs[1]} runs."


def probability(p: float) -> str:
    """``p = 0.031``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def compare(
    a: Result | Sequence[Result],
    b: Result | Sequence[Result],
    *,
    names: tuple[str, str] = ("A", "B"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Test whether two models differ, query by query on the same queries.

    Each figure is a mean over queries, of hits at k or of ranks. Queries of a video are taken
    together: the differences of each video are summed. If the models were alike, each video's
    difference might as well have the other sign; p is the share of random signs that give a
    difference at least as large (Fisher's randomisation test; Smucker et al. 2007 for retrieval;
    signs by cluster, as queries of one video depend on each other), and 1 more in numerator and
    denominator (Phipson and Smyth 2010). The interval draws videos with replacement.

    Args:
        a, b: a result each, or several runs of one model, whose outcomes are averaged by query.
        names: what to call them.
        resamples: random signs, and bootstrap draws. seed: of both.

    Raises:
        NotComparable: they do not rest on the same queries and candidates.
    """
    left, right = (list(side) if isinstance(side, Sequence) else [side] for side in (a, b))
    require_same([*left, *right])
    base = left[0]
    differences = []
    for direction in DIRECTIONS:
        video = (
            base.owner if direction == "text_to_video" else np.arange(len(base.ranks[direction]))
        )
        for figure in FIGURES:
            one, two = (averaged(side, direction, figure) for side in (left, right))
            differences.append(difference(direction, figure, one, two, video, resamples, seed))
    energy = next((r.energy for r in (*left, *right) if r.energy is not None), None)
    hits = [averaged(side, "text_to_video", "r1") for side in (left, right)]
    return Comparison(
        a=names[0],
        b=names[1],
        runs=(len(left), len(right)),
        queries=len(base.owner),
        videos=len(base.ranks["video_to_text"]),
        differences=tuple(differences),
        by_motion=() if energy is None else by_motion(energy[base.owner], hits[0], hits[1]),
    )


def require_same(results: Sequence[Result]) -> None:
    """Raise `NotComparable` unless all results rest on the same queries and candidates."""
    for other in results[1:]:
        if other.key != results[0].key:
            said = [
                data["describe"]
                if (data := r.about.get("data"))
                else f"{len(r.owner):,} queries of {len(r.ranks['video_to_text']):,} videos"
                for r in (results[0], other)
            ]
            raise NotComparable(
                f"the results rest on different queries: {said[0]}, and {said[1]}",
                "evaluate both on the same data, split, protocol and files",
            )


def averaged(runs: Sequence[Result], direction: str, figure: str) -> NDArray[np.float64]:
    """A figure's value for every query, the mean over runs: hits in percent, or ranks; [Q]."""
    ranks = np.stack([run.ranks[direction] for run in runs])
    values = ranks if figure == "mean_rank" else 100.0 * (ranks <= int(figure[1:]))
    mean: NDArray[np.float64] = values.mean(0)
    return mean


def difference(
    direction: str,
    figure: str,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    video: NDArray[np.integer],
    resamples: int,
    seed: int,
) -> Difference:
    """Interval and p of the mean of a − b over queries, by video."""
    sums = np.bincount(video, a - b).astype(float)  # [V]
    sizes = np.bincount(video).astype(float)
    draws = [
        (weights @ sums) / (weights @ sizes)
        for weights in resampled(len(sums), resamples, seed, per_row=len(sums))
    ]
    low, high = percentiles(np.concatenate(draws))
    p = sign_flip(sums, resamples, seed)
    differing = int((sums != 0).sum())
    return Difference(direction, figure, float(a.mean()), float(b.mean()), low, high, p, differing)


def sign_flip(sums: NDArray[np.float64], resamples: int, seed: int) -> float:
    """p of a sum of differences [V] that is zero in expectation if signs are random."""
    left = sums[sums != 0]
    rng = np.random.default_rng(seed)
    observed = abs(left.sum()) * (1 - 1e-12)  # equal sums may round apart
    extreme = 0
    rows = max(1, CELLS // max(1, len(left)))
    for at in range(0, resamples, rows):
        shape = (min(rows, resamples - at), len(left))
        signs = rng.integers(0, 2, shape, np.int8)
        flipped = 2.0 * (signs @ left) - left.sum()
        extreme += int((np.abs(flipped) >= observed).sum())
    return (1 + extreme) / (1 + resamples)


def by_motion(
    energy: NDArray[np.float32], a: NDArray[np.float64], b: NDArray[np.float64], bins: int = 3
) -> tuple[MotionBin, ...]:
    """Hits of both, by thirds of the queries ordered by their video's motion energy."""
    found = []
    for part in np.array_split(np.argsort(energy, kind="stable"), bins):
        if len(part):
            low, high = float(energy[part].min()), float(energy[part].max())
            found.append(
                MotionBin(low, high, len(part), float(a[part].mean()), float(b[part].mean()))
            )
    return tuple(found)
