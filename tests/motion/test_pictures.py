"""Overlays and strips say what the masks say."""

from types import SimpleNamespace

import numpy as np
import pytest

from fdaclip.motion import analyse_motion, overlay, strip
from mask_scenes import Scene, draw


def test_overlay_keeps_what_moves_and_dims_the_rest() -> None:
    rgb = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    mask = np.zeros((1, 20, 30), np.float32)
    mask[:, 5:15, 10:20] = 1
    picture = overlay(rgb, mask)
    assert picture.shape == rgb.shape and picture.dtype == np.uint8
    assert (picture[20, 30] == rgb[20, 30]).all()
    assert len(set(picture[2, 2])) == 1 and picture[2, 2, 0] < 80  # grey and dim
    assert (rgb == (200, 100, 50)).all()  # the frame itself is left alone


def test_overlay_of_all_ones_is_the_frame() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert (overlay(rgb, np.ones((1, 4, 4), np.float32)) == rgb).all()


def test_overlay_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="frame"):
        overlay(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.float32))
    with pytest.raises(ValueError, match="mask"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.ones((2, 4, 4), np.float32))


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_strip_shows_every_frame_in_three_rows(camera: str) -> None:
    drawn = draw(Scene(0, camera), frames=4)
    clip = SimpleNamespace(rgb=drawn.rgb, partners=drawn.partners, times=np.arange(4) / 2)
    one = strip(clip, analyse_motion(drawn), width=100)
    assert one.mode == "RGB"
    assert one.width > 4 * 100 and one.height > 3 * 75
    with pytest.raises(ValueError, match="4 frames"):
        few = SimpleNamespace(rgb=drawn.rgb[:2], partners=drawn.partners[:2])
        strip(clip, analyse_motion(few))
