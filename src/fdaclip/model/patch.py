"""The RGBA patch embedding: where the mask enters the model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from .settings import Guidance as Guidance


class RGBAPatchEmbedding(nn.Conv2d):
    """A patch convolution over RGBA, held as its RGB part and its alpha part.

    conv(rgba, [W_rgb, W_α]) = conv(rgb, W_rgb) + conv(α, W_α), the sum that Alpha-CLIP (Sun et al.
    2024, section 3.2) puts before the position embeddings. Outside, in state dicts and files, there
    is one `weight` [D,4,P,P], so that to everyone else it is a plain `Conv2d(4, D, P, stride=P)`;
    inside the parts are apart because

    - with a zero alpha part the result is that of the RGB convolution to the bit, which one
      convolution over four channels promises only as far as its kernel's order of summation;
    - the alpha part can be trained alone, untouched by an optimiser that decays all of a weight.

    A state dict with a three-channel `weight` [D,3,P,P] loads with a zero alpha part.

    Args:
        rgb: the convolution to widen; its weight and bias are taken over, the alpha part is zero.
        guidance: "alpha" adds the mask, "none" ignores it.
    """

    weight: nn.Parameter  # [D,3,P,P]
    alpha: nn.Parameter  # [D,1,P,P]

    def __init__(self, rgb: nn.Conv2d, guidance: Guidance = "alpha") -> None:
        if rgb.in_channels != 3 or rgb.groups != 1:
            raise ValueError(f"an RGB convolution is widened, not {rgb}")
        with torch.device("meta"):
            super().__init__(
                3,
                rgb.out_channels,
                rgb.kernel_size,  # type: ignore[arg-type]
                stride=rgb.stride,  # type: ignore[arg-type]
                padding=rgb.padding,  # type: ignore[arg-type]
                bias=rgb.bias is not None,
            )
        self.guidance: Guidance = guidance
        self.weight = nn.Parameter(rgb.weight)
        self.bias = None if rgb.bias is None else nn.Parameter(rgb.bias)
        self.alpha = nn.Parameter(torch.zeros_like(rgb.weight[:, :1]))

    def forward(self, input: Tensor) -> Tensor:
        """[B,4,H,W] → [B,D,H/P,W/P]."""
        patches: Tensor = super().forward(input[:, :3])
        if self.guidance == "none":
            return patches
        guided: Tensor = patches + self._conv_forward(input[:, 3:], self.alpha, None)
        return guided

    def of_tiles(self, tiles: Tensor) -> Tensor:
        """Pixels of single patches, [N,K,4,P,P] → [N,K,D]; `forward`'s sums in another order."""
        weight, alpha = self.weight.flatten(1), self.alpha.flatten(1)  # [D,3·P·P], [D,P·P]
        patches = linear(tiles[:, :, :3].flatten(2), weight, self.bias)
        if self.guidance == "none":
            return patches
        return patches + linear(tiles[:, :, 3].flatten(2), alpha)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        alpha = destination.pop(prefix + "alpha")
        key = prefix + "weight"
        destination[key] = torch.cat([destination[key], alpha], 1)  # [D,4,P,P]

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *rest: Any, **named: Any
    ) -> None:
        key = prefix + "weight"
        if key in state_dict:
            whole = state_dict.pop(key)
            if whole.ndim == 4 and whole.shape[1] in (3, 4):
                state_dict[key] = whole[:, :3].contiguous()
                state_dict[prefix + "alpha"] = (
                    whole[:, 3:].contiguous()
                    if whole.shape[1] == 4
                    else torch.zeros_like(whole[:, :1])
                )
            else:
                state_dict[key] = whole
        super()._load_from_state_dict(state_dict, prefix, *rest, **named)
