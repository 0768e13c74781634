"""Sharp edges of things that stand must not light up when the camera moves by part of a pixel."""

from pathlib import Path

import numpy as np
import pytest

from fdaclip.data.shapes import motion_mask, plan, write
from fdaclip.motion import analyse_motion, masks
from fdaclip.video import Sampling, open_video


@pytest.fixture(scope="module")
def pans(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, Path]]:
    """Clips under a panning camera, five pixels a second, read back from H.264."""
    moving = [s for s in plan({"val": 20})["val"] if s.scene.camera.kind == "pan"][:12]
    records = write(moving, tmp_path_factory.mktemp("pans"), workers=1)
    return [(spec, record.path) for spec, record in zip(moving, records, strict=True)]


def excess(pans: list[tuple[object, Path]]) -> float:
    """Area marked where nothing moves, as a share of the movers' own."""
    shares = []
    for spec, path in pans:
        with open_video(path) as video:
            clip = video.clip(sampling=Sampling(frames=2))
        found = analyse_motion(clip).masks[:, 0] > 0.5
        for t in range(2):
            truth = motion_mask(spec, clip.times[t], clip.partner_times[t])
            shares.append((found[t] & ~truth).sum() / truth.sum())
    return float(np.mean(shares))


def test_standing_shapes_stay_dark_under_a_panning_camera(
    pans: list[tuple[object, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forgiving = excess(pans)
    monkeypatch.setattr(masks, "EDGE", 0.0)
    assert forgiving < 0.25
    assert forgiving < 0.7 * excess(pans)
