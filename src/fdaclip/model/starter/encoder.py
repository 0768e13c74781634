"""The starter: an `Encoder` from an ImageNet classifier and a sentence model.

Shapes: V videos, Q sentences, T frames, S×S pixels, E embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from fdaclip.model.passes import in_passes
from fdaclip.model.preprocess import Preprocess
from fdaclip.model.runtimes import Precision, Runtime
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

from .classes import class_names, class_vectors, unit
from .objects import Objects
from .packages import STARTER, require_packages
from .sentences import Sentences


class StarterEncoder:
    """Finds objects by sentence, without CLIP; fills the `Encoder` protocol.

    A clip's vector is the convex combination of the sentence vectors of its likeliest classes; a
    sentence's vector is its own (ConSE, Norouzi et al. 2013, equation 3; here the probabilities are
    the mean over the clip's frames).

    Args:
        sampling, motion: which frames, and how their masks are made.
        classes: K, how many of the likeliest classes take part.
        mask_share, temperature: see `Objects`.

    The defaults are those that did best on real clips; docs/starter.md has the comparison.

    Raises:
        ModelNotFound: a package of the extra "starter" is not installed.
        BadCheckpoint: one does not hold what it should.
        ValueError: a value is out of its range.
    """

    source = STARTER
    runtime: Runtime = "torch"
    precision: Precision = "fp32"

    def __init__(
        self,
        *,
        sampling: Sampling | None = None,
        motion: MotionConfig | None = None,
        classes: int = 50,
        mask_share: float = 0.2,
        temperature: float = 2.0,
    ) -> None:
        if not 1 <= classes <= 1000:
            raise ValueError(f"classes must be between 1 and 1000, not {classes!r}")
        if not 0 <= mask_share <= 1:
            raise ValueError(f"mask_share is a share between 0 and 1, not {mask_share!r}")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, not {temperature!r}")
        require_packages()
        self.sampling = sampling or Sampling(frames=6)
        self.motion = motion or MotionConfig()
        self.preprocess = Preprocess(224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
        self.classes = classes
        self.objects = Objects(mask_share, temperature)
        self.sentences = Sentences()
        self.names = class_names()
        self.vectors = class_vectors()  # [1000,E]

    @property
    def embedding_size(self) -> int:
        """E."""
        return int(self.vectors.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights, the classes and the settings."""
        digest = hashlib.sha256()
        settings = [
            asdict(self.sampling),
            asdict(self.motion),
            asdict(self.preprocess),
            [self.classes, self.objects.mask_share, self.objects.temperature],
            self.names,
        ]
        digest.update(json.dumps(settings, sort_keys=True).encode())
        digest.update(self.vectors.tobytes())
        for tower in (self.objects.tower, self.sentences.tower):
            for name, tensor in sorted(tower.state_dict().items()):
                digest.update(f"{name} {list(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def probabilities(self, rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What a prepared clip shows: uint8 [T,4,S,S] → float32 [1000], the mean over its frames.

        Raises:
            ValueError: another shape or type.
        """
        side = self.preprocess.size
        if rgba.dtype != np.uint8 or rgba.shape[1:] != (4, side, side) or not len(rgba):
            raise ValueError(
                f"rgba must be uint8 [T,4,{side},{side}], not {rgba.dtype} {rgba.shape}"
            )
        with inference():
            mean: NDArray[np.float32] = self.objects(torch.from_numpy(rgba)).mean(0).numpy()
        return mean

    def encode_rgba(self, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """uint8 [T,4,S,S] each → float32 [V,E], of unit length; one clip a pass."""
        rows = [self._placed(self.probabilities(clip)) for clip in clips]
        return unit(np.stack(rows)) if rows else np.empty((0, self.embedding_size), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → float32 [Q,E], of unit length."""
        if isinstance(texts, str):
            raise TypeError("encode_texts takes a list of sentences, not one")
        with inference():
            return self.sentences.encode(texts)

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same to rounding, many a pass; sentences of a length share one."""
        with inference():
            return in_passes(texts, self.sentences.together, self.embedding_size)

    def likeliest(self, rgba: NDArray[np.uint8], count: int = 5) -> list[tuple[str, float]]:
        """The names of a prepared clip's likeliest classes, with their probabilities."""
        probabilities = self.probabilities(rgba)
        best = np.argsort(-probabilities, kind="stable")[:count]
        return [(self.names[index], float(probabilities[index])) for index in best]

    def _placed(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        best = np.argsort(-probabilities, kind="stable")[: self.classes]
        placed: NDArray[np.float32] = probabilities[best] @ self.vectors[best]  # [E]
        return placed


@contextmanager
def inference() -> Iterator[None]:
    """Without gradient, on one thread: layers this small lose more by sharing than they gain.

    While indexing the other processors decode, and two threads that wait for each other in turns
    with a decoder were five times slower than one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)
