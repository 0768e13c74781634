"""A model in bf16 on torch, as an `Encoder`.

Shapes: V videos, B clips, T frames, S×S pixels, Q sentences, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import Precision, Runtime

if TYPE_CHECKING:
    from fdaclip.model.fdaclip import FDACLIP


OWN = ("embedding_size", "sampling", "motion", "preprocess", "settings", "attention", "prune")


class HalvedEncoder:
    """Weights and matrix products in bf16, sums and layer norms in float32 (autocast).

    Half the memory; faster on GPUs and on processors with bf16 instructions for matrices (AMX),
    slower on others. Everything else is the model's own, its fingerprint in float32 too.

    Args:
        model: is changed: its backbone is held in bf16 from now on, and can no longer be trained
            or saved as it was.
    """

    runtime: Runtime = "torch"
    precision: Precision = "bf16"

    def __init__(self, model: FDACLIP) -> None:
        self.fingerprint = model.fingerprint
        self.model = model.eval()
        nn.Module.to(model.backbone, torch.bfloat16)  # transformers' own is typed for itself
        for name in OWN:
            setattr(self, name, getattr(model, name))

    embedding_size: int
    sampling: Any
    motion: Any
    preprocess: Any
    settings: Any
    attention: Any
    prune: Any

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.model.device

    def encode_frames(self, rgba: Tensor) -> Tensor:
        """uint8 [B,T,4,S,S] → float32 [B,E], of unit length."""
        with self._autocast():
            return self.model.encode_frames(rgba).float()

    def encode_rgba(self, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """uint8 [T,4,S,S] each → float32 [V,E], of unit length; one clip a pass."""
        with self._autocast():
            return self.model.encode_rgba(clips)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → float32 [Q,E], of unit length."""
        with self._autocast():
            return self.model.encode_texts(texts)

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same to rounding, many a pass."""
        with self._autocast():
            return self.model.encode_together(texts)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)
