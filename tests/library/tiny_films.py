"""A model that needs no torch, and little films."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling, write_video

SIZE = 16


def unit(seed: bytes) -> NDArray[np.float32]:
    """A direction that depends on ``seed`` alone, float32 [E]."""
    number = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "little")
    vector = np.random.default_rng(number).standard_normal(SIZE)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@dataclass
class FakeEncoder:
    """Deterministic: a clip's vector depends on its coarse colours, a sentence's on its letters."""

    fingerprint: str = "fake-1"
    embedding_size: int = SIZE
    source: str = "fake"
    sampling: Sampling = field(default_factory=lambda: Sampling(frames=3))
    motion: MotionConfig = field(default_factory=lambda: MotionConfig(short_side=32))
    preprocess: Preprocess = field(default_factory=lambda: Preprocess(size=32))
    encoded: int = 0

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.encoded += len(clips)
        colours = [(clip[:, :3].mean((0, 2, 3)) / 8).astype(np.uint8) for clip in clips]
        return np.stack([unit(colour.tobytes()) for colour in colours])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([unit(text.encode("utf-8", "surrogatepass")) for text in texts])

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_texts(texts)


def film(path: Path, colour: int = 0, seconds: float = 1.0, rate: float = 12) -> Path:
    """A film of 64×48: a bright square on a ground of the colour, moving right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(colour)
    ground = np.broadcast_to(rng.integers(0, 160, 3, np.uint8), (48, 64, 3))

    def frames() -> list[NDArray[np.uint8]]:
        pictures = []
        for number in range(round(seconds * rate)):
            picture = ground.copy()
            left = (4 + 2 * number) % 48
            picture[16:32, left : left + 12] = 255
            pictures.append(picture)
        return pictures

    write_video(path, frames(), rate)
    return path
