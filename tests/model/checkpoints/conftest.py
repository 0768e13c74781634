"""Random weights in the forms that others publish, and their forward passes written out plainly.

The reference is plain arithmetic on a state dict: no module of torch's, of transformers' or ours.
Names and steps follow openai/CLIP's clip/model.py, SunzeY/AlphaCLIP's alpha_clip/model.py and
ArrowLuo/CLIP4Clip's modules/modeling.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor

State = dict[str, Tensor]
WORDS = ["a", "red", "blue", "circle", "dog", "moves", "left", "runs"]
BEGIN, END = len(WORDS) + 1, len(WORDS) + 2  # after "?", the last two as in CLIP's vocabulary
COUNT = len(WORDS) + 3
CONTEXT, WIDTH, TEXT_WIDTH, SHARED, PATCH, SIDE, LAYERS = 12, 128, 64, 64, 16, 48, 2


# -- the parts of a transformer -------------------------------------------------------------------


def quick_gelu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-1.702 * x))


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / sqrt(2))) / 2


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float = 1e-5) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return weight * centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + epsilon) + bias


def attention(x: Tensor, qkv: Tensor, heads: int, causal: bool) -> Tensor:
    """[N,L,D] from the joint projection [N,L,3D], a head and a sequence at a time."""
    count, length, width = x.shape
    size = width // heads
    out = torch.empty_like(x)
    for n in range(count):
        for h in range(heads):
            q, k, v = (
                qkv[n, :, part * width + h * size : part * width + (h + 1) * size]
                for part in range(3)
            )
            scores = q @ k.T / sqrt(size)
            if causal:
                later = torch.ones(length, length).triu(1).bool()
                scores = scores.masked_fill(later, -torch.inf)
            out[n, :, h * size : (h + 1) * size] = torch.softmax(scores, -1) @ v
    return out


def block(
    x: Tensor,
    state: State,
    name: str,
    *,
    heads: int,
    act: Callable[[Tensor], Tensor] = quick_gelu,
    causal: bool = False,
    epsilon: float = 1e-5,
) -> Tensor:
    """One residual block of OpenAI's names below `name`."""

    def weight(part: str) -> tuple[Tensor, Tensor]:
        return state[f"{name}.{part}weight"], state[f"{name}.{part}bias"]

    y = layer_norm(x, *weight("ln_1."), epsilon)
    w, b = weight("attn.in_proj_")
    y = attention(y, y @ w.T + b, heads, causal)
    w, b = weight("attn.out_proj.")
    x = x + y @ w.T + b
    y = layer_norm(x, *weight("ln_2."), epsilon)
    w, b = weight("mlp.c_fc.")
    y = act(y @ w.T + b)
    w, b = weight("mlp.c_proj.")
    return x + y @ w.T + b


# -- whole towers ---------------------------------------------------------------------------------


def patches(pixels: Tensor, weight: Tensor) -> Tensor:
    """[N,C,S,S] → [N,patches,D]: each patch times the kernel."""
    size = weight.shape[-1]
    cut = pixels.unfold(2, size, size).unfold(3, size, size)  # [N,C,h,w,P,P]
    flat = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)  # [N,h·w,C·P·P]
    return flat @ weight.flatten(1).T


def image(
    state: State,
    pixels: Tensor,
    *,
    alpha: Tensor | None = None,
    prefix: str = "visual.",
    heads: int = WIDTH // 64,
    act: Callable[[Tensor], Tensor] = quick_gelu,
) -> Tensor:
    """RGB [N,3,S,S], and with Alpha-CLIP the mask [N,1,S,S] → [N,E]."""
    s = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    x = patches(pixels, s["conv1.weight"])
    if alpha is not None:
        x = x + patches(alpha, s["conv1_alpha.weight"])
    first = s["class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, x], 1) + s["positional_embedding"]
    x = layer_norm(x, s["ln_pre.weight"], s["ln_pre.bias"])
    for n in range(LAYERS):
        x = block(x, s, f"transformer.resblocks.{n}", heads=heads, act=act)
    return layer_norm(x[:, 0], s["ln_post.weight"], s["ln_post.bias"]) @ s["proj"]


def text(
    state: State,
    ids: Tensor,
    *,
    heads: int = TEXT_WIDTH // 64,
    act: Callable[[Tensor], Tensor] = quick_gelu,
) -> Tensor:
    """[N,L] → [N,E], read at each sentence's highest token."""
    x = state["token_embedding.weight"][ids] + state["positional_embedding"][: ids.shape[1]]
    for n in range(LAYERS):
        name = f"transformer.resblocks.{n}"
        x = block(x, state, name, heads=heads, act=act, causal=True)
    x = layer_norm(x, state["ln_final.weight"], state["ln_final.bias"])
    return x[torch.arange(len(x)), ids.argmax(1)] @ state["text_projection"]


def clip4clip(state: State, frames: Tensor, ids: Tensor) -> Tensor:
    """Its logits [Q,V] for RGB frames [V,T,3,S,S]: `_loose_similarity`, meanP or seqTransf."""
    clip = {n.removeprefix("clip."): t for n, t in state.items() if n.startswith("clip.")}
    seen = image(clip, frames.flatten(0, 1)).view(*frames.shape[:2], -1)  # [V,T,E]
    if "frame_position_embeddings.weight" in state:
        x = seen + state["frame_position_embeddings.weight"][: seen.shape[1]]
        for n in range(3):
            name = f"transformerClip.resblocks.{n}"
            x = block(x, state, name, heads=max(1, SHARED // 64), epsilon=1e-12)
        seen = x + seen
    seen = seen / seen.norm(dim=-1, keepdim=True)
    videos = seen.mean(1)
    videos = videos / videos.norm(dim=-1, keepdim=True)
    said = text(clip, ids)
    said = said / said.norm(dim=-1, keepdim=True)
    return clip["logit_scale"].exp() * said @ videos.T


# -- random weights -------------------------------------------------------------------------------


def draw(shapes: dict[str, tuple[int, ...]], seed: int) -> State:
    """Normal numbers; gains about one."""
    source = torch.Generator().manual_seed(seed)
    state = {name: torch.randn(shape, generator=source) * 0.1 for name, shape in shapes.items()}
    for name in state:
        if ".ln_" in f".{name}" and name.endswith("weight"):
            state[name] += 1
    return state


def block_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = {
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width),
        "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width),
        "mlp.c_proj.bias": (width,),
    }
    norms = {f"ln_{n}.{kind}": (width,) for n in (1, 2) for kind in ("weight", "bias")}
    return {f"{name}.{part}": shape for part, shape in (parts | norms).items()}


def openai_state(seed: int = 0) -> State:
    """Both towers in OpenAI's names."""
    shapes: dict[str, tuple[int, ...]] = {
        "visual.conv1.weight": (WIDTH, 3, PATCH, PATCH),
        "visual.class_embedding": (WIDTH,),
        "visual.positional_embedding": ((SIDE // PATCH) ** 2 + 1, WIDTH),
        "visual.ln_pre.weight": (WIDTH,),
        "visual.ln_pre.bias": (WIDTH,),
        "visual.ln_post.weight": (WIDTH,),
        "visual.ln_post.bias": (WIDTH,),
        "visual.proj": (WIDTH, SHARED),
        "token_embedding.weight": (COUNT, TEXT_WIDTH),
        "positional_embedding": (CONTEXT, TEXT_WIDTH),
        "ln_final.weight": (TEXT_WIDTH,),
        "ln_final.bias": (TEXT_WIDTH,),
        "text_projection": (TEXT_WIDTH, SHARED),
    }
    for n in range(LAYERS):
        shapes |= block_shapes(f"visual.transformer.resblocks.{n}", WIDTH)
        shapes |= block_shapes(f"transformer.resblocks.{n}", TEXT_WIDTH)
    return draw(shapes, seed) | {"logit_scale": torch.tensor(2.5)}


def alpha_state(seed: int = 5) -> State:
    """Alpha-CLIP's vision tower, as `model.visual.state_dict()` names it."""
    visual = {n: t for n, t in openai_state(seed).items() if n.startswith("visual.")}
    state = {
        n.removeprefix("visual.").replace("in_proj_", "in_proj."): t for n, t in visual.items()
    }
    return state | draw({"conv1_alpha.weight": (WIDTH, 1, PATCH, PATCH)}, seed + 1)


def clip4clip_state(sequence: bool) -> State:
    """`pytorch_model.bin.N`, with three layers over 10 frames if `sequence`."""
    state = {f"clip.{name}": t for name, t in openai_state(7).items()}
    if not sequence:
        return state
    shapes: dict[str, tuple[int, ...]] = {"frame_position_embeddings.weight": (10, SHARED)}
    for n in range(3):
        shapes |= block_shapes(f"transformerClip.resblocks.{n}", SHARED)
    return state | draw(shapes, 8)


def perception_state(seed: int = 0) -> State:
    """Both towers of a Perception Encoder, as `CLIP.state_dict()` names them there."""
    width = WIDTH
    shapes: dict[str, tuple[int, ...]] = {
        "visual.attn_pool.probe": (1, 1, width),
        "visual.attn_pool.attn.in_proj_weight": (3 * width, width),
        "visual.attn_pool.attn.in_proj_bias": (3 * width,),
        "visual.attn_pool.attn.out_proj.weight": (width, width),
        "visual.attn_pool.attn.out_proj.bias": (width,),
        "visual.attn_pool.layernorm.weight": (width,),
        "visual.attn_pool.layernorm.bias": (width,),
        "visual.attn_pool.mlp.c_fc.weight": (4 * width, width),
        "visual.attn_pool.mlp.c_fc.bias": (4 * width,),
        "visual.attn_pool.mlp.c_proj.weight": (width, 4 * width),
        "visual.attn_pool.mlp.c_proj.bias": (width,),
    }
    return openai_state(seed) | draw(shapes, seed + 1)


# -- files ----------------------------------------------------------------------------------------


def write_tokenizer(folder: Path) -> None:
    """One that knows `WORDS`, its begin and end the last of the vocabulary, as CLIP's are."""
    vocab = {word: i for i, word in enumerate([*WORDS, "?", "<begin>", "<end>"])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<begin> $A <end>", special_tokens=[("<begin>", BEGIN), ("<end>", END)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def save(state: Any, path: Path) -> Path:
    """As `torch.save` does, a tokenizer beside."""
    torch.save(state, path)
    write_tokenizer(path.parent)
    return path


def open_clip_config(**changes: Any) -> dict[str, Any]:
    """Of `openai_state`, as open_clip's hub folders have it."""
    vision = {"layers": LAYERS, "width": WIDTH, "patch_size": PATCH, "image_size": SIDE}
    sizes = {"layers": LAYERS, "width": TEXT_WIDTH, "heads": 1}
    text = sizes | {"context_length": CONTEXT, "vocab_size": COUNT}
    model = {"embed_dim": SHARED, "vision_cfg": vision, "text_cfg": text}
    for name, value in changes.items():
        model[name] = model[name] | value if isinstance(value, dict) else value  # type: ignore[operator]
    return {"model_cfg": model, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}


def write_json(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def ref() -> SimpleNamespace:
    """All of the above."""
    return SimpleNamespace(**globals())


@pytest.fixture
def ids() -> Tensor:
    """Three sentences, int64 [3,6], padded with 0, which is no word of theirs."""
    rows = [[2, 1, 3, 5], [2], [1, 4, 7]]
    out = torch.zeros(3, 6, dtype=torch.int64)
    for row, words in zip(out, rows, strict=True):
        row[: len(words) + 2] = torch.tensor([BEGIN, *words, END])
    return out


@pytest.fixture
def rgba() -> Tensor:
    """Two clips of four frames, uint8 [2,4,4,S,S]."""
    source = torch.Generator().manual_seed(9)
    return torch.randint(0, 256, (2, 4, 4, SIDE, SIDE), dtype=torch.uint8, generator=source)
