"""SigLIP and SigLIP 2: no class token; a learned probe attends to the last layer's patches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fdaclip.model.patch import RGBAPatchEmbedding


class Siglip:
    """The steps of transformers' `SiglipModel`."""

    guides_layers = False
    places = None

    def __init__(self, backbone: Any) -> None:
        self._vision = backbone.vision_model

    @property
    def patch_embedding(self) -> RGBAPatchEmbedding:
        embedding: RGBAPatchEmbedding = self._vision.embeddings.patch_embedding
        return embedding

    @property
    def positions(self) -> Tensor:
        positions: Tensor = self._vision.embeddings.position_embedding.weight
        return positions

    @property
    def depth(self) -> int:
        return len(self._vision.encoder.layers)

    def begin(self, patches: Tensor, places: Tensor | None) -> tuple[Tensor, None]:
        return patches, None

    def layer(self, index: int, states: Tensor, bias: Tensor | None, besides: None) -> Tensor:
        after: Tensor = self._vision.encoder.layers[index](states, None)
        return after

    def last(self, states: Tensor, bias: Tensor | None, besides: None) -> Tensor:
        return self.layer(self.depth - 1, states, bias, besides)  # all are pooled

    def pool(self, states: Tensor, bias: Tensor | None) -> Tensor:
        return probed(self._vision.head, self._vision.post_layernorm(states), bias)


def probed(head: Any, states: Tensor, bias: Tensor | None) -> Tensor:
    """What a pooling head's probe gathers of the states, [N,L,D] → [N,D].

    Args:
        head: transformers' `SiglipMultiheadAttentionPoolingHead`.
        bias: [N,L], added to the logits of the probe's attention.
    """
    if bias is None:
        features: Tensor = head(states)
        return features
    probe = head.probe.expand(states.shape[0], 1, -1)
    heads = head.attention.num_heads
    mask = bias.to(states.dtype)[:, None].repeat_interleave(heads, 0)  # [N·heads,1,L]
    pooled = head.attention(probe, states, states, attn_mask=mask, need_weights=False)[0]
    pooled = pooled + head.mlp(head.layernorm(pooled))
    return pooled[:, 0]  # type: ignore[no-any-return]
