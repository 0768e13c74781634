"""Perception Encoder: a class token, patches that know their places, and a probe that pools.

The class token is guided in the layers as CLIP's is, and the probe, which gathers from the last
layer's states, as SigLIP's is.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from fdaclip.model.patch import RGBAPatchEmbedding
from fdaclip.model.perception import Turning, grid

from .clip import Clip, of_class_token
from .siglip import probed


class Perception:
    """The steps of `fdaclip.model.perception.PEModel`."""

    guides_layers = True

    def __init__(self, backbone: Any) -> None:
        self._backbone, self._vision = backbone, backbone.vision_model
        self._clip = Clip(backbone)  # embeddings and class token are CLIP's

    @property
    def patch_embedding(self) -> RGBAPatchEmbedding:
        return self._clip.patch_embedding

    @property
    def positions(self) -> Tensor:
        return self._clip.positions

    @property
    def places(self) -> Tensor:
        config = self._vision.config
        return grid(config.image_size // config.patch_size).to(self.positions.device)

    @property
    def depth(self) -> int:
        return self._clip.depth

    def begin(self, patches: Tensor, places: Tensor | None) -> tuple[Tensor, Turning]:
        states, _ = self._clip.begin(patches, None)
        return states, self._vision.turning(places)

    def layer(self, index: int, states: Tensor, bias: Tensor | None, besides: Turning) -> Tensor:
        mask = None if bias is None else of_class_token(bias.to(states.dtype))
        after: Tensor = self._vision.encoder.layers[index](states, besides, mask)
        return after

    def last(self, states: Tensor, bias: Tensor | None, besides: Turning) -> Tensor:
        return self.layer(self.depth - 1, states, bias, besides)  # all are pooled

    def pool(self, states: Tensor, bias: Tensor | None) -> Tensor:
        if bias is not None:
            bias = pad(bias, (1, 0))  # nothing on the class token
        pooled = probed(self._vision.head, self._vision.post_layernorm(states), bias)
        features: Tensor = self._backbone.visual_projection(pooled)
        return features
