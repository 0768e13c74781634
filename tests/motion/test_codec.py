"""Masks from motion vectors, against scenes whose motion is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Clip, Vectors, open_video, write_video
from mask_scenes import Scene, dense, iou

CODEC = MotionConfig(source="codec")


def filmed(scene: Scene, path: Path, *, vectors: bool = True) -> Clip:
    write_video(path, dense(scene, 1.2, rate=25), 25, crf=23, preset="medium")
    with open_video(path) as video:
        return video.clip(5, vectors=vectors)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_static_camera_mask_covers_the_mover(tmp_path: Path, seed: int) -> None:
    scene = Scene(seed, size=192, noise=2)
    clip = filmed(scene, tmp_path / "scene.mp4")
    assert clip.vectors is not None
    motion = analyse_motion(clip, MotionConfig(source="codec", short_side=192))
    assert set(motion.kind) == {"moving"}
    assert not motion.compensated.any() and (motion.camera == np.eye(2, 3)).all()
    own = [scene.mover_mask(t) for t in clip.times]
    union = [scene.truth(t, t + 1 / 6) for t in clip.times]
    masks = motion.masks[:, 0] > 0.5
    assert np.mean([iou(m, t) for m, t in zip(masks, union, strict=True)]) > 0.4
    assert np.mean([(m & t).sum() / t.sum() for m, t in zip(masks, own, strict=True)]) > 0.6
    assert (motion.energy > 0).all() and (motion.energy < 0.5).all()


@pytest.mark.parametrize("camera", ["static", "pan", "zoom", "turn"])
def test_without_a_mover_nothing_moves(tmp_path: Path, camera: str) -> None:
    clip = filmed(Scene(4, camera, size=192, mover=False, noise=2), tmp_path / "scene.mp4")
    motion = analyse_motion(clip, CODEC)
    assert motion.share.max() < 0.03
    assert motion.kind.count("still") >= 3
    if camera != "static":
        assert motion.compensated.sum() >= 4
    if camera == "pan":
        without = analyse_motion(clip, MotionConfig(source="codec", camera=False))
        assert set(without.kind) != {"still"}


def test_the_global_motion_is_the_cameras(tmp_path: Path) -> None:
    scene = Scene(2, "pan", size=192, mover=False)
    clip = filmed(scene, tmp_path / "scene.mp4")
    assert clip.vectors is not None
    motion = analyse_motion(clip, MotionConfig(source="codec", short_side=192))
    way = scene.view(0.0)[:, 2] - scene.view(1.0)[:, 2]  # px a second that the ground moves
    centre = np.array([128, 96, 1])
    for found, span in zip(motion.camera, clip.vectors.spans, strict=True):
        np.testing.assert_allclose(found @ centre - centre[:2], way * span, atol=0.5)


def test_without_vectors_it_is_the_pixels(tmp_path: Path) -> None:
    clip = filmed(Scene(0), tmp_path / "scene.mp4", vectors=False)
    by_pixels, by_codec = analyse_motion(clip), analyse_motion(clip, CODEC)
    assert (by_pixels.masks == by_codec.masks).all() and by_pixels.kind == by_codec.kind


def test_vectors_without_partners_are_no_pixels(tmp_path: Path) -> None:
    clip = filmed(Scene(0), tmp_path / "scene.mp4")
    with pytest.raises(ValueError, match="instead of partners; hint"):
        analyse_motion(clip)


@dataclass(frozen=True)
class Told:
    """Frames, no partners, and what vectors the test has made up."""

    rgb: NDArray[np.uint8]
    vectors: Vectors

    @property
    def partners(self) -> NDArray[np.uint8]:
        return self.rgb[:0]


def told(moves: NDArray[np.float64], rows: slice = slice(None)) -> Told:
    """One textured frame of 256 × 192 px and a field of 24 × 32 cells; black but for `rows`."""
    rgb = np.zeros((1, 192, 256, 3), np.uint8)
    noise = np.random.default_rng(1).integers(30, 225, (24, 32), dtype=np.uint8)
    rgb[0, rows] = np.kron(noise, np.ones((8, 8), np.uint8))[rows, :, None]
    return Told(rgb, Vectors(moves.astype(np.float32)[None], np.array([1 / 6]), (192, 256)))


def seen(clip: Told) -> tuple[str, NDArray[np.bool_]]:
    motion = analyse_motion(clip, MotionConfig(source="codec", short_side=192, soft=False))
    return motion.kind[0], motion.masks[0, 0, 4::8, 4::8] > 0.5


def test_a_moving_square_of_cells() -> None:
    moves = np.zeros((24, 32, 2))
    moves[8:14, 10:18] = (6, -2)
    kind, cells = seen(told(moves))
    assert kind == "moving"
    assert cells[9:13, 11:17].all()
    assert not cells[:6].any() and not cells[:, :7].any() and not cells[17:].any()


@pytest.mark.parametrize("times", [0.5, 1.5, 2, 3])
def test_a_part_found_in_an_earlier_picture_stands_with_the_camera(times: float) -> None:
    moves = np.tile(np.array((8.0, 4.0)), (24, 32, 1))
    moves[8:14, 10:18] *= times
    assert seen(told(moves))[0] == "still"
    moves[8:14, 10:18] = (-3, 0)
    kind, cells = seen(told(moves))
    assert kind == "moving" and cells[9:13, 11:17].all() and cells.mean() < 0.15


def test_lone_cells_are_noise() -> None:
    moves = np.zeros((24, 32, 2))
    moves[3::5, 2::5] = (9, 9)
    assert seen(told(moves))[0] == "still"


def test_intra_cells_move_in_moving_company_alone() -> None:
    moves = np.zeros((24, 32, 2))
    moves[8:14, 10:18] = (6, -2)
    moves[10:12, 12:16] = np.nan
    moves[4, 25] = np.nan
    kind, cells = seen(told(moves))
    assert kind == "moving" and cells[9:13, 11:17].all() and not cells[:7].any()


def test_hardly_anything_found_is_a_cut() -> None:
    moves = np.full((24, 32, 2), np.nan)
    assert seen(told(moves))[0] == "cut"
    moves[:8] = 0
    assert seen(told(moves))[0] == "cut"


def test_a_plain_ground_says_nothing() -> None:
    moves = np.random.default_rng(0).normal(0, 9, (24, 32, 2))
    moves[:, :20] = 0
    clip = told(moves)
    clip.rgb[0, :, 20 * 8 :] = 128
    motion = analyse_motion(clip, CODEC)
    assert motion.share[0] < 0.15  # but for the rim of what has texture


def test_black_bars_are_no_picture() -> None:
    moves = np.tile(np.array((8.0, 0.0)), (24, 32, 1))
    moves[:4] = moves[20:] = 0
    kind, _ = seen(told(moves, slice(32, 160)))
    assert kind == "still"


def test_each_frame_is_judged_by_itself(tmp_path: Path) -> None:
    clip = filmed(Scene(1, "handheld", size=128), tmp_path / "scene.mp4")
    together = analyse_motion(clip, CODEC)
    assert clip.vectors is not None
    for t in range(len(clip.times)):
        one = slice(t, t + 1)
        vectors = Vectors(clip.vectors.moves[one], clip.vectors.spans[one], clip.vectors.size)
        alone = analyse_motion(Told(clip.rgb[one], vectors), CODEC)
        assert (alone.masks[0] == together.masks[t]).all()
        assert alone.energy[0] == together.energy[t]
