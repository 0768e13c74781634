"""The generated benchmark: what it promises about splits, sentences, pictures and its bound."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fdaclip.data.shapes import (
    ClipSpec,
    blind_bound,
    frames,
    motion_mask,
    mover_mask,
    plan,
    read_specs,
    vocabulary,
    write,
)
from fdaclip.data.shapes.scene import BEATS, COLOURS, RATE, SIDE, Motion, displacement, motions
from fdaclip.video import open_video

SCENES = {"train": 12, "val": 4, "test": 8}


@pytest.fixture(scope="module")
def specs() -> dict[str, list[ClipSpec]]:
    return plan(SCENES, seed=3)


def test_a_seed_decides_everything(specs: dict[str, list[ClipSpec]]) -> None:
    assert plan(SCENES, seed=3) == specs
    assert plan(SCENES, seed=4) != specs
    first = specs["test"][0]
    for a, b in zip(frames(first), frames(first), strict=True):
        assert (a == b).all()


def test_splits_share_no_scene_and_no_mover_with_its_course(
    specs: dict[str, list[ClipSpec]],
) -> None:
    scenes = {split: {spec.scene.seed for spec in clips} for split, clips in specs.items()}
    pairs = {
        split: [(s.identity, s.motion.path, s.motion.direction) for s in clips]
        for split, clips in specs.items()
    }
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not scenes[a] & scenes[b]
        assert not set(pairs[a]) & set(pairs[b])
    for split in ("val", "test"):
        assert len(set(pairs[split])) == len(pairs[split]) == 4 * SCENES[split]
        sentences = [spec.captions[0] for spec in specs[split]]
        assert len(set(sentences)) == len(sentences)


def test_cameras_stand_still_and_move(specs: dict[str, list[ClipSpec]]) -> None:
    kinds = {spec.scene.camera.kind for clips in specs.values() for spec in clips}
    assert kinds == {"still", "pan", "shake", "zoom"}


def test_a_sentence_names_the_mover_and_nothing_else(specs: dict[str, list[ClipSpec]]) -> None:
    known = set(vocabulary())
    for clips in specs.values():
        for spec in clips:
            others = {s.colour for s in spec.scene.shapes} - {spec.identity[1]}
            for caption in spec.captions:
                words = set(caption.split())
                assert words <= known
                assert spec.identity[1] in words
                assert not words & others


@pytest.mark.parametrize("motion", motions())
def test_every_motion_is_home_in_the_middle_of_each_beat(motion: Motion) -> None:
    for beat in range(BEATS):
        for offset in displacement(motion, beat + 0.5):
            assert offset == pytest.approx(SIDE * round(offset / SIDE), abs=1e-9)
        x, y = displacement(motion, beat + 0.5 + 1 / 6)
        assert np.hypot(x, y) > 5  # and has gone somewhere a partner later


def test_clips_of_a_scene_show_the_same_picture_once_a_beat(
    specs: dict[str, list[ClipSpec]],
) -> None:
    """What makes the bound of a blind model a bound: it is shown identical pictures."""
    for first in range(0, len(specs["test"]), 4):
        twins = [list(frames(spec)) for spec in specs["test"][first : first + 4]]
        for beat in range(BEATS):
            index = round((beat + 0.5) * RATE)
            for other in twins[1:]:
                assert (other[index] == twins[0][index]).all()
            assert any((other[index + 2] != twins[0][index + 2]).any() for other in twins[1:])


def test_the_true_mask_is_where_twins_differ(specs: dict[str, list[ClipSpec]]) -> None:
    one, other = specs["test"][0], specs["test"][1]
    time = 0.5 + 2 / RATE
    index = round(time * RATE)
    pictures = [list(frames(spec))[index].astype(int) for spec in (one, other)]
    differing = np.abs(pictures[0] - pictures[1]).max(2) > 0
    homes = mover_mask(one, 0.5) | mover_mask(other, 0.5)
    truth = mover_mask(one, time) | mover_mask(other, time) | homes
    if one.scene.camera.kind == "still":
        grown = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        assert not (differing & ~grown).any()
    assert (differing & truth).sum() > 0.5 * truth.sum()


def test_motion_mask_is_the_union_of_both_places(specs: dict[str, list[ClipSpec]]) -> None:
    still = [s for s in specs["test"] + specs["train"] if s.scene.camera.kind == "still"]
    for spec in still[:8]:
        union = mover_mask(spec, 0.5) | mover_mask(spec, 0.5 + 1 / 6)
        assert (motion_mask(spec, 0.5, 0.5 + 1 / 6) == union).all()


def test_bound_equals_the_score_of_the_best_blind_model() -> None:
    """Simulate it: know every scene by heart, then guess among the clips that hold the shape."""
    clips = plan({"test": 30}, seed=1)["test"]
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):
        for spec in clips:
            fitting = [c for c in clips if spec.identity in {s.identity for s in c.scene.shapes}]
            hits.append(fitting[rng.integers(len(fitting))] == spec)
    assert blind_bound(clips) == pytest.approx(100 * np.mean(hits), abs=1)


def test_files_are_written_once_and_read_back(
    specs: dict[str, list[ClipSpec]], tmp_path: Path
) -> None:
    clips = specs["val"][:4]
    counts: list[tuple[int, int]] = []
    records = write(clips, tmp_path, workers=1, progress=lambda *seen: counts.append(seen))
    assert counts[-1] == (4, 4)
    assert read_specs(tmp_path) == clips
    stamps = [record.path.stat().st_mtime_ns for record in records]
    records[0].path.unlink()
    assert write(clips, tmp_path, workers=1) == records
    assert [r.path.stat().st_mtime_ns for r in records][1:] == stamps[1:]

    for record, spec in zip(records, clips, strict=True):
        drawn = list(frames(spec))
        with open_video(record.path) as video:
            read = video.frames_at([index / RATE for index in range(len(drawn))])
        assert not read.lost
        error = np.abs(read.rgb.astype(int) - np.stack(drawn)).mean()
        assert error < 8, "the file does not show what was drawn"


def test_another_plan_replaces_the_files(specs: dict[str, list[ClipSpec]], tmp_path: Path) -> None:
    write(specs["val"][:2], tmp_path, workers=1)
    write(specs["val"][2:4], tmp_path, workers=1)
    assert {p.stem for p in tmp_path.glob("*.mp4")} == {s.name for s in specs["val"][2:4]}


def test_colours_are_told_apart_without_their_names() -> None:
    values = np.array(list(COLOURS.values()), float)
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    assert distances[~np.eye(len(values), dtype=bool)].min() > 60
