"""Fixtures of the library's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of five different films, one of them in a folder below."""
    folder = tmp_path / "films"
    for number in range(4):
        film(folder / f"{number}.mp4", colour=number)
    film(folder / "below" / "4.mp4", colour=4)
    return folder
