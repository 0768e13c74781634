"""Perception Encoder (Bolya et al. 2025, arXiv 2504.13181) as a dual encoder of transformers' kind.

The text tower is CLIP's. The vision tower is CLIP's with two differences: queries and keys are
rotated by where their patch is (RoPE in two dimensions), and the picture is what a learned probe
gathers from the last layer's states, as in SigLIP. Names of weights are those of `CLIPModel` and of
SigLIP's pooling head.

Shapes: N frames, P patches of a frame, K of them, L = 1 + K tokens, D width, H heads of d = D/H.
"""

# mypy: disable-error-code="no-untyped-call"
# (transformers' modules are not typed)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clip.configuration_clip import CLIPConfig, CLIPVisionConfig
from transformers.models.clip.modeling_clip import (
    CLIPMLP,
    CLIPModel,
    CLIPPreTrainedModel,
    CLIPTextModel,
    CLIPVisionEmbeddings,
)
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipMultiheadAttentionPoolingHead

THETA = 10_000.0  # of the slowest turn; RoFormer's (Su et al. 2021, section 3.2)
POOL_HEADS = 8  # of the probe's attention, in all sizes of the paper


class PEConfig(CLIPConfig):
    """CLIP's config under a name of its own."""

    model_type = "pe"


class Turning(NamedTuple):
    """Cosine and sine of the angle by which each pair of a head's dimensions is turned, [N,L,d/2].

    N is 1 where all frames have the same patches.
    """

    cos: Tensor
    sin: Tensor


def turning(places: Tensor, head: int) -> Turning:
    """Angles of a class token and of patches at their places.

    As in rope.py of facebookresearch/perception_models: the first half of a head's dimensions is
    turned by the column, the second by the row, both counted from 1; the class token is at (0, 0).
    Pair i of a half turns by θ^(-2i/(d/2)) a patch.

    Args:
        places: row and column of each patch, from 0, [N,K,2].
        head: d, a multiple of 4.
    """
    first = places.new_zeros(places.shape[0], 1, 2)
    places = torch.cat([first, places + 1], 1).float()  # [N,L,2]
    steps = torch.arange(0, head // 2, 2, device=places.device).float() / (head // 2)
    speeds = THETA**-steps  # [d/4]
    angles = places.flip(-1)[..., None] * speeds  # [N,L,2,d/4], columns first
    angles = angles.flatten(-2)  # [N,L,d/2]
    return Turning(angles.cos(), angles.sin())


def turned(states: Tensor, by: Turning) -> Tensor:
    """Queries or keys [N,H,L,d], neighbouring dimensions turned as the plane they span."""
    a, b = states.float().reshape(*states.shape[:-1], -1, 2).unbind(-1)  # [N,H,L,d/2] each
    cos, sin = by.cos[:, None], by.sin[:, None]
    both = torch.stack([a * cos - b * sin, b * cos + a * sin], -1)
    return both.flatten(-2).to(states.dtype)


def grid(side: int) -> Tensor:
    """Row and column of all patches, row by row, [side²,2]."""
    along = torch.arange(side)
    return torch.stack(torch.meshgrid(along, along, indexing="ij"), -1).flatten(0, 1)


class PEAttention(nn.Module):
    """Attention between turned queries and keys."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, states: Tensor, by: Turning, mask: Tensor | None) -> Tensor:
        """[N,L,D] → [N,L,D]; the mask [N,1,L,L] is added to the logits."""

        def split(projection: Callable[[Tensor], Tensor]) -> Tensor:  # [N,H,L,d]
            return projection(states).view(*states.shape[:2], self.heads, -1).transpose(1, 2)

        q, k, v = turned(split(self.q_proj), by), turned(split(self.k_proj), by), split(self.v_proj)
        gathered = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out_proj(gathered.transpose(1, 2).flatten(-2))
        return out


class PELayer(GradientCheckpointingLayer):
    """A pre-norm transformer layer."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = PEAttention(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = CLIPMLP(config)

    def forward(self, states: Tensor, by: Turning, mask: Tensor | None = None) -> Tensor:
        """[N,L,D] → [N,L,D]."""
        states = states + self.self_attn(self.layer_norm1(states), by, mask)
        after: Tensor = states + self.mlp(self.layer_norm2(states))
        return after


class PELayers(nn.Module):
    """The layers, under the name that CLIP has for them."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PELayer(config) for _ in range(config.num_hidden_layers))


class PEPreTrained(CLIPPreTrainedModel):
    """Initialisation of what CLIP has not."""

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        if isinstance(self, PEModel) and isinstance(module, nn.Linear):  # its two projections
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            return
        super()._init_weights(module)
        if isinstance(module, SiglipMultiheadAttentionPoolingHead):
            nn.init.xavier_uniform_(module.probe)
            nn.init.xavier_uniform_(module.attention.in_proj_weight)
            nn.init.zeros_(module.attention.in_proj_bias)


class PEVisionModel(PEPreTrained):
    """The vision tower, up to the projection into the shared space."""

    config_class = CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.embeddings = CLIPVisionEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(width, eps=config.layer_norm_eps)  # CLIP's spelling
        self.encoder = PELayers(config)
        self.post_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.head = SiglipMultiheadAttentionPoolingHead(
            SiglipVisionConfig(
                hidden_size=width,
                intermediate_size=4 * width,
                num_attention_heads=POOL_HEADS,
                hidden_act=config.hidden_act,
                layer_norm_eps=config.layer_norm_eps,
            )
        )
        self.post_init()

    def turning(self, places: Tensor | None = None) -> Turning:
        """Of patches at these rows and columns, [N,K,2]; of all patches if None."""
        config, weight = self.config, self.post_layernorm.weight
        if places is None:
            places = grid(config.image_size // config.patch_size)[None].to(weight.device)
        return turning(places, config.hidden_size // config.num_attention_heads)

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """[N,C,S,S] → `last_hidden_state` [N,L,D] and `pooler_output` [N,D]."""
        states = self.pre_layrnorm(self.embeddings(pixel_values))
        by = self.turning()
        for layer in self.encoder.layers:
            states = layer(states, by)
        pooled = self.head(self.post_layernorm(states))
        return BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=pooled)


class PEModel(PEPreTrained):
    """Both towers and their projections, with the surface of `CLIPModel`."""

    config_class = PEConfig
    get_image_features = CLIPModel.get_image_features
    get_text_features = CLIPModel.get_text_features

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        vision, text, shared = config.vision_config, config.text_config, config.projection_dim
        self.text_model = CLIPTextModel._from_config(text)
        self.vision_model = PEVisionModel._from_config(vision)
        self.visual_projection = nn.Linear(vision.hidden_size, shared, bias=False)
        self.text_projection = nn.Linear(text.hidden_size, shared, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
        self.post_init()
