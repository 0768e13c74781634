"""How far an ``add`` is: rate and time left are of the work alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.library.report import Progress


def at(elapsed: float, share: float, **rest: float) -> Progress:
    return Progress(10, 5, 0, share, 60.0, elapsed, "", **rest)


def test_nothing_is_said_before_there_is_something_to_go_by() -> None:
    assert Progress(10, 0, 0, 0.0, 0.0, 20.0, "").left is None
    assert Progress(10, 0, 0, 0.0, 0.0, 20.0, "").rate is None
    assert at(20.0, 0.9, before=20.0, share_before=0.9).left is None


def test_loading_and_what_is_known_already_are_not_the_pace_of_the_work() -> None:
    """20 s of loading and nine tenths unchanged; then half of the rest in 30 s."""
    now = at(50.0, 0.95, before=20.0, share_before=0.9)
    assert now.left == pytest.approx(30.0)
    assert now.rate == pytest.approx(2.0)
    assert at(50.0, 0.5).left == pytest.approx(50.0)


def test_a_slow_start_and_unchanged_files_are_left_out(tmp_path: Path) -> None:
    films = tmp_path / "films"
    film(films / "a.mp4", 1)
    Library(tmp_path / "l", FakeEncoder()).add(films)
    for number in range(2, 6):
        film(films / f"{number}.mp4", number)

    def slow() -> FakeEncoder:
        time.sleep(0.5)
        return FakeEncoder()

    told: list[Progress] = []
    library = Library(tmp_path / "l")
    library._load = lambda runtime: slow()  # type: ignore[method-assign,assignment]
    library.add(films, progress=told.append)
    assert told[-1].before >= 0.5 and 0 < told[-1].share_before < 0.5
    assert told[-1].rate is not None
    assert told[-1].rate > told[-1].seconds / told[-1].elapsed
