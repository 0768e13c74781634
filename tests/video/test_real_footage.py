"""Real footage, where it is at hand: exact frames in every clip."""

from pathlib import Path

import numpy as np
import pytest
from films import full_decode

from fdaclip.video import open_video, uniform_times

CLIPS = Path(__file__).parents[2].parent / "shared" / "data" / "clips"
ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".gif"}
ALL = sorted(path for path in CLIPS.glob("*") if path.suffix in ENDINGS)
QUICK = {"intel_bird.mkv", "intel_classroom.gif", "udacity_vehicle_test.mp4"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=() if p.name in QUICK else pytest.mark.slow) for p in ALL],
    ids=lambda path: path.name,
)
def test_clip_of_real_footage_is_exact(path: Path) -> None:
    truth = full_decode(path, every=10**9)  # times alone: a whole film of pictures is too much
    with open_video(path) as video:
        clip = video.clip(short_side=64)
        index = [truth.at(t) for t in uniform_times(12, 0, video.duration)]
        partner = [truth.partner(i, 1 / 6) for i in index]
        assert clip.lost == ()
        np.testing.assert_allclose(clip.times, truth.times[index], atol=1e-9)
        np.testing.assert_allclose(clip.partner_times, truth.times[partner], atol=1e-9)
        wanted = {round(t, 9): rgb for t, rgb in zip(clip.times, clip.rgb, strict=True)}
    with open_video(path) as video:  # the same pictures as reading all of them
        compared = 0
        for t, rgb in video.iter_frames(short_side=64):
            if round(t, 9) in wanted:
                np.testing.assert_array_equal(rgb, wanted[round(t, 9)])
                compared += 1
        assert compared == len(wanted)


def test_an_old_x264_is_known_after_a_jump() -> None:
    """Its version, on which decoding 4:4:4 depends, stands in the first packet alone."""
    path = CLIPS / "dlc_openfield_mouse.mp4"
    if not path.exists():
        pytest.skip("no real footage here")
    with open_video(path) as video:
        clip = video.clip(1, start=10, end=12, short_side=64)  # two keyframes into it
    assert clip.lost == ()
    with open_video(path) as video:
        read = next(rgb for t, rgb in video.iter_frames(short_side=64) if t >= clip.times[0] - 1e-9)
    np.testing.assert_array_equal(clip.rgb[0], read)
