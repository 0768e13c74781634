"""What every family of backbones promises: no mask seen until taught, whole saving, training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fdaclip.model import FDACLIP, HeadConfig
from fdaclip.model.backbone import KINDS
from fdaclip.model.families import family_of
from fdaclip.model.zoo.backbone import FAMILIES

Draw = Callable[..., NDArray[np.uint8]]
SIDE = 48


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest) -> Path:
    """A plain one as published, with three channels."""
    found: Path = request.getfixturevalue(f"{request.param}_folder")
    return found


@pytest.fixture
def plain(folder: Path, request: pytest.FixtureRequest) -> Any:
    """The model in that folder, as its own class has it."""
    return request.getfixturevalue(folder.name)


def test_the_zoo_knows_the_kinds_that_are_built() -> None:
    assert FAMILIES == KINDS


@torch.no_grad()
def test_a_mask_changes_nothing_until_it_is_taught(
    folder: Path, plain: Any, random_rgba: Draw
) -> None:
    """To the bit: a plain backbone's own features of the pixels alone."""
    model = FDACLIP.from_pretrained(folder)
    rgba = torch.from_numpy(random_rgba(1, 3, 4, SIDE, SIDE))
    pixels = model.normalise(rgba[0])[:, :3]
    expected = plain.get_image_features(pixel_values=pixels).pooler_output
    assert torch.equal(model.frame_features(rgba)[0], expected)
    other = rgba.clone()
    other[:, :, 3] = 255 - other[:, :, 3]
    assert torch.equal(model.frame_features(other)[0], expected)
    model.backbone.vision_model.embeddings.patch_embedding.alpha.normal_()  # type: ignore[union-attr]
    assert not torch.equal(model.frame_features(other), model.frame_features(rgba))


@torch.no_grad()
def test_it_comes_back_as_it_was_saved(folder: Path, tmp_path: Path, random_rgba: Draw) -> None:
    model = FDACLIP.from_pretrained(folder)
    model.backbone.vision_model.embeddings.patch_embedding.alpha.normal_(std=0.1)  # type: ignore[union-attr]
    model.save_pretrained(tmp_path / "saved")
    again = FDACLIP.from_pretrained(tmp_path / "saved")
    assert again.fingerprint == model.fingerprint != FDACLIP.from_pretrained(folder).fingerprint
    assert type(again.backbone) is type(model.backbone)
    clip, words = random_rgba(2, 4, SIDE, SIDE), ["a red circle moves left", ""]
    assert np.array_equal(again.encode_rgba([clip]), model.encode_rgba([clip]))
    assert np.array_equal(again.encode_texts(words), model.encode_texts(words))


@pytest.mark.parametrize("kind", ["mean", "wti"])
def test_all_of_it_learns_and_checkpointing_changes_no_gradient(
    folder: Path, random_rgba: Draw, kind: Any
) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = FDACLIP.from_pretrained(folder, head=HeadConfig(kind))
        model.set_trainable("full")
        model.gradient_checkpointing(checkpointing)
        model.train()
        video = model.video_features(torch.from_numpy(random_rgba(2, 2, 4, SIDE, SIDE)))
        text = model.text_features(**model.tokenize(["a red dog", "a blue circle moves"]))
        model.score(text, video).diagonal().sum().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    layers = {n for n in gradients[0] if "vision_model.encoder.layers" in n}
    assert len(layers) == 2 * 16 and any("alpha" in n for n in gradients[0])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_adapters_stand_beside_every_layer_and_fold(folder: Path, random_rgba: Draw) -> None:
    pytest.importorskip("peft")
    model = FDACLIP.from_pretrained(folder)
    clip = random_rgba(2, 4, SIDE, SIDE)
    model.set_trainable("lora", rank=2)
    names = [n for n, p in model.named_parameters() if p.requires_grad and ".lora_B" in n]
    assert len([n for n in names if "vision_model" in n]) == 4 * family_of(model.backbone).depth
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B" in name:
                parameter.normal_(std=0.05)
    adapted = model.encode_rgba([clip])
    model.set_trainable("frozen")
    np.testing.assert_allclose(model.encode_rgba([clip]), adapted, atol=1e-5)
