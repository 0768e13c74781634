"""What a library needs of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

    from .preprocess import Preprocess


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
