"""The RGBA patch embedding: plain CLIP until trained, Alpha-CLIP when it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fdaclip.model import FDACLIP, Preprocess
from fdaclip.model.patch import RGBAPatchEmbedding


@pytest.mark.parametrize("bias", [False, True])
def test_equals_a_four_channel_convolution_and_is_saved_as_one(bias: bool) -> None:
    embedding = RGBAPatchEmbedding(nn.Conv2d(3, 20, 8, 8, bias=bias))
    nn.init.normal_(embedding.alpha)
    plain = nn.Conv2d(4, 20, 8, 8, bias=bias)
    assert {k: v.shape for k, v in embedding.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    plain.load_state_dict(embedding.state_dict())
    x = torch.randn(3, 4, 40, 24)
    torch.testing.assert_close(embedding(x), plain(x))


def test_state_goes_round() -> None:
    one, other = (RGBAPatchEmbedding(nn.Conv2d(3, 5, 4, 4)) for _ in range(2))
    nn.init.normal_(one.alpha)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.weight, other.weight) and torch.equal(one.alpha, other.alpha)


def test_a_three_channel_state_gives_a_zero_alpha() -> None:
    embedding = RGBAPatchEmbedding(nn.Conv2d(3, 5, 4, 4))
    nn.init.normal_(embedding.alpha)
    plain = nn.Conv2d(3, 5, 4, 4)
    embedding.load_state_dict(plain.state_dict())
    assert torch.equal(embedding.weight, plain.weight)
    assert not embedding.alpha.any()


def test_another_shape_is_refused() -> None:
    embedding = RGBAPatchEmbedding(nn.Conv2d(3, 5, 4, 4, bias=False))
    for shape in [(5, 5, 4, 4), (5, 4, 4, 8), (6, 4, 4, 4), (5,)]:
        with pytest.raises(RuntimeError):
            embedding.load_state_dict({"weight": torch.zeros(shape)})
    with pytest.raises(RuntimeError, match="weight"):
        embedding.load_state_dict({})


def test_the_alpha_slice_gets_a_gradient_from_zero(random_rgba: Any) -> None:
    model = FDACLIP.small()
    rgba = torch.from_numpy(random_rgba(2, 3, 4, 56, 56))
    texts = model.encode_tokens(**model.tokenize(["a dog", "a cat"]))
    (model.encode_frames(rgba) * texts).sum().backward()
    alpha = model.backbone.vision_model.embeddings.patch_embedding.alpha
    assert alpha.grad is not None and alpha.grad.abs().max() > 0


@pytest.mark.parametrize(
    "vision",
    [
        {},
        {"image_size": 224, "patch_size": 32, "hidden_size": 768, "num_attention_heads": 12},
        {"image_size": 112, "patch_size": 14, "hidden_size": 96},
    ],
    ids=["tiny", "as B/32", "as L/14"],
)
def test_zero_alpha_is_plain_clip_to_the_bit(
    vision: dict[str, Any], plain_clip: Any, save_plain: Any, random_rgba: Any, tmp_path: Path
) -> None:
    """Frame features, from the bytes on, against transformers' processor and 3-channel model."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    plain = plain_clip(**vision)
    size = plain.config.vision_config.image_size
    model = FDACLIP.from_pretrained(save_plain(plain, tmp_path / "clip", Preprocess(size)))
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )
    rgba = random_rgba(12, 4, size, size)  # any masks
    pixels = processor(list(rgba[:, :3].transpose(0, 2, 3, 1)), return_tensors="pt").pixel_values
    with torch.inference_mode():
        expected = plain.get_image_features(pixel_values=pixels).pooler_output
        normalised = model.normalise(torch.from_numpy(rgba))
        got = model.backbone.get_image_features(pixel_values=normalised).pooler_output
    assert torch.equal(normalised[:, :3], pixels)
    assert torch.equal(got, expected)


def test_without_guidance_a_trained_alpha_is_ignored_to_the_bit(random_rgba: Any) -> None:
    guided, twin = FDACLIP.small(7), FDACLIP.small(7, guidance="none")
    for model in (guided, twin):
        nn.init.normal_(model.backbone.vision_model.embeddings.patch_embedding.alpha)
    some = random_rgba(4, 4, 56, 56)
    other = some.copy()
    other[:, 3] = 255 - other[:, 3]
    assert (twin.encode_rgba([some]) == twin.encode_rgba([other])).all()
    assert (guided.encode_rgba([some]) != guided.encode_rgba([other])).any()


def test_twins_start_with_the_same_weights() -> None:
    guided, twin = FDACLIP.small(7).state_dict(), FDACLIP.small(7, guidance="none").state_dict()
    assert guided.keys() == twin.keys()
    assert all(torch.equal(guided[name], twin[name]) for name in guided)
    assert any(not torch.equal(guided[n], t) for n, t in FDACLIP.small(8).state_dict().items())


class AlphaTower(nn.Module):
    """The vision tower of Alpha-CLIP, written out from its paper and CLIP's: two convolutions
    added before the position embeddings, pre-norm blocks with QuickGELU, joint qkv."""

    def __init__(self, width: int, patch: int, tokens: int, layers: int, heads: int, out: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.conv1_alpha = nn.Conv2d(1, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(tokens, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleList(
            nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(layers)
        )
        self.ln_1 = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.ln_2 = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.c_fc = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(layers))
        self.c_proj = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))
        self.proj = nn.Parameter(width**-0.5 * torch.randn(width, out))

    def forward(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        x = (self.conv1(rgb) + self.conv1_alpha(alpha)).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1)
        x = self.ln_pre(x + self.positional_embedding)
        for attn, ln_1, ln_2, c_fc, c_proj in zip(
            self.attn, self.ln_1, self.ln_2, self.c_fc, self.c_proj, strict=True
        ):
            y = ln_1(x)
            x = x + attn(y, y, y, need_weights=False)[0]
            y = c_fc(ln_2(x))
            x = x + c_proj(y * torch.sigmoid(1.702 * y))
        return self.ln_post(x[:, 0]) @ self.proj


def test_equals_an_alpha_clip_tower(plain_clip: Any) -> None:
    torch.manual_seed(0)
    tower = AlphaTower(width=64, patch=16, tokens=10, layers=2, heads=2, out=32).eval()
    backbone = plain_clip()
    vision = backbone.vision_model
    embedding = RGBAPatchEmbedding(vision.embeddings.patch_embedding)
    vision.embeddings.patch_embedding = embedding
    with torch.no_grad():
        embedding.weight.copy_(tower.conv1.weight)
        embedding.alpha.copy_(tower.conv1_alpha.weight)
        vision.embeddings.class_embedding.copy_(tower.class_embedding)
        vision.embeddings.position_embedding.weight.copy_(tower.positional_embedding)
        vision.pre_layrnorm.load_state_dict(tower.ln_pre.state_dict())
        vision.post_layernorm.load_state_dict(tower.ln_post.state_dict())
        backbone.visual_projection.weight.copy_(tower.proj.T)
        for i, layer in enumerate(vision.encoder.layers):
            layer.layer_norm1.load_state_dict(tower.ln_1[i].state_dict())
            layer.layer_norm2.load_state_dict(tower.ln_2[i].state_dict())
            layer.mlp.fc1.load_state_dict(tower.c_fc[i].state_dict())
            layer.mlp.fc2.load_state_dict(tower.c_proj[i].state_dict())
            joint = tower.attn[i]
            layer.self_attn.out_proj.load_state_dict(joint.out_proj.state_dict())
            parts = ("q_proj", "k_proj", "v_proj")
            for part, weight, bias in zip(
                parts, joint.in_proj_weight.chunk(3), joint.in_proj_bias.chunk(3), strict=True
            ):
                getattr(layer.self_attn, part).weight.copy_(weight)
                getattr(layer.self_attn, part).bias.copy_(bias)
        pixels = torch.randn(5, 4, 48, 48)
        got = backbone.get_image_features(pixel_values=pixels).pooler_output
        torch.testing.assert_close(got, tower(pixels[:, :3], pixels[:, 3:]), atol=1e-5, rtol=1e-5)
