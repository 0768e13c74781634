"""Preprocessing against transformers' own processors, and masks against pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fdaclip.model import BadCheckpoint, Preprocess, UnsupportedModel
from fdaclip.model.normalise import Normalise
from fdaclip.model.preprocess import ALPHA_MEAN, ALPHA_STD, centre_crop


@dataclass
class Shot:
    rgb: NDArray[np.uint8]


@dataclass
class Moved:
    masks: NDArray[np.float32]


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def clip_processor(size: int, short: int | None = None) -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil(
        size={"shortest_edge": short or size}, crop_size={"height": size, "width": size}
    )


def siglip_processor(size: int) -> Any:
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size={"height": size, "width": size})


SIZES = [
    *[(224, 224), (224, 398), (360, 640), (641, 361), (225, 224), (1080, 1920), (101, 77)],
    *[(57, 333), (224, 225), (37, 37), (300, 225), (720, 405)],
]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_equal_clips_processor_to_the_bit(height: int, width: int) -> None:
    frames = noise(2, height, width, 3)
    preprocess = Preprocess(224)
    rgba = preprocess(Shot(frames))
    expected = clip_processor(224)(list(frames), return_tensors="pt").pixel_values
    got = Normalise(preprocess)(torch.from_numpy(rgba))
    assert torch.equal(got[:, :3], expected)
    assert (rgba[:, 3] == 255).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(8, 200), st.integers(8, 200), st.integers(9, 100), st.sampled_from([0, 0, 16, -7])
)
def test_pixels_equal_clips_processor_for_any_size(
    height: int, width: int, size: int, more: int
) -> None:
    """Odd sizes, upscaling, and a crop smaller or larger than the resized picture."""
    frames = noise(1, height, width, 3)
    preprocess = Preprocess(size, short_side=size + more if more else None)
    expected = clip_processor(size, size + more)(list(frames), return_tensors="pt").pixel_values
    got = Normalise(preprocess)(torch.from_numpy(preprocess(Shot(frames))))
    assert torch.equal(got[:, :3], expected)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_equal_siglips_processor_to_the_bit(height: int, width: int) -> None:
    frames = noise(1, height, width, 3)
    preprocess = Preprocess(96, square=True, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    expected = siglip_processor(96)(list(frames), return_tensors="pt").pixel_values
    got = Normalise(preprocess)(torch.from_numpy(preprocess(Shot(frames))))
    assert torch.equal(got[:, :3], expected)
    assert preprocess.decode_short_side is None


def test_frames_of_the_decode_size_are_not_resampled() -> None:
    preprocess = Preprocess(64)
    frames = noise(2, 64, 91, 3)
    assert preprocess.decode_short_side == 64
    cropped = frames[:, :, (91 - 64) // 2 :][:, :, :64]
    assert (preprocess(Shot(frames))[:, :3] == cropped.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize(("height", "width"), [(180, 320), (320, 180), (97, 203), (56, 56)])
@pytest.mark.parametrize("shrink", [1, 2])
def test_masks_land_where_the_pixels_do(square: bool, height: int, width: int, shrink: int) -> None:
    """A step edge drawn both in a colour channel and in a mask, also one of half the resolution."""
    for axis in (0, 1):
        low = np.zeros((height // shrink, width // shrink), np.uint8)
        cut = int(low.shape[axis] * 0.45)
        low[(slice(cut, None), slice(None)) if axis == 0 else (slice(None), slice(cut, None))] = 255
        frame = np.zeros((1, low.shape[0] * shrink, low.shape[1] * shrink, 3), np.uint8)
        frame[0, ..., 1] = low.repeat(shrink, 0).repeat(shrink, 1)
        mask = (low[None, None] / 255).astype(np.float32)
        rgba = Preprocess(56, square=square)(Shot(frame), Moved(mask))
        green, alpha = rgba[0, 1], rgba[0, 3]
        # The filters differ, so compare where each crosses half.
        crossing = [np.argmax(p.mean(1 - axis) > 127.5) for p in (green, alpha)]
        assert abs(int(crossing[0]) - int(crossing[1])) <= (shrink > 1 and low.shape[axis] < 56)
        assert 0 < crossing[0] < 56


def test_masks_of_the_picture_size_are_cropped_exactly() -> None:
    mask = np.random.default_rng(0).random((3, 1, 40, 70), np.float32)
    rgba = Preprocess(40)(Shot(noise(3, 40, 70, 3)), Moved(mask))
    assert (rgba[:, 3] == np.rint(mask[:, 0, :, 15:55] * 255).astype(np.uint8)).all()


@pytest.mark.parametrize("level", [0, 0.25, 1])
def test_flat_masks_stay_flat(level: float) -> None:
    mask = np.full((1, 1, 23, 41), level, np.float32)
    rgba = Preprocess(64)(Shot(noise(1, 90, 160, 3)), Moved(mask))
    assert (rgba[:, 3] == round(level * 255)).all()


def test_alpha_is_normalised_as_alpha_clips() -> None:
    rgba = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 4, 1, 1)
    alpha = Normalise(Preprocess())(rgba)[:, 3].flatten()
    expected = torch.tensor([-ALPHA_MEAN / ALPHA_STD, (1 - ALPHA_MEAN) / ALPHA_STD])
    torch.testing.assert_close(alpha, expected)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 8, 8, 4), np.uint8),
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
)
def test_wrong_frames_are_refused(frames: Any) -> None:
    with pytest.raises(ValueError, match="frames must be uint8"):
        Preprocess(8)(Shot(frames))


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 8, 8), (2, 2, 8, 8), (2, 1, 0, 8)])
def test_wrong_masks_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="masks must be"):
        Preprocess(8)(Shot(noise(2, 8, 8, 3)), Moved(np.zeros(shape, np.float32)))


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(),
        Preprocess(336, short_side=380, resample=2),
        Preprocess(96, square=True, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    ],
)
def test_config_goes_round_and_transformers_reads_it(
    preprocess: Preprocess, tmp_path: Path
) -> None:
    preprocess.write(tmp_path)
    assert Preprocess.read(tmp_path) == preprocess
    kind = siglip_processor(8) if preprocess.square else clip_processor(8)
    theirs = type(kind).from_pretrained(tmp_path)
    frames = noise(1, 400, 500, 3)
    expected = theirs(list(frames), return_tensors="pt").pixel_values
    got = Normalise(preprocess)(torch.from_numpy(preprocess(Shot(frames))))
    assert torch.equal(got[:, :3], expected)


def test_older_and_joint_forms_are_read(tmp_path: Path) -> None:
    """The form of OpenAI's first uploads, and transformers 5's processor_config.json."""
    old = {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True}
    old |= {"feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224}
    old |= {"image_mean": list(Preprocess().mean), "image_std": list(Preprocess().std)}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    assert Preprocess.read(tmp_path) == Preprocess()
    (tmp_path / "preprocessor_config.json").unlink()
    joint = {"image_processor": Preprocess(96).config(), "processor_class": "CLIPProcessor"}
    (tmp_path / "processor_config.json").write_text(json.dumps(joint))
    assert Preprocess.read(tmp_path) == Preprocess(96)


@pytest.mark.parametrize(
    "change",
    [
        {"do_resize": False},
        {"do_center_crop": False},
        {"size": {"height": 224, "width": 200}},
        {"size": {"shortest_edge": 224, "longest_edge": 400}},
        {"crop_size": {"height": 224, "width": 200}},
        {"do_rescale": False},
        {"rescale_factor": 1.0},
    ],
)
def test_steps_that_are_not_done_here_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    config = Preprocess().config() | change
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedModel, match="which is not done here"):
        Preprocess.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"size": {"shortest_edge": -1}}'])
def test_a_bad_config_is_one_clear_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"preprocessor_config\.json"):
        Preprocess.read(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"preprocessor_config\.json"):
        Preprocess.read(tmp_path / "nowhere")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_centre_crop_equals_transformers(height: int, width: int, size: int) -> None:
    from transformers.image_transforms import center_crop

    picture = noise(height, width, 3)
    expected = center_crop(
        picture, (size, size), data_format="channels_last", input_data_format="channels_last"
    )
    assert np.array_equal(centre_crop(picture, size), expected)
