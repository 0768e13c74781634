"""Two usual ways from video files to CLIP vectors, as their repositories do it.

`Clip4Clip`: twelve frames, evenly spaced, each by a seek with OpenCV; Pillow's transforms; the
image tower in float32; the mean of the frames' vectors; one video at a time. Kinder than the
original, which reads a frame of every second and then keeps twelve.

`FramePerSecond`: every frame is read with OpenCV, one a second is kept, transformed and encoded; a
vector for each, as many CLIP video searches store them; one video at a time, its frames a batch.

Both take the threads that torch and OpenCV take by themselves, and write a file of vectors for each
video. Loading the weights is not counted against them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from fdaclip.model.preprocess import CLIP_MEAN, CLIP_STD

SIDE, FRAMES = 224, 12
BATCH = 64  # frames in a pass at most

Vectors = NDArray[np.float32]


class Peer(ABC):
    """What the two share: the plain CLIP of a folder, and files of vectors.

    Attributes:
        seconds: spent decoding (transforms counted in) and encoding since it was made.
    """

    def __init__(self, weights: Path) -> None:
        from transformers.models.clip.modeling_clip import CLIPModel
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self.model = CLIPModel.from_pretrained(weights).eval()
        self.seconds = {"decode": 0.0, "encode": 0.0}

    def add(self, paths: Sequence[Path], folder: Path) -> dict[str, Any]:
        """A file of vectors for each video; how many frames were encoded, and the seconds."""
        folder.mkdir(parents=True, exist_ok=True)
        before, frames = dict(self.seconds), 0
        for path in paths:
            began = perf_counter()
            pixels = self.pixels(path)
            self.seconds["decode"] += perf_counter() - began
            began = perf_counter()
            vectors = self.encoded(pixels)
            self.seconds["encode"] += perf_counter() - began
            np.save(folder / f"{path.stem}.npy", vectors)
            frames += len(pixels)
        stages = {name: spent - before[name] for name, spent in self.seconds.items()}
        return {"frames": frames, "stages": stages}

    @abstractmethod
    def pixels(self, path: Path) -> Tensor:
        """float32 [T,3,S,S]."""

    def encoded(self, pixels: Tensor) -> Vectors:
        """float32 [T,E] of unit length."""
        with torch.inference_mode():
            parts = [
                self.model.get_image_features(pixel_values=part).pooler_output
                for part in pixels.split(BATCH)
            ]
        return normalize(torch.cat(parts), dim=-1).numpy()


class Clip4Clip(Peer):
    """Twelve frames, one seek each, one vector: float32 [1,E]."""

    def pixels(self, path: Path) -> Tensor:
        capture = cv2.VideoCapture(str(path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        frames = []
        for at in np.linspace(0, count - 1, FRAMES).astype(int):
            capture.set(cv2.CAP_PROP_POS_FRAMES, int(at))
            sound, frame = capture.read()
            if sound:
                frames.append(picture(frame))
        capture.release()
        return torch.stack(frames)

    def encoded(self, pixels: Tensor) -> Vectors:
        mean = torch.from_numpy(super().encoded(pixels)).mean(0, keepdim=True)
        return normalize(mean, dim=-1).numpy()


class FramePerSecond(Peer):
    """One frame a second, a vector each: float32 [T,E]."""

    def pixels(self, path: Path) -> Tensor:
        capture = cv2.VideoCapture(str(path))
        step = max(1, round(capture.get(cv2.CAP_PROP_FPS)))
        frames, number = [], 0
        while capture.grab():
            if number % step == 0:
                sound, frame = capture.retrieve()
                if sound:
                    frames.append(picture(frame))
            number += 1
        capture.release()
        return torch.stack(frames)


def picture(frame: NDArray[np.uint8]) -> Tensor:
    """Resize, CenterCrop, ToTensor, Normalize as torchvision has them; BGR [H,W,3] → [3,S,S]."""
    image = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    short = min(image.size)
    size = int(SIDE * image.width / short), int(SIDE * image.height / short)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((image.width - SIDE) / 2), round((image.height - SIDE) / 2)
    image = image.crop((left, top, left + SIDE, top + SIDE))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255)
    mean, std = torch.tensor(CLIP_MEAN).view(3, 1, 1), torch.tensor(CLIP_STD).view(3, 1, 1)
    return (pixels - mean) / std


def save_weights(folder: Path, patch: int = 32, width: int = 768, layers: int = 12) -> Path:
    """A plain CLIP of the true shape with random weights, as transformers saves it; once.

    Speed does not depend on what was learned. The defaults are ViT-B/32.
    """
    if (folder / "tokenizer.json").is_file():
        return folder
    from transformers.utils.logging import disable_progress_bar

    from fdaclip.model.preprocess import Preprocess
    from random_clip import plain_clip, tokens

    disable_progress_bar()
    plain_clip(patch, width, layers).save_pretrained(folder)
    Preprocess(SIDE).write(folder)
    tokens().write(folder)  # last: it tells that the folder is whole
    return folder
