"""What a library needs of a model, and how one is loaded by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

    from .preprocess import Preprocess

STARTER = "starter"  # named where a model is; see `fdaclip.model.starter`


class Encoder(Protocol):
    """Turns prepared clips and sentences into vectors of one space.

    Shapes: V videos, Q sentences, T frames, S×S pixels, E embedding.
    """

    @property
    def fingerprint(self) -> str:
        """Identity of everything that decides a vector; vectors of two fingerprints don't mix."""

    @property
    def embedding_size(self) -> int:
        """E."""

    @property
    def sampling(self) -> Sampling:
        """Which frames of a clip it wants."""

    @property
    def motion(self) -> MotionConfig:
        """How their masks are made."""

    @property
    def preprocess(self) -> Preprocess:
        """How frames and masks become RGBA."""

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """uint8 [T,4,S,S] each → float32 [V,E], unit length, the same whatever the company."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → float32 [Q,E], unit length, the same whatever the company."""
        ...


def load_encoder(
    name: str | Path,
    *,
    download: bool = False,
    sampling: Sampling | None = None,
    motion: MotionConfig | None = None,
) -> Encoder:
    """The encoder of this name: ``starter``, or whatever `FDACLIP.from_pretrained` takes.

    Args:
        download: fetch what is not on this machine; otherwise the network is never touched.
        sampling, motion: instead of the model's own.

    Raises:
        ModelNotFound, BadCheckpoint, UnsupportedModel: see there.
    """
    if name == STARTER:
        from .starter import StarterEncoder

        return StarterEncoder(sampling=sampling, motion=motion)
    from .fdaclip import FDACLIP

    return FDACLIP.from_pretrained(name, download=download, sampling=sampling, motion=motion)
