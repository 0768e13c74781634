"""Frames and masks become what a backbone was trained on: S×S RGBA.

Needs neither torch nor transformers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import BadCheckpoint, UnsupportedModel

FILES = ("preprocessor_config.json", "processor_config.json")
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
ALPHA_MEAN, ALPHA_STD = 0.5, 0.26  # Alpha-CLIP's: a mask of 0 and 1 becomes -1.92 and 1.92


class Frames(Protocol):
    """What is needed of a clip: uint8 [T,H,W,3]."""

    @property
    def rgb(self) -> NDArray[np.uint8]: ...


class Masks(Protocol):
    """What is needed of a clip's motion: float32 [T,1,h,w] in [0,1], of the clip's aspect."""

    @property
    def masks(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Preprocess:
    """A backbone's own resize and crop, applied alike to frames and masks.

    Shapes: T frames of H×W pixels, masks h×w, S×S what the model sees.

    The pixels equal those of transformers' Pillow image processors to the bit. Normalisation is
    not done here but by the model, with `mean` and `std`, so that a clip travels as bytes.

    Attributes:
        size: S.
        square: resize to S×S whatever the aspect (SigLIP); else the shorter side to `short_side`
            and a centre crop of S×S (CLIP).
        short_side: length of the shorter side before the crop; S if None.
        resample: Pillow's number of the filter for pixels; 3 is bicubic. Masks are bilinear.
        mean, std: of the pixels in [0,1], by channel.

    Raises:
        ValueError: a value is out of its range.
    """

    size: int = 224
    square: bool = False
    short_side: int | None = None
    resample: int = int(Image.Resampling.BICUBIC)
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    def __post_init__(self) -> None:
        if self.size < 1 or (self.short_side is not None and self.short_side < 1):
            raise ValueError(f"sizes must be positive, not {self.size!r} and {self.short_side!r}")
        if self.square and self.short_side is not None:
            raise ValueError("short_side has no meaning where the picture is resized to a square")
        if self.resample not in tuple(Image.Resampling):
            raise ValueError(f"resample must be one of Pillow's filters, not {self.resample!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(s > 0 for s in self.std):
            raise ValueError(
                f"mean and std are three numbers, std above 0, not {self.mean!r} and {self.std!r}"
            )

    @property
    def decode_short_side(self) -> int | None:
        """Short side at which decoded frames need no more resizing; None for square resizing."""
        return None if self.square else (self.short_side or self.size)

    def __call__(self, clip: Frames, motion: Masks | None = None) -> NDArray[np.uint8]:
        """A clip and its motion as uint8 RGBA [T,4,S,S].

        Args:
            clip: frames of one size.
            motion: their masks; None leaves alpha at 255 everywhere ("look at everything").

        Raises:
            ValueError: frames or masks are of a wrong shape or type, or not equal in number.
        """
        frames = np.asarray(clip.rgb)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
            raise ValueError(f"frames must be uint8 [T,H,W,3], not {frames.dtype} {frames.shape}")
        count, height, width = frames.shape[:3]
        rgba = np.full((count, 4, self.size, self.size), 255, np.uint8)
        to = self.resized(height, width)
        for t in range(count):
            pixels = scaled(frames[t], to, self.resample)
            rgba[t, :3] = centre_crop(pixels, self.size).transpose(2, 0, 1)
        if motion is None:
            return rgba
        masks = np.asarray(motion.masks)
        if masks.ndim != 4 or masks.shape[:2] != (count, 1) or not masks.size:
            raise ValueError(f"masks must be [T,1,h,w] for {count} frames, not {masks.shape}")
        for t in range(count):
            levels = np.rint(np.clip(masks[t, 0], 0, 1) * 255).astype(np.uint8)
            rgba[t, 3] = centre_crop(scaled(levels, to, Image.Resampling.BILINEAR), self.size)
        return rgba

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after resizing, before the crop."""
        if self.square:
            return self.size, self.size
        short = self.short_side or self.size
        if width <= height:
            return int(short * height / width), short
        return short, int(short * width / height)

    @classmethod
    def read(cls, folder: str | Path) -> Preprocess:
        """From a folder's `preprocessor_config.json`, of today's form or the older ones.

        Also from the image processor's part of `processor_config.json`, where transformers 5 puts
        it when a whole processor is saved.

        Raises:
            UnsupportedModel: it asks for steps that are not done here; they are named.
            BadCheckpoint: the file is no such config.
        """
        own, joint = (Path(folder) / name for name in FILES)
        path = joint if joint.is_file() and not own.is_file() else own
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            if path == joint and isinstance(config, dict):
                config = config["image_processor"]
            if not isinstance(config, dict):
                raise ValueError("it holds no mapping")
            return from_config(config, path)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadCheckpoint(f"{path} is no image processor's config: {error}") from error

    def write(self, folder: str | Path) -> None:
        """As `preprocessor_config.json` of a Hugging Face image processor."""
        text = json.dumps(self.config(), indent=2, sort_keys=True) + "\n"
        (Path(folder) / FILES[0]).write_text(text, encoding="utf-8")

    def config(self) -> dict[str, Any]:
        """The config that `write` writes and `read` reads."""
        square = {"height": self.size, "width": self.size}
        kind = "Siglip" if self.square else "CLIP"
        config: dict[str, Any] = {
            "image_processor_type": f"{kind}ImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": square if self.square else {"shortest_edge": self.decode_short_side},
            "resample": self.resample,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }
        if not self.square:
            config |= {"do_center_crop": True, "crop_size": square}
        return config


def from_config(config: dict[str, Any], source: Path) -> Preprocess:
    """A `Preprocess` that does what the config says, or `UnsupportedModel` naming what it can't."""
    siglip = "siglip" in str(config.get("image_processor_type", "")).lower()
    size = config.get("size", 224)
    size = {"shortest_edge": size} if isinstance(size, int) else size
    square = "height" in size
    crops = config.get("do_center_crop", not siglip) and not (square and siglip)
    crop = config.get("crop_size", 224)
    crop = (crop, crop) if isinstance(crop, int) else (crop["height"], crop["width"])
    refused = []
    if not config.get("do_resize", True):
        refused.append("no resizing")
    if square and (size["height"] != size["width"] or (crops and crop[0] != size["height"])):
        refused.append(f"resizing to {size}")
    if not square and (set(size) != {"shortest_edge"} or not crops):
        refused.append(f"resizing to {size}" if crops else "no centre crop")
    if crops and crop[0] != crop[1]:
        refused.append(f"a crop of {crop[0]}×{crop[1]}")
    factor = config.get("rescale_factor", 1 / 255)
    if not config.get("do_rescale", True) or abs(factor * 255 - 1) > 1e-6:
        refused.append("pixels that are not scaled to [0,1]")
    if refused:
        raise UnsupportedModel(f"{source} asks for {', '.join(refused)}, which is not done here")
    normalises = config.get("do_normalize", True)
    half = (0.5, 0.5, 0.5)
    mean = config.get("image_mean", half if siglip else CLIP_MEAN) if normalises else (0, 0, 0)
    std = config.get("image_std", half if siglip else CLIP_STD) if normalises else (1, 1, 1)
    resample = int(config.get("resample", Image.Resampling.BICUBIC))
    mean, std = tuple(map(float, mean)), tuple(map(float, std))
    if square:
        return Preprocess(size["height"], square=True, resample=resample, mean=mean, std=std)
    short = size["shortest_edge"] if size["shortest_edge"] != crop[0] else None
    return Preprocess(crop[0], short_side=short, resample=resample, mean=mean, std=std)


def scaled(picture: NDArray[np.uint8], to: tuple[int, int], resample: int) -> NDArray[np.uint8]:
    """uint8 [H,W] or [H,W,3] resized to (height, width); the picture itself if it has that size."""
    if picture.shape[:2] == to:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((to[1], to[0]), Image.Resampling(resample)))


def centre_crop(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The size×size in the middle of [H,W,…], rounded as transformers does; black where it ends."""
    height, width = picture.shape[:2]
    if height < size or width < size:
        padded = np.zeros((max(size, height), max(size, width), *picture.shape[2:]), picture.dtype)
        top = -((height - padded.shape[0]) // 2)
        left = -((width - padded.shape[1]) // 2)
        padded[top : top + height, left : left + width] = picture
        # transformers rounds the window against the small picture, then moves it by the padding.
        top += (height - size) // 2
        left += (width - size) // 2
        return padded[max(0, top) :, max(0, left) :][:size, :size]
    top, left = (height - size) // 2, (width - size) // 2
    return picture[top : top + size, left : left + size]
