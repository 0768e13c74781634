"""A transformer over the frames of a clip.

Shapes: B clips, T frames, E embedding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from .head_config import Form


class FrameTransformer(nn.Module):
    """[B,T,E] → [B,T,E]: frames + transformer(frames + positions).

    Two forms:

    - `zero`: layers with GELU, closed by a layer norm and a matrix that is zero at first, so that
      an untrained one gives the frames themselves and training starts from what CLIP already knows.
    - `clip4clip`: the sequential transformer of CLIP4Clip (Luo et al. 2021, section 3.3) as its
      code has it (`seqTransf` of `_loose_similarity` in modules/modeling.py, with the layers of
      modules/module_cross.py): QuickGELU, layer norms with an epsilon of 1e-12, nothing after the
      last layer.

    Args:
        width: E.
        layers: of the transformer.
        max_frames: frames that it has positions for.
        form: see above.

    Raises:
        ValueError: E does not split into heads of 64; or, when called, more frames than positions.
    """

    def __init__(self, width: int, layers: int, max_frames: int, form: Form) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(max_frames, width).normal_(std=0.02))
        self.blocks = nn.ModuleList(Block(width, form) for _ in range(layers))
        self.norm, self.out = None, None
        if form == "zero":
            self.norm = nn.LayerNorm(width)
            self.out = nn.Linear(width, width, bias=False)
            nn.init.zeros_(self.out.weight)

    def forward(self, frames: Tensor) -> Tensor:
        count, known = frames.shape[1], len(self.positions)
        if count > known:
            raise ValueError(f"the head's transformer knows {known} frames a clip, not {count}")
        x = frames + self.positions[:count]  # [B,T,E]
        for block in self.blocks:
            x = block(x)
        if self.norm is not None and self.out is not None:
            x = self.out(self.norm(x))
        return frames + x


def begin_at_text_tower(transformer: FrameTransformer, text: Any) -> None:
    """Copy the text tower's first layers and its positions, in place, as CLIP4Clip starts.

    CLIP4Clip, modules/modeling.py, `from_pretrained` ("Initialization trick").

    Args:
        transformer: of the form `clip4clip`.
        text: the text tower of a `CLIPModel`.

    Raises:
        ValueError: it has too few layers or positions, or another width.
    """
    positions = text.embeddings.position_embedding.weight
    layers, (count, width) = text.encoder.layers, transformer.positions.shape
    if len(layers) < len(transformer.blocks) or len(positions) < count:
        raise ValueError(
            f"a head of form clip4clip begins with the text tower's layers and positions, which "
            f"has {len(layers)} and {len(positions)}, not {len(transformer.blocks)} and {count}"
        )
    hidden = layers[0].mlp.fc1.out_features
    if (positions.shape[1], hidden) != (width, 4 * width):
        raise ValueError(
            f"a head of form clip4clip needs a text tower as wide as the vectors: {width} and "
            f"{4 * width} within, not {positions.shape[1]} and {hidden}"
        )
    with torch.no_grad():
        transformer.positions.copy_(positions[:count])
        for block, layer in zip(transformer.blocks, layers, strict=False):
            assert isinstance(block, Block)
            attention = layer.self_attn
            for kind in ("weight", "bias"):
                thirds = (attention.q_proj, attention.k_proj, attention.v_proj)
                joint = torch.cat([getattr(third, kind) for third in thirds])
                getattr(block.qkv, kind).copy_(joint)
                for ours, theirs in (
                    (block.norm1, layer.layer_norm1),
                    (block.proj, attention.out_proj),
                    (block.norm2, layer.layer_norm2),
                    (block.fc1, layer.mlp.fc1),
                    (block.fc2, layer.mlp.fc2),
                ):
                    getattr(ours, kind).copy_(getattr(theirs, kind))


class Block(nn.Module):
    """A pre-norm transformer layer, [B,T,E] → [B,T,E]; heads of 64, as CLIP's."""

    def __init__(self, width: int, form: Form = "zero") -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        if width % self.heads:
            raise ValueError(f"an embedding of {width} does not split into {self.heads} heads")
        epsilon = 1e-12 if form == "clip4clip" else 1e-5
        self.activation = quick_gelu if form == "clip4clip" else gelu
        self.norm1 = nn.LayerNorm(width, eps=epsilon)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=epsilon)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, count, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # [B,heads,T,E/heads] each
        mixed = scaled_dot_product_attention(query, key, value)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        grown: Tensor = self.fc2(self.activation(self.fc1(self.norm2(x))))
        return x + grown


def quick_gelu(x: Tensor) -> Tensor:
    """x·σ(1.702 x), the activation of OpenAI's CLIP (clip/model.py, `QuickGELU`)."""
    return x * torch.sigmoid(1.702 * x)
