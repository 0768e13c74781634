"""Perception Encoder's published form, held to its forward pass written out plainly.

The reference follows pe.py and rope.py of facebookresearch/perception_models; here a pair of
dimensions is turned as a complex number.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from fdaclip.model import FDACLIP, BadCheckpoint, UnsupportedModel, at_hand
from fdaclip.model.checkpoints import read
from fdaclip.model.preprocess import Preprocess

NAME = "PE-Core-B16-224.pt"
POOL_HEADS = 8


def turns(side: int, size: int) -> Tensor:
    """e^{iφ} of each token's pairs of dimensions, complex [1+P,size/2]: columns, then rows."""
    rows = []
    for row, column in [(0, 0), *((y + 1, x + 1) for y in range(side) for x in range(side))]:
        speeds = [10_000 ** (-2 * i / (size // 2)) for i in range(size // 4)]
        angles = torch.tensor([at * speed for at in (column, row) for speed in speeds])
        rows.append(torch.polar(torch.ones_like(angles), angles))
    return torch.stack(rows)


def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One head, [L,d] each."""
    return torch.softmax(q @ k.T / sqrt(q.shape[-1]), -1) @ v


def image(ref: SimpleNamespace, state: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """RGB [N,3,S,S] → [N,E]."""
    s = {n.removeprefix("visual."): t for n, t in state.items() if n.startswith("visual.")}
    x = ref.patches(pixels, s["conv1.weight"])
    x = torch.cat([s["class_embedding"].expand(len(x), 1, -1), x], 1) + s["positional_embedding"]
    x = ref.layer_norm(x, s["ln_pre.weight"], s["ln_pre.bias"])
    size = 64
    by = turns(ref.SIDE // ref.PATCH, size)
    for layer in range(ref.LAYERS):
        name = f"transformer.resblocks.{layer}"
        y = ref.layer_norm(x, s[f"{name}.ln_1.weight"], s[f"{name}.ln_1.bias"])
        qkv = y @ s[f"{name}.attn.in_proj_weight"].T + s[f"{name}.attn.in_proj_bias"]
        out = torch.empty_like(x)
        for n in range(len(x)):
            for h in range(ref.WIDTH // size):
                own = slice(h * size, (h + 1) * size)
                q, k, v = (part[:, own] for part in qkv[n].chunk(3, -1))
                q, k = (
                    torch.view_as_real(torch.view_as_complex(t.reshape(len(t), -1, 2)) * by)
                    for t in (q, k)
                )
                out[n, :, own] = attended(q.flatten(1), k.flatten(1), v)
        x = x + out @ s[f"{name}.attn.out_proj.weight"].T + s[f"{name}.attn.out_proj.bias"]
        y = ref.layer_norm(x, s[f"{name}.ln_2.weight"], s[f"{name}.ln_2.bias"])
        x = x + mlp(ref, y, s, f"{name}.mlp")
    x = ref.layer_norm(x, s["ln_post.weight"], s["ln_post.bias"])
    w_q, w_k, w_v = s["attn_pool.attn.in_proj_weight"].chunk(3)
    b_q, b_k, b_v = s["attn_pool.attn.in_proj_bias"].chunk(3)
    q = s["attn_pool.probe"][0] @ w_q.T + b_q  # [1,D]
    pooled = []
    for frame in x:
        k, v = frame @ w_k.T + b_k, frame @ w_v.T + b_v
        heads = zip(*(t.chunk(POOL_HEADS, -1) for t in (q, k, v)), strict=True)
        pooled.append(torch.cat([attended(*head) for head in heads], -1)[0])
    y = torch.stack(pooled) @ s["attn_pool.attn.out_proj.weight"].T
    y = y + s["attn_pool.attn.out_proj.bias"]
    normed = ref.layer_norm(y, s["attn_pool.layernorm.weight"], s["attn_pool.layernorm.bias"])
    return (y + mlp(ref, normed, s, "attn_pool.mlp")) @ s["proj"]


def mlp(ref: SimpleNamespace, x: Tensor, s: dict[str, Tensor], name: str) -> Tensor:
    hidden = ref.gelu(x @ s[f"{name}.c_fc.weight"].T + s[f"{name}.c_fc.bias"])
    out: Tensor = hidden @ s[f"{name}.c_proj.weight"].T + s[f"{name}.c_proj.bias"]
    return out


@torch.inference_mode()
@pytest.mark.parametrize("inside", [False, True])
def test_both_towers_compute_what_the_published_program_does(
    ref: SimpleNamespace, tmp_path: Path, rgba: Tensor, ids: Tensor, inside: bool
) -> None:
    state = ref.perception_state()
    packed: Any = {"weights": {f"module.{n}": t for n, t in state.items()}} if inside else state
    path = ref.save(packed, tmp_path / NAME)
    parts = read(path)
    assert parts.format == "Perception Encoder" and parts.config.model_type == "pe"
    half = (0.5, 0.5, 0.5)
    assert parts.preprocess == Preprocess(ref.SIDE, square=True, resample=2, mean=half, std=half)
    model = FDACLIP.from_pretrained(path)
    seen = model.frame_features(rgba)
    pixels = rgba.flatten(0, 1)[:, :3].float() / 255 * 2 - 1
    torch.testing.assert_close(seen.flatten(0, 1), image(ref, state, pixels), atol=1e-5, rtol=1e-5)
    said = model.backbone.get_text_features(input_ids=ids).pooler_output
    expected = ref.text(state, ids, act=ref.gelu)
    torch.testing.assert_close(said, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_places_matter(ref: SimpleNamespace, tmp_path: Path, rgba: Tensor) -> None:
    """Without position embeddings a mirrored frame is another only by where its patches are."""
    state = ref.perception_state()
    state["visual.positional_embedding"].zero_()
    state["visual.conv1.weight"] = (
        state["visual.conv1.weight"]
        .mean((2, 3), keepdim=True)
        .expand(-1, -1, ref.PATCH, ref.PATCH)
        .clone()
    )
    model = FDACLIP.from_pretrained(ref.save(state, tmp_path / NAME))
    seen, mirrored = model.frame_features(rgba), model.frame_features(rgba.flip(-1))
    assert (seen - mirrored).abs().max() > 1e-3


def test_a_folder_with_such_a_file_is_a_model(ref: SimpleNamespace, tmp_path: Path) -> None:
    path = ref.save(ref.perception_state(), tmp_path / NAME)
    assert at_hand(tmp_path) == tmp_path
    model = FDACLIP.from_pretrained(tmp_path)
    assert model.fingerprint == FDACLIP.from_pretrained(path).fingerprint
    model.save_pretrained(tmp_path / "saved")
    assert FDACLIP.from_pretrained(tmp_path / "saved").fingerprint == model.fingerprint


def test_what_does_not_run_is_said(ref: SimpleNamespace, tmp_path: Path) -> None:
    state = ref.perception_state()
    state.pop("visual.class_embedding")
    with pytest.raises(UnsupportedModel, match=r"no class token \(as PE-Core-G14\)"):
        read(ref.save(state, tmp_path / NAME))
    state = ref.perception_state()
    state["visual.transformer.resblocks.0.ls_1.gamma"] = torch.ones(ref.WIDTH)
    state.pop("visual.attn_pool.mlp.c_fc.bias")
    with pytest.raises(BadCheckpoint, match=r"attn_pool.mlp.c_fc.bias; left over: .*ls_1.gamma"):
        read(ref.save(state, tmp_path / NAME))
    with pytest.raises(UnsupportedModel, match="it is a pe"):
        FDACLIP.from_pretrained(ref.save(ref.perception_state(), tmp_path / NAME)).save_openai(
            tmp_path / "out.pt"
        )
