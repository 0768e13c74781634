"""The page shows the masks that the library's model was shown."""

from __future__ import annotations

from pathlib import Path

from tiny_films import film

from fdaclip.library.page import _pictures
from fdaclip.library.search import Hit
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling


def test_masks_come_from_where_the_models_came_from(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    film(path, colour=1)
    hit = Hit(str(path), 0.0, 2.0, 0.5, 0.1, 0.1, 1.0)
    pixels, codec = (
        _pictures(hit, Sampling(2), MotionConfig(source=source)) for source in ("pixels", "codec")
    )
    assert pixels.count("<figure") == codec.count("<figure") == 2
    assert pixels != codec
