"""CLIP: a class token that meets the patches in every layer, and is the picture in the end.

MetaCLIP, the models of open_clip, and Alpha-CLIP are of this family.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from fdaclip.model.patch import RGBAPatchEmbedding


class Clip:
    """The steps of transformers' `CLIPModel`."""

    guides_layers = True
    places = None

    def __init__(self, backbone: Any) -> None:
        self._backbone, self._vision = backbone, backbone.vision_model

    @property
    def patch_embedding(self) -> RGBAPatchEmbedding:
        embedding: RGBAPatchEmbedding = self._vision.embeddings.patch_embedding
        return embedding

    @property
    def positions(self) -> Tensor:
        """The first position is the class token's."""
        positions: Tensor = self._vision.embeddings.position_embedding.weight[1:]
        return positions

    @property
    def depth(self) -> int:
        return len(self._vision.encoder.layers)

    def begin(self, patches: Tensor, places: Tensor | None) -> tuple[Tensor, None]:
        embeddings = self._vision.embeddings
        first = embeddings.class_embedding + embeddings.position_embedding.weight[0]  # [D]
        states = torch.cat([first.expand(patches.shape[0], 1, -1), patches], 1)  # [N,1+K,D]
        return self._vision.pre_layrnorm(states), None

    def layer(self, index: int, states: Tensor, bias: Tensor | None, besides: None) -> Tensor:
        mask = None if bias is None else of_class_token(bias.to(states.dtype))
        after: Tensor = self._vision.encoder.layers[index](states, mask)
        return after

    def last(self, states: Tensor, bias: Tensor | None, besides: None) -> Tensor:
        layer = self._vision.encoder.layers[-1]
        attention, normed = layer.self_attn, layer.layer_norm1(states)

        def by_head(tokens: Tensor) -> Tensor:
            heads = tokens.view(*tokens.shape[:2], attention.num_heads, -1)
            return heads.transpose(1, 2)  # [N,h,L,D/h]

        attended = scaled_dot_product_attention(
            by_head(attention.q_proj(normed[:, :1])),
            by_head(attention.k_proj(normed)),
            by_head(attention.v_proj(normed)),
            None if bias is None else of_class_token(bias.to(states.dtype))[:, :, :1],
        )
        first = states[:, :1] + attention.out_proj(attended.transpose(1, 2).flatten(2))
        return first + layer.mlp(layer.layer_norm2(first))  # type: ignore[no-any-return]

    def pool(self, states: Tensor, bias: Tensor | None) -> Tensor:
        features: Tensor = self._backbone.visual_projection(
            self._vision.post_layernorm(states[:, 0])
        )
        return features


def of_class_token(bias: Tensor) -> Tensor:
    """A bias on patches as an additive attention mask: [N,K] → [N,1,1+K,1+K], row 0 biased."""
    number, count = bias.shape
    row = torch.cat([bias.new_zeros(number, 1), bias], 1)[:, None]  # [N,1,1+K]
    return torch.cat([row, row.new_zeros(number, count, count + 1)], 1)[:, None]
