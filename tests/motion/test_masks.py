"""The masks against scenes whose motion is known."""

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fdaclip.motion import MotionConfig, analyse_motion, dynamic_masks
from mask_scenes import CAMERAS, PARTNER, DrawnPairs, Scene, draw, iou


def pairs(rgb: NDArray[np.uint8], partners: NDArray[np.uint8]) -> DrawnPairs:
    return DrawnPairs(rgb, partners, np.zeros(rgb.shape[:3], bool))


def texture(height: int = 112, width: int = 150, seed: int = 0) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 190, (height // 5 + 2, width // 5 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def with_square(
    ground: NDArray[np.uint8], left: int, top: int, side: int = 24
) -> NDArray[np.uint8]:
    picture = ground.copy()
    picture[top : top + side, left : left + side] = (240, 240, 30)
    return picture


def mean_iou(scene: Scene, config: MotionConfig | None = None) -> float:
    drawn = draw(scene, frames=6)
    masks = dynamic_masks(drawn, config)
    return float(np.mean([iou(m[0], t) for m, t in zip(masks, drawn.truth, strict=True)]))


@pytest.mark.parametrize("size", [112, 224])
def test_static_camera_mask_covers_the_mover(size: int) -> None:
    scores = []
    for seed in range(3):
        drawn = draw(Scene(seed, size=size), frames=6)
        for mask, truth in zip(dynamic_masks(drawn), drawn.truth, strict=True):
            full = cv2.resize(mask[0], truth.shape[::-1])
            scores.append(iou(full, truth))
    assert np.mean(scores) > 0.75


@pytest.mark.parametrize("camera", CAMERAS[1:])
def test_moving_camera_mask_covers_the_mover_once_compensated(camera: str) -> None:
    with_it = np.mean([mean_iou(Scene(seed, camera)) for seed in range(3)])
    without = np.mean(
        [mean_iou(Scene(seed, camera), MotionConfig(camera=False)) for seed in range(3)]
    )
    assert with_it > 0.7
    assert with_it > without + 0.15


@pytest.mark.parametrize("camera", CAMERAS[1:])
def test_camera_motion_alone_is_no_motion(camera: str) -> None:
    drawn = draw(Scene(4, camera, mover=False, noise=1.5), frames=6)
    motion = analyse_motion(drawn)
    assert set(motion.kind) == {"still"}
    assert motion.share.max() < 0.002
    uncompensated = analyse_motion(drawn, MotionConfig(camera=False))
    assert uncompensated.share.max() > 0.005


def test_the_accepted_transform_is_the_cameras() -> None:
    scene = Scene(2, "handheld")
    drawn = draw(scene, frames=6)
    motion = analyse_motion(drawn)
    height, width = scene.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    times = (np.arange(6) + 0.5) * 2 / 6
    for t, found, accepted in zip(times, motion.camera, motion.compensated, strict=True):
        here = np.vstack([scene.view(t), [0, 0, 1]])
        there = np.vstack([scene.view(t + PARTNER), [0, 0, 1]])
        true = (np.linalg.inv(there) @ here @ corners.T)[:2].T
        if accepted:
            assert np.abs(corners @ found.T - true).max() < 1.0  # px at the corners
    assert motion.compensated.sum() >= 5


def test_a_still_video_gets_all_ones_and_says_so() -> None:
    frame = np.stack([texture()] * 3)
    motion = analyse_motion(pairs(frame, frame))
    assert motion.kind == ("still",) * 3
    assert (motion.masks == 1).all()
    assert (motion.share == 0).all() and (motion.energy == 0).all()
    assert (motion.camera == np.eye(2, 3)).all() and not motion.compensated.any()


@pytest.mark.parametrize(
    "scene",
    [
        Scene(0, mover=False, noise=8),
        Scene(1, mover=False, noise=12),
        Scene(2, mover=False, flicker=0.15),
        Scene(3, mover=False, flicker=0.15, noise=3),
    ],
    ids=["noise 8", "noise 12", "flicker", "both"],
)
def test_noise_and_flicker_alone_are_still(scene: Scene) -> None:
    assert set(analyse_motion(draw(scene, frames=6)).kind) == {"still"}


@pytest.mark.parametrize("setting", [{"noise": 8}, {"flicker": 0.15}], ids=["noise", "flicker"])
def test_a_mover_is_found_through_noise_and_flicker(setting: dict[str, float]) -> None:
    assert np.mean([mean_iou(Scene(seed, **setting)) for seed in range(3)]) > 0.65


def test_a_cut_and_a_flash_get_all_ones_and_say_so() -> None:
    frame = texture(seed=1)
    white = np.full_like(frame, 255)
    stripes = np.where(np.arange(150)[:, None] // 9 % 2, 255 - frame, frame).astype(np.uint8)
    motion = analyse_motion(
        pairs(
            np.stack([frame, stripes, frame]),
            np.stack([texture(seed=9) // 3, 255 - stripes, white]),
        )
    )
    assert motion.kind == ("cut", "cut", "cut")
    assert (motion.masks == 1).all()
    assert (motion.share > MotionConfig().max_share).all()


def test_each_pair_is_judged_by_itself() -> None:
    drawn = draw(Scene(5, "handheld"), frames=6)
    together = analyse_motion(drawn)
    order = np.array([3, 0, 5, 2, 4, 1])
    shuffled = analyse_motion(pairs(drawn.rgb[order], drawn.partners[order]))
    assert (shuffled.masks == together.masks[order]).all()
    assert (shuffled.share == together.share[order]).all()
    for t in range(6):
        alone = analyse_motion(pairs(drawn.rgb[t : t + 1], drawn.partners[t : t + 1]))
        assert (alone.masks[0] == together.masks[t]).all()
        assert alone.energy[0] == together.energy[t]
    again = analyse_motion(drawn)
    assert (again.masks == together.masks).all() and (again.camera == together.camera).all()


@settings(max_examples=15, deadline=None)
@given(dx=st.integers(-30, 30), dy=st.integers(-20, 20))
def test_masks_move_with_the_picture(dx: int, dy: int) -> None:
    """Away from the border a shifted scene has the shifted mask."""
    wide = texture(240, 320, seed=3)
    config = MotionConfig(camera=False)

    def seen(x: int, y: int) -> NDArray[np.float32]:
        view = wide[64 - y : 64 - y + 112, 80 - x : 80 - x + 150]
        first, second = with_square(view, 60 + x, 44 + y), with_square(view, 68 + x, 48 + y)
        return dynamic_masks(pairs(first[None], second[None]), config)[0, 0]

    home, away = seen(0, 0), seen(dx, dy)
    moved = np.roll(home, (dy, dx), axis=(0, 1))
    assert (np.abs(moved - away) < 0.5).mean() > 0.995


def test_the_mover_is_covered_in_both_places_and_holes_are_filled() -> None:
    ground = texture(seed=2)
    first, second = with_square(ground, 40, 30, 40), with_square(ground, 47, 37, 40)
    mask = dynamic_masks(pairs(first[None], second[None]))[0, 0]
    assert mask[40:70, 50:78].min() > 0.5  # a flat mover differs at its edges only
    assert mask[:, :25].max() == 0 and mask[:, 105:].max() == 0
    hollow = dynamic_masks(pairs(first[None], second[None]), MotionConfig(fill_holes=False))[0, 0]
    assert hollow[50:56, 60:66].max() == 0


def test_specks_are_dropped() -> None:
    ground = texture(seed=2)
    config = MotionConfig(min_share=0)
    speck = with_square(ground, 60, 60, 3)
    found = analyse_motion(pairs(ground[None], speck[None]), config)
    assert found.share[0] == 0
    kept = analyse_motion(pairs(ground[None], speck[None]), replace(config, min_component=0))
    assert kept.share[0] > 0


def test_letterbox_bars_stay_out_of_the_statistics() -> None:
    ground = texture(80, 150, seed=6)
    first, second = with_square(ground, 30, 30), with_square(ground, 40, 34)
    plain = analyse_motion(pairs(first[None], second[None]))
    bars = ((0, 0), (20, 20), (0, 0), (0, 0))
    boxed = analyse_motion(pairs(np.pad(first[None], bars), np.pad(second[None], bars)))
    assert boxed.share[0] == pytest.approx(plain.share[0], rel=0.35)
    assert boxed.masks[0, 0, :18].max() < 0.5 and boxed.masks[0, 0, -18:].max() < 0.5


def test_what_the_partner_does_not_cover_is_no_motion() -> None:
    wide = texture(140, 200, seed=7)
    frame, partner = wide[10:122, 10:160], wide[10:122, 28:178]  # 18 px come in at the right
    motion = analyse_motion(pairs(frame[None], partner[None]))
    assert motion.compensated[0] and motion.kind == ("still",)
    assert motion.camera[0, 0, 2] == pytest.approx(-18, abs=0.3)


def test_a_textured_mover_on_a_plain_ground_does_not_pass_for_the_camera() -> None:
    plain = np.full((112, 150, 3), 120, np.uint8)
    cloth = texture(50, 50, seed=8)
    first, second = plain.copy(), plain.copy()
    first[30:80, 40:90], second[30:80, 52:102] = cloth, cloth
    motion = analyse_motion(pairs(first[None], second[None]))
    assert not motion.compensated[0]
    truth = np.zeros((112, 150), bool)
    truth[30:80, 40:102] = True
    assert iou(motion.masks[0, 0], truth) > 0.7


def test_soft_and_binary_agree_on_the_region() -> None:
    drawn = draw(Scene(1), frames=3)
    soft, hard = (dynamic_masks(drawn, MotionConfig(soft=soft)) for soft in (True, False))
    assert set(np.unique(hard)) == {0, 1}
    assert soft.dtype == hard.dtype == np.float32
    assert soft.min() >= 0 and soft.max() <= 1
    assert ((soft > 0.02) & (soft < 0.98)).any()
    assert ((soft > 0.5) == (hard > 0.5)).mean() > 0.99


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((40, 30), (40, 30)),
        ((224, 398), (112, 199)),
        ((360, 202), (200, 112)),
        ((16, 16), (16, 16)),
    ],
)
def test_mask_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    frames = np.zeros((1, *size, 3), np.uint8)
    assert dynamic_masks(pairs(frames, frames)).shape == (1, 1, *expected)


def test_tiny_and_black_frames_are_still() -> None:
    for size in ((1, 1), (2, 9), (7, 5), (33, 33)):
        for value in (0, 90, 255):
            frames = np.full((1, *size, 3), value, np.uint8)
            assert analyse_motion(pairs(frames, frames)).kind == ("still",)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 99), soft=st.booleans()
)
def test_any_two_pictures_give_a_mask_in_range(
    height: int, width: int, seed: int, soft: bool
) -> None:
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 256, (2, 2, height, width, 3), dtype=np.uint8)
    motion = analyse_motion(pairs(a, b), MotionConfig(soft=soft))
    assert motion.masks.shape == (2, 1, height, width)
    assert motion.masks.min() >= 0 and motion.masks.max() <= 1
    assert (motion.share >= 0).all() and (motion.share <= 1).all()
    assert (motion.energy >= 0).all() and (motion.energy <= 1).all()


@pytest.mark.parametrize(
    ("rgb", "partners", "message"),
    [
        (np.zeros((2, 9, 9, 3)), np.zeros((2, 9, 9, 3)), "float64"),
        (np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), "T,H,W,3"),
        (np.zeros((2, 9, 9, 3), np.uint8), np.zeros((1, 9, 9, 3), np.uint8), "pair"),
        (np.zeros((0, 9, 9, 3), np.uint8), np.zeros((0, 9, 9, 3), np.uint8), "T,H,W,3"),
    ],
)
def test_wrong_arrays_are_refused(rgb: NDArray, partners: NDArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse_motion(DrawnPairs(rgb, partners, np.zeros(1, bool)))


def test_the_process_keeps_its_opencv_threads() -> None:
    code = (
        "import cv2; cv2.setNumThreads(3); import numpy as np, fdaclip.motion as m;"
        "from types import SimpleNamespace as N; f = np.zeros((1, 64, 64, 3), np.uint8);"
        "m.analyse_motion(N(rgb=f, partners=f)); assert cv2.getNumThreads() == 3;"
        "import sys; assert not {'torch', 'transformers', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
