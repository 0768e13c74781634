"""The figures of a split, held to plain counting."""

from __future__ import annotations

import json

import numpy as np
import pytest
from annotation_files import real
from hypothesis import given
from hypothesis import strategies as st

from fdaclip.data.load import plan
from fdaclip.data.summary import Spread, bar, histogram, round_step, summarise


def test_msvd_by_plain_counting() -> None:
    folder = real("msvd")
    content = json.loads((folder / "captions_msvd.json").read_text())
    names = (folder / "test_list.txt").read_text().split()
    words = [len(sentence.split()) for name in names for sentence in content[name]]
    found = summarise(plan("msvd", folder, "test"))
    assert (found.videos, found.captions, found.queries) == (670, 27_763, 27_763)
    assert found.words is not None and found.seconds is not None and found.per_video is not None
    assert (found.words.min, found.words.max) == (min(words), max(words))
    assert found.words.mean == pytest.approx(np.mean(words), abs=0.005)
    assert found.distinct == len({" ".join(s.split()) for n in names for s in content[n]})
    lengths = [int(b) - int(a) for a, b in (name.rsplit("_", 2)[1:] for name in names)]
    assert found.hours == pytest.approx(sum(lengths) / 3600, abs=0.005)


def test_lists_alone_give_videos_and_say_what_is_lacking() -> None:
    found = summarise(plan("vatex", real("vatex"), "test"))
    assert (found.videos, found.captions, found.queries) == (1500, 0, 0)
    assert found.words is None and found.lacking is not None and "vatex_data.json" in found.lacking


def test_one_video_under_two_names_is_told() -> None:
    folder = real("didemo")
    assert summarise(plan("didemo", folder, "val")).twice == 29
    assert summarise(plan("didemo", folder, "val", "CLIP4Clip")).twice == 0


@given(st.lists(st.one_of(st.integers(0, 400), st.floats(0, 800)), min_size=1, max_size=300))
def test_a_histogram_counts_all(values: list[float]) -> None:
    rows = histogram(values, "s", width=10)
    assert sum(int(row.split()[-1].replace(",", "")) for row in rows) == len(values)
    assert 1 <= len(rows) <= 13
    assert any("█" * 10 in row for row in rows)


def test_bins_of_whole_numbers_do_not_overlap() -> None:
    rows = histogram([3, 3, 4, 7], "words", width=4)
    assert [row.split()[0] for row in rows] == ["3", "4", "5", "6", "7"]
    assert [int(row.split()[-1]) for row in rows] == [2, 1, 0, 0, 1]
    assert histogram([], "s") == []


def test_spread() -> None:
    assert Spread.of([]) is None
    assert Spread.of([1, 2, 3, 10]) == Spread(4, 1.0, 2.5, 4.0, 8.95, 10.0)


@pytest.mark.parametrize(
    ("step", "rounded"), [(0.2, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (11, 20)]
)
def test_round_steps(step: float, rounded: float) -> None:
    assert round_step(step) == rounded


def test_bars() -> None:
    assert bar(1, 3) == "███" and bar(0, 3) == "   "
    assert bar(0.001, 3) == "▏  " and bar(0.5, 3) == "█▌ "
