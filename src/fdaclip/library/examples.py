"""Asking by example: a picture or a stretch of video becomes what the encoder wants.

Shapes: T frames, S×S pixels, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LibraryError

if TYPE_CHECKING:
    from fdaclip.model import Encoder
    from fdaclip.model.preprocess import Preprocess
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

TIME_LIMIT = 60.0  # s that decoding may take until its next window


class UnusableExample(LibraryError):
    """A picture or clip that was given as a query cannot be read."""


@dataclass(frozen=True)
class Picture:
    """One frame, uint8 [1,H,W,3]."""

    rgb: NDArray[np.uint8]


def vector_of_image(image: str | NDArray[np.uint8], encoder: Encoder) -> NDArray[np.float32]:
    """Of a picture, as of a clip of one frame in which all is looked at: float32 [E].

    Args:
        image: a file, or uint8 [H,W,3].

    Raises:
        UnusableExample: it is no picture that can be read.
    """
    pixels = read_picture(image) if isinstance(image, str) else image
    rgba = encoder.preprocess(Picture(pixels[None]))  # alpha is 255 everywhere
    vector: NDArray[np.float32] = encoder.encode_rgba([rgba])[0]
    return vector


def read_picture(path: str) -> NDArray[np.uint8]:
    """A file as it is to be seen, uint8 [H,W,3].

    Raises:
        UnusableExample: it is no picture that can be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except FileNotFoundError:
        raise UnusableExample(f"there is no picture {path!r}", "mend the path") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise UnusableExample(
            f"cannot read the picture {path!r}: {reason}",
            "--image takes a picture; a video is given with --clip",
        ) from None


def vector_of_clip(
    path: str, start: float, end: float, window: float, encoder: Encoder
) -> NDArray[np.float32]:
    """Of a video from ``start`` to ``end``, s, made as the library makes its moments: float32 [E].

    More than one window long, it is the mean of its windows by their duration. It is decoded in a
    process of its own, so the program's entry must be guarded.

    Args:
        window: s, of the library's moments.

    Raises:
        UnusableExample: it cannot be decoded, or is over before ``start``.
    """
    from fdaclip.video.isolated import Finished, work_isolated

    if not Path(path).exists():
        raise UnusableExample(f"there is no video {path!r}", "mend the path")
    work = partial(
        windows_of,
        start=start,
        end=end,
        window=window,
        sampling=encoder.sampling,
        motion=encoder.motion,
        preprocess=encoder.preprocess,
    )
    total = np.zeros(encoder.embedding_size, np.float64)
    for event in work_isolated(work, [path], workers=1, time_limit=TIME_LIMIT):
        if isinstance(event, Finished):
            if event.error is not None and not total.any():
                bad = event.error
                raise UnusableExample(f"cannot use the clip {path!r}: {bad.reason}", bad.hint)
            continue
        length, rgba = event.value
        total += length * encoder.encode_rgba([rgba])[0]
    norm = float(np.linalg.norm(total))
    if not norm:
        raise UnusableExample(f"nothing of the clip {path!r} could be decoded")
    unit: NDArray[np.float32] = (total / norm).astype(np.float32)
    return unit


def windows_of(
    path: Path,
    *,
    start: float,
    end: float,
    window: float,
    sampling: Sampling,
    motion: MotionConfig,
    preprocess: Preprocess,
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Length, s, and uint8 [T,4,S,S] of each window; runs in a worker process."""
    from fdaclip.motion import analyse_motion
    from fdaclip.video import VideoError, Window, open_video, windows

    with open_video(path, threads=1) as video:
        end = min(end, video.duration)
        if not start < end:
            # a video's own error: it is the only kind that crosses processes as what it is
            reason = f"ends at {video.duration:g} s, before the clip begins"
            raise VideoError(path, reason, "name a part that it has")
        spans = [Window(start + one.start, start + one.end) for one in windows(end - start, window)]
        vectors = motion.source == "codec"
        for clip in video.clips(
            spans, sampling=sampling, short_side=preprocess.decode_short_side, vectors=vectors
        ):
            yield clip.end - clip.start, preprocess(clip, analyse_motion(clip, motion))
