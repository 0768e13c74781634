"""What a report shows: the right queries, the right bins, the row that papers print."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fdaclip.evaluate import Answers, Scores
from fdaclip.evaluate.charts import Point, bars, dots, rank_bins
from fdaclip.evaluate.contests import choose, contests
from fdaclip.evaluate.metrics import Metrics
from fdaclip.evaluate.page import by_motion
from fdaclip.evaluate.result import Outcome, Result, Row
from fdaclip.evaluate.table import markdown


@pytest.mark.parametrize("cells", [1, 30, 10**6])
def test_a_rival_is_the_best_wrong_video(cells: int) -> None:
    rng = np.random.default_rng(0)
    texts, videos = rng.standard_normal((30, 4)), rng.standard_normal((9, 4))
    owner = rng.integers(0, 9, 30)
    found = contests(Scores.of((texts,), (videos,), cells=cells), Answers.of_owners(owner))
    for q, row in enumerate(texts @ videos.T):
        wrong = np.delete(np.arange(9), owner[q])
        assert found.right[q] == pytest.approx(row[owner[q]])
        assert found.rival[q] == wrong[row[wrong].argmax()]
        assert found.margin[q] == pytest.approx(row[owner[q]] - row[wrong].max())


def test_a_single_video_has_no_rival() -> None:
    one = np.ones((1, 2))
    with pytest.raises(ValueError, match="no rival"):
        contests(Scores.of((one,), (one,)), Answers.of_owners(np.zeros(1, int)))


def test_shown_are_the_clearest_the_narrowest_and_the_lowest_one_a_video() -> None:
    scores = np.array(
        [
            [0.9, 0.1, 0.2, 0.3],  # 0: right by 0.6
            [0.8, 0.1, 0.2, 0.3],  # 0 again: right by 0.5, not shown
            [0.2, 0.4, 0.3, 0.1],  # 1: right by 0.1
            [0.50, 0.1, 0.49, 0.1],  # 2: wrong by 0.01
            [0.3, 0.4, 0.5, 0.1],  # 3: last, wrong by 0.4
        ]
    )
    owner = np.array([0, 0, 1, 2, 3])
    found = contests(Scores.of((scores,), (np.eye(4),)), Answers.of_owners(owner))
    ranks = np.array([1.0, 1, 1, 2, 4])
    choice = choose(found, ranks, owner, 4)
    assert (choice.best, choice.confused, choice.worst) == ([0, 2], [3, 4], [4, 3])
    assert choose(found, ranks, owner, 1).best == [0]


def test_rank_bins_hold_every_query_ties_too() -> None:
    ranks = np.array([1, 1.5, 2, 5, 5.5, 10, 10.5, 50, 51, 100, 100.5, 400])
    points = rank_bins(ranks)
    assert [p.label for p in points] == ["1", "2–5", "6–10", "11–20", "21–50", "51–100", "> 100"]
    assert [p.below for p in points] == ["1", "3", "2", "1", "1", "2", "2"]
    assert sum(p.value for p in points) == pytest.approx(100)


def test_motion_bins_hold_every_query_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(40), 3)
    energy = rng.random(40).astype(np.float32)
    ranks = np.where(energy[owner] > 0.5, 1.0, 9.0)
    points = by_motion(ranks, owner, energy)
    assert len(points) == 5 and {p.below for p in points} == {"8 videos"}
    assert points[0].value == 0 and points[-1].value == 100
    assert all(p.low is not None and p.high is not None for p in points)
    assert np.mean([p.value for p in points]) == pytest.approx(100 * (ranks <= 1).mean())


def test_charts_stay_inside_their_frame_and_escape_text() -> None:
    points = [Point("<a>", "1", 0.0, 0.0, 0.0), Point("b", "2", 100.0, 90.0, 100.0)]
    for svg in (bars(points, "T & T", "x"), dots(points, "T & T", "x")):
        assert "&lt;a&gt;" in svg and "T &amp; T" in svg
        heights = [float(y) for y in re.findall(r' (?:y|cy)="([-\d.]+)"', svg)]
        assert all(0 <= y <= 260 for y in heights)
        assert all(float(h) >= 0 for h in re.findall(r' height="([-\d.]+)"', svg))


def test_the_row_is_that_of_papers() -> None:
    figures = Metrics(
        r1=45.449,
        r5=70.0,
        r10=80.25,
        median_rank=2.0,
        mean_rank=15.34,
        queries=1000,
        candidates=1000,
        tied=5,
    )
    outcome = Outcome(figures, {"r1": (42.1, 48.6)})
    rows = (
        Row("a|b", "", {"text_to_video": outcome, "video_to_text": outcome}),
        Row("QB-Norm", "a bank", {"text_to_video": outcome}),
    )
    text = markdown([Result(rows, {}, np.arange(3), "k")])
    assert "| a\\|b | 45.4 | 70.0 | 80.2 | 2.0 | 15.3 | 45.4 | 70.0 | 80.2 | 2.0 | 15.3 |\n" in text
    assert "| + QB-Norm | 45.4 | 70.0 | 80.2 | 2.0 | 15.3 | – | – | – | – | – |\n" in text
    assert "1,000 queries, 1,000 videos; T→V R@1 45.4 (95 % 42.1–48.6); 5 queries tied." in text
    assert "+ QB-Norm: a bank." in text
    head, rule, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in (head, rule, *lines)} == {12}
