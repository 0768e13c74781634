"""Partners of every frame, against the definition by brute force."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fdaclip.motion import dense_pairs


def frame(k: int) -> NDArray[np.uint8]:
    return np.full((1, 1, 3), k, np.uint8)


def partner_of(times: list[float], i: int, delay: float) -> int:
    if i < len(times) - 1 and times[i] + delay <= times[-1] + 1e-6:
        shown = max(k for k, t in enumerate(times) if t <= times[i] + delay + 1e-6)
        return max(shown, i + 1)
    if i == 0:
        return len(times) - 1
    shown = [k for k, t in enumerate(times) if t <= times[i] - delay + 1e-6]
    return min(shown[-1] if shown else 0, i - 1)


@given(
    gaps=st.lists(st.integers(1, 40), min_size=0, max_size=30),
    delay=st.integers(1, 60),
)
def test_every_frame_has_the_partner_that_was_shown_then(gaps: list[int], delay: int) -> None:
    times = [float(t) / 100 for t in np.cumsum([0, *gaps])]
    found = list(dense_pairs(((t, frame(k)) for k, t in enumerate(times)), delay / 100))
    assert [pair.time for pair in found] == times
    assert [int(pair.rgb.max()) for pair in found] == list(range(len(times)))
    expected = [partner_of(times, i, delay / 100) for i in range(len(times))]
    assert [int(pair.partners.max()) for pair in found] == expected


def test_few_frames_are_held() -> None:
    given_out = 0

    def endless() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        nonlocal given_out
        while True:
            yield given_out / 25, frame(given_out % 256)
            given_out += 1

    pairs = dense_pairs(endless(), 0.2)
    for _ in range(1000):
        next(pairs)
    assert given_out < 1000 + 10


def test_the_delay_must_be_positive() -> None:
    with pytest.raises(ValueError, match="0"):
        next(dense_pairs([], 0))
