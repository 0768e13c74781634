"""Clips are always T frames of the stretch that was asked for, whatever the file does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graded_films import film, number

from fdaclip.data import Augmentation, Clips, Dataset, Frames, Record
from fdaclip.data.frames import Wanted, sample, whole
from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig
from fdaclip.video import Clip, Sampling, Truncated, VideoError, open_video

FRAMES = Frames(Sampling(4), MotionConfig(), Preprocess(48), 48)


def test_a_view_is_what_the_model_prepares_itself(films: Path) -> None:
    from fdaclip.motion import analyse_motion

    record = Record("a", films / "a.mp4", ("x",), 0.5, 2.0)
    with open_video(record.path) as video:
        clip = video.clip(4, start=0.5, end=2.0, short_side=48)
    motion = analyse_motion(clip, FRAMES.motion)
    dataset = Dataset("own", "all", "own", (record,), 1, (None,))
    view = Clips(dataset, FRAMES).view(0)
    assert (view.rgba == FRAMES.preprocess(clip, motion)).all()
    assert (view.energy == motion.energy).all() and view.kind == motion.kind


def test_a_draw_without_augmentation_is_the_view(films: Path) -> None:
    clips = Clips([Record("a", films / "a.mp4", ("x",))], FRAMES)
    assert (clips.draw(0, np.random.default_rng(0)) == clips[0]).all()


@pytest.mark.parametrize("partner", [1 / 6, "sampled"])
def test_segments_are_drawn_from_within(films: Path, partner: float) -> None:
    """The films have 30 frames, 7.5 a segment; the grey of each tells which it is."""
    sampling, rng = Sampling(4, partner), np.random.default_rng(0)  # type: ignore[arg-type]
    seen: list[set[int]] = [set() for _ in range(4)]
    for _ in range(12):
        places = rng.random(4)
        clip = sample(films / "b.mp4", 0.0, None, Wanted(sampling, MotionConfig(), None), places)
        assert clip.rgb.shape == clip.partners.shape == (4, 48, 64, 3) and not clip.lost
        for t in range(4):
            shown = round(number(clip.rgb[t]))
            assert shown == pytest.approx(np.floor(7.5 * (t + places[t])), abs=0.5)
            seen[t].add(shown)
            other = round(number(clip.partners[t]))
            if partner == "sampled":
                assert other == round(number(clip.rgb[t + 1 if t < 3 else 2]))
            else:
                assert abs(other - shown) in (1, 2)
    assert all(len(numbers) > 3 for numbers in seen)


def test_segments_with_chance_and_words(films: Path) -> None:
    record = Record("a", films / "a.mp4", ("it goes right", "a square"))
    clips = Clips([record], FRAMES, augmentation=Augmentation(flip=1.0))
    rng = np.random.default_rng(0)
    assert (clips.draw(0, rng) == clips[0]).all()
    assert (clips.draw(0, rng, caption="it goes right") == clips[0]).all()
    assert (clips.draw(0, rng, caption="a square") == clips[0][..., ::-1]).all()


def test_an_end_behind_the_end_is_the_end(films: Path) -> None:
    path = films / "a.mp4"
    one, other = (sample(path, 1.0, end, replace(FRAMES, short_side=None)) for end in (None, 30.0))
    assert (one.times == other.times).all() and one.end == other.end == pytest.approx(3.0)


def test_a_stretch_behind_the_end_is_an_error(films: Path) -> None:
    clips = Clips([Record("a", films / "a.mp4", ("x",), 5.0, 6.0)], FRAMES)
    with pytest.raises(Truncated, match=r"a\.mp4: ends at 3\.00 s, and 5\.00 s onwards"):
        clips[0]


def test_what_is_lost_is_filled_with_the_nearest() -> None:
    rgb = np.arange(3, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 2, 2, 3), np.uint8)
    times = np.array([1.0, 2.0, 5.0])
    clip = Clip(rgb, rgb + 9, times, times + 0.1, (3.0, 4.0, 6.0), Path("x"), 0.0, 7.0)
    filled = whole(clip, 6)
    assert filled.rgb[:, 0, 0, 0].tolist() == [0, 1, 1, 2, 2, 2]
    assert (filled.partners == filled.rgb + 9).all()
    assert filled.times.tolist() == [1, 2, 2, 5, 5, 5]


def test_a_cut_file_still_gives_all_frames(tmp_path: Path) -> None:
    """The index at its front promises more than the file has."""
    path = film(tmp_path / "long.mp4", frames=50)
    content = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(len(content) * 0.8)])
    with open_video(tmp_path / "cut.mp4") as video:
        assert len(video.clip(4).lost) == 2
    clips = Clips([Record("cut", tmp_path / "cut.mp4", ("x",))], FRAMES)
    assert clips[0].shape == (4, 4, 48, 48)
    places = Clips(clips.records, FRAMES, augmentation=Augmentation(segments=True))
    assert places.draw(0, np.random.default_rng(1)).shape == (4, 4, 48, 48)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"")
    clips = Clips([Record("bad", tmp_path / "bad.mp4", ("x",))], FRAMES)
    for ask in (lambda: clips[0], lambda: clips.draw(0, np.random.default_rng(0))):
        with pytest.raises(VideoError, match=r"bad\.mp4"):
            ask()


def test_a_record_of_a_moved_file(films: Path, tmp_path: Path) -> None:
    shutil.copy(films / "a.mp4", tmp_path / "z.mp4")
    records = [Record("a", films / "a.mp4", ("x",)), Record("z", tmp_path / "z.mp4", ("x",))]
    one, other = (Clips([record], replace(FRAMES))[0] for record in records)
    assert (one == other).all()


def test_the_room_loads_without_torch() -> None:
    """A loader's workers must not each wait for torch, nor hold it in memory."""
    ask = "import fdaclip.data, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask]).returncode == 0
