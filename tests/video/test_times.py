"""Which times are looked at."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdaclip.video import Sampling, Window, rate_times, uniform_times, windows

seconds = st.floats(0.01, 1e5, allow_nan=False)


@given(st.floats(0.01, 1e3), st.floats(1, 600))
def test_windows_tile_the_video_evenly(duration: float, length: float) -> None:
    cut = windows(duration, length)
    assert cut[0].start == 0
    assert cut[-1].end == duration
    assert all(a.end == b.start for a, b in pairwise(cut))
    shortest, longest = min(w.length for w in cut), max(w.length for w in cut)
    assert longest - shortest < 1e-6
    assert longest <= 1.5 * length + 1e-6
    assert len(cut) == 1 or shortest >= 0.75 * length - 1e-6


@given(
    st.floats(0.01, 1e3),
    st.floats(0.3, 60),
    st.lists(st.floats(-10, 1100, allow_nan=False), max_size=40),
)
def test_windows_tile_the_video_and_respect_its_cuts(
    duration: float, length: float, cuts: list[float]
) -> None:
    cut = windows(duration, length, cuts)
    assert cut[0].start == 0
    assert cut[-1].end == duration
    assert all(a.end == b.start for a, b in pairwise(cut))
    assert max(w.length for w in cut) <= 1.5 * length + 1e-6
    assert min(w.length for w in cut) >= min(0.5, 0.75 * length, duration) - 1e-6
    for a, b in pairwise(cut):
        assert b.shot == a.shot or (b.shot == a.shot + 1 and b.start in cuts)
        assert b.shot != a.shot or abs(a.length - b.length) < 1e-6
    starts = {w.start for w in cut}
    for inside in [c for c in cuts if 0 < c < duration and c not in starts]:
        # its shot was too short: another edge is near
        near = [0.0, duration, *(c for c in cuts if c in starts)]
        assert min(abs(inside - edge) for edge in near) < min(0.5, length)


def test_every_shot_has_a_window() -> None:
    cut = windows(30.0, 8.0, [27.0, 3.0, 3.0, 3.2, 29.9])
    assert [(w.start, w.end, w.shot) for w in cut] == [
        (0.0, 3.0, 0),
        (3.0, 11.0, 1),
        (11.0, 19.0, 1),
        (19.0, 27.0, 1),
        (27.0, 30.0, 2),
    ]
    assert windows(0.3, 8.0, [0.1, 0.2]) == [Window(0.0, 0.3)]
    assert [w.start for w in windows(4.0, 8.0, [0.2, 0.4, 0.6])] == [0.0, 0.6]


@given(st.integers(1, 100), st.floats(0, 1e4), seconds)
def test_uniform_times_are_the_centres_of_equal_segments(
    count: int, start: float, length: float
) -> None:
    times = uniform_times(count, start, start + length)
    assert len(times) == count
    step = length / count
    assert np.allclose(times, [start + (i + 0.5) * step for i in range(count)])
    assert start < times[0]
    assert times[-1] < start + length


@given(st.floats(0.1, 120), st.floats(0, 1e3), st.floats(0, 100))
def test_rate_times_stay_within(rate: float, start: float, length: float) -> None:
    times = rate_times(rate, start, start + length)
    assert times[0] == start
    assert len(times) >= 1
    assert np.allclose(np.diff(times), 1 / rate)
    assert len(times) == 1 or times[-1] < start + length
    assert times[-1] + 1 / rate >= start + length - 1e-6


@pytest.mark.parametrize("frames", [0, -1, 2.5, True])
def test_senseless_frame_counts(frames: object) -> None:
    with pytest.raises(ValueError, match="frames"):
        Sampling(frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("partner", [0, -1.0, math.nan, math.inf, "next"])
def test_senseless_partners(partner: object) -> None:
    with pytest.raises(ValueError, match="partner"):
        Sampling(partner=partner)  # type: ignore[arg-type]


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (math.nan, 1), (0, math.inf)])
def test_senseless_windows(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(start, end)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_windows_refuse_what_is_no_length(value: float) -> None:
    with pytest.raises(ValueError, match="duration"):
        windows(value)
    with pytest.raises(ValueError, match="length"):
        windows(10.0, value)
