"""One tower for all: the backbone's own forward, and what guidance changes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fdaclip.model import FDACLIP, BadCheckpoint
from fdaclip.model.attention import AttentionBias
from fdaclip.model.prune import Prune
from fdaclip.model.settings import Settings
from fdaclip.model.tower import FrameTower

Draw = Callable[..., NDArray[np.uint8]]
SIDE, PATCH = 48, 16


@pytest.fixture(params=["clip", "siglip", "pe"])
def model(request: pytest.FixtureRequest) -> FDACLIP:
    """With an alpha slice that does something."""
    model = FDACLIP.from_pretrained(request.getfixturevalue(f"{request.param}_folder"))
    with torch.no_grad():
        model.backbone.vision_model.embeddings.patch_embedding.alpha.normal_(std=0.02)  # type: ignore[union-attr]
    return model


def guided(model: FDACLIP, **ways: Any) -> FrameTower:
    return FrameTower(model.backbone, model.normalise, replace(model.settings, **ways)).eval()


def half_moving(draw: Draw, frames: int = 3) -> Tensor:
    """Random frames whose left column of patches moves."""
    rgba = draw(frames, 4, SIDE, SIDE)
    rgba[:, 3] = 0
    rgba[:, 3, :, :PATCH] = 255
    return torch.from_numpy(rgba)


def changed_where(rgba: Tensor, static: bool) -> Tensor:
    """Other pixels in the patches that stand still, or in those that move."""
    other = rgba.clone()
    columns = slice(PATCH, None) if static else slice(None, PATCH)
    other[:, :3, :, columns] = 255 - other[:, :3, :, columns]
    return other


@torch.inference_mode()
def test_unguided_it_is_the_backbones_own_forward_to_the_bit(
    model: FDACLIP, random_rgba: Draw
) -> None:
    rgba = torch.from_numpy(random_rgba(3, 4, SIDE, SIDE))
    expected = model.backbone.get_image_features(pixel_values=model.normalise(rgba)).pooler_output
    assert torch.equal(model.tower(rgba), expected)


@torch.inference_mode()
@pytest.mark.parametrize("ways", [{}, {"attention": AttentionBias(0.1)}])
def test_thrift_changes_no_feature(model: FDACLIP, random_rgba: Draw, ways: dict[str, Any]) -> None:
    settings, rgba = replace(model.settings, **ways), half_moving(random_rgba)
    thrifty = FrameTower(model.backbone, model.normalise, settings, thrifty=True).eval()
    torch.testing.assert_close(thrifty(rgba), guided(model, **ways)(rgba), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("merge", [False, True])
def test_computing_chosen_patches_one_by_one_is_computing_them(
    model: FDACLIP, random_rgba: Draw, merge: bool
) -> None:
    rgba = torch.from_numpy(random_rgba(2, 4, SIDE, SIDE))
    every = torch.arange(9).expand(2, -1)
    torch.testing.assert_close(model.tower(rgba, every), model.tower(rgba), atol=1e-5, rtol=1e-5)
    embedded = model.tower._embed(rgba, None)  # [2,9,D]
    some = torch.tensor([[0, 3, 8], [1, 2, 4]])
    tower = guided(model, prune=Prune(0.3, merge=merge))
    got = tower._embed(rgba, some)
    for frame, (rows, numbers) in enumerate(zip(got, some.tolist(), strict=True)):
        others = [number for number in range(9) if number not in numbers]
        expected = embedded[frame, numbers]
        if merge:
            mean = embedded[frame, others].mean(0, keepdim=True)
            expected = torch.cat([expected, mean])
        torch.testing.assert_close(rows, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_dropped_patches_do_not_matter_unless_merged(model: FDACLIP, random_rgba: Draw) -> None:
    rgba = half_moving(random_rgba)
    static, moving = changed_where(rgba, True), changed_where(rgba, False)
    left = torch.tensor([0, 3, 6]).expand(3, -1)
    tower = guided(model, prune=Prune(1 / 3))
    assert torch.equal(tower(rgba, left), tower(static, left))
    assert not torch.allclose(tower(rgba, left), tower(moving, left))
    merging = guided(model, prune=Prune(1 / 3, merge=True))
    assert not torch.allclose(merging(rgba, left), merging(static, left))


@torch.inference_mode()
def test_a_mask_of_ones_biases_nothing(model: FDACLIP, random_rgba: Draw) -> None:
    rgba = torch.from_numpy(random_rgba(3, 4, SIDE, SIDE))
    rgba[:, 3] = 255
    tower = guided(model, attention=AttentionBias(0.01))
    torch.testing.assert_close(tower(rgba), model.tower(rgba), atol=1e-5, rtol=1e-5)
    rgba[:, 3, :, PATCH:] = 0
    assert not torch.allclose(tower(rgba), model.tower(rgba), atol=1e-4)


@torch.inference_mode()
def test_with_almost_no_floor_the_class_token_sees_only_what_moves(
    plain_clip: Callable[..., Any], save_plain: Any, random_rgba: Draw, tmp_path: Path
) -> None:
    from fdaclip.model import Preprocess

    folder = save_plain(plain_clip(num_hidden_layers=1), tmp_path / "one", Preprocess(SIDE))
    model = FDACLIP.from_pretrained(folder)  # one layer: patches don't meet before they are read
    rgba = half_moving(random_rgba)
    tower = guided(model, attention=AttentionBias(1e-12))
    torch.testing.assert_close(tower(changed_where(rgba, True)), tower(rgba), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(tower(changed_where(rgba, False)), tower(rgba), atol=1e-4)


@torch.inference_mode()
def test_a_probes_attention_is_multiplied_by_the_motion(
    siglip_folder: Path, random_rgba: Draw
) -> None:
    model = FDACLIP.from_pretrained(siglip_folder)
    floor, rgba = 0.2, half_moving(random_rgba, 1)
    head = model.backbone.vision_model.head
    seen: list[Tensor] = []
    remembered = head.attention.register_forward_hook(
        lambda module, given, result: seen.extend((given[0], given[1]))
    )
    model.tower(rgba)
    remembered.remove()
    probe, states = seen
    weights = head.attention(probe, states, states, average_attn_weights=False)[1]  # [1,h,1,9]
    share = torch.tensor([1.0, 0.0, 0.0]).repeat(3)
    weights = weights * (floor + share) / (floor + 1)
    weights = weights / weights.sum(-1, keepdim=True)
    width, heads = states.shape[2], head.attention.num_heads
    value = torch.nn.functional.linear(
        states, head.attention.in_proj_weight[2 * width :], head.attention.in_proj_bias[2 * width :]
    )
    mixed = weights @ value.unflatten(2, (heads, -1)).transpose(1, 2)  # [1,h,1,D/h]
    pooled = head.attention.out_proj(mixed.transpose(1, 2).flatten(2))
    expected = (pooled + head.mlp(head.layernorm(pooled)))[:, 0]
    got = guided(model, attention=AttentionBias(floor))(rgba)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_only_the_chosen_layers_are_guided(clip_folder: Path, random_rgba: Draw) -> None:
    model = FDACLIP.from_pretrained(clip_folder)
    rgba = half_moving(random_rgba)

    def features(*layers: int) -> Tensor:
        return guided(model, attention=AttentionBias(0.05, layers))(rgba)

    assert torch.equal(features(), model.tower(rgba))
    assert torch.equal(features(-1), features(1)) and torch.equal(features(0, 1), features(-2, -1))
    assert not torch.allclose(features(0), features(1), atol=1e-4)
    everywhere = guided(model, attention=AttentionBias(0.05))(rgba)
    assert torch.equal(everywhere, features(0, 1))


def test_a_layer_that_is_not_there_is_named(clip_folder: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"layers \[7\] are not in a tower of 2"):
        FDACLIP.from_pretrained(clip_folder, attention=AttentionBias(layers=(0, 7)))
    with pytest.raises(ValueError, match="floor must be above 0"):
        AttentionBias(0)


def test_keeping_all_is_not_pruning(clip_folder: Path, random_rgba: Draw) -> None:
    clips = [random_rgba(3, 4, SIDE, SIDE, seed=seed) for seed in (1, 2)]
    plain, whole = (
        FDACLIP.from_pretrained(clip_folder, **more) for more in ({}, {"prune": Prune(1.0)})
    )
    np.testing.assert_array_equal(plain.encode_rgba(clips), whole.encode_rgba(clips))


@pytest.mark.parametrize("prune", [Prune(0.4), Prune(0.9, adaptive=True), Prune(0.4, merge=True)])
def test_a_clips_vector_is_the_same_in_any_company(
    model: FDACLIP, random_rgba: Draw, prune: Prune
) -> None:
    pruned = FDACLIP(
        model.backbone, model.tokens, model.preprocess, replace(model.settings, prune=prune)
    ).eval()
    clips = [random_rgba(3, 4, SIDE, SIDE, seed=seed) for seed in range(3)]
    for clip, moving in zip(clips, (0, 1, 3), strict=True):
        clip[:, 3] = 0
        clip[:, 3, :, : moving * PATCH] = 255
    alone = np.concatenate([pruned.encode_rgba([clip]) for clip in clips])
    np.testing.assert_array_equal(pruned.encode_rgba(clips), alone)
    with torch.inference_mode():
        joint = pruned.encode_frames(torch.from_numpy(np.stack(clips)))
    np.testing.assert_allclose(joint, alone, atol=1e-5)


def test_what_is_trained_under_pruning_has_gradients(model: FDACLIP, random_rgba: Draw) -> None:
    ways: dict[str, Any] = {"prune": Prune(0.4, merge=True), "attention": AttentionBias(0.1)}
    tower = guided(model, **ways)
    rgba = half_moving(random_rgba)
    tower(rgba, torch.tensor([0, 3, 6]).expand(3, -1)).square().sum().backward()
    embedding = model.backbone.vision_model.embeddings.patch_embedding
    for weight in (embedding.weight, embedding.alpha):
        assert weight.grad is not None and weight.grad.abs().sum() > 0  # type: ignore[union-attr,operator]


def test_guidance_is_saved_and_is_part_of_the_identity(clip_folder: Path, tmp_path: Path) -> None:
    plain = FDACLIP.from_pretrained(clip_folder)
    ways: dict[str, Any] = {
        "attention": AttentionBias(0.2, (-1,)),
        "prune": Prune(0.5, adaptive=True, merge=True),
    }
    fingerprints = {plain.fingerprint}
    for name, way in ways.items():
        model = FDACLIP.from_pretrained(clip_folder, **{name: way})
        assert model.fingerprint not in fingerprints
        fingerprints.add(model.fingerprint)
    both = FDACLIP.from_pretrained(clip_folder, **ways)
    both.save_pretrained(tmp_path / "both")
    again = FDACLIP.from_pretrained(tmp_path / "both")
    assert again.settings == both.settings and again.fingerprint == both.fingerprint
    assert not {"attention", "prune"} & set(plain.settings.identity())  # libraries stay valid


@pytest.mark.parametrize(
    ("ways", "needs"),
    [
        ({"guidance": "none"}, False),
        ({"guidance": "alpha"}, True),
        ({"guidance": "none", "prune": Prune()}, True),
        ({"guidance": "none", "attention": AttentionBias()}, True),
    ],
)
def test_masks_are_made_only_where_they_are_used(
    ways: dict[str, Any], needs: bool, clip_folder: Path
) -> None:
    class Moving:
        """A bright square that jumps across a dark picture."""

        rgb = np.zeros((1, SIDE, SIDE, 3), np.uint8)
        partners = np.zeros((1, SIDE, SIDE, 3), np.uint8)

    Moving.rgb[:, 8:20, 8:20] = 255
    Moving.partners[:, 28:40, 28:40] = 255
    assert Settings(**ways).needs_masks is needs
    rgba = FDACLIP.from_pretrained(clip_folder, **ways).prepare(Moving())
    assert bool((rgba[:, 3] < 255).any()) is needs
