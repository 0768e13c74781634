"""From a record to the frames and masks that a model looks at: runs in a worker, needs no torch.

Shapes: T frames of H×W pixels, masks h×w, S×S what the model sees.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.data.records import Record
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Clip, Sampling, Truncated, Video, Window, open_video


@dataclass(frozen=True)
class Wanted:
    """Which frames and masks: `Frames` without what the model makes of them."""

    sampling: Sampling
    motion: MotionConfig
    short_side: int | None


@dataclass(frozen=True)
class Frames:
    """How a record's file becomes frames with masks.

    Attributes:
        sampling, motion: which frames, and how their masks are made.
        preprocess: (clip, motion) → uint8 RGBA [T,4,S,S], the model's own.
        short_side: px to decode to; None decodes at full size.
    """

    sampling: Sampling
    motion: MotionConfig
    preprocess: Callable[[Any, Any], NDArray[np.uint8]]
    short_side: int | None

    def __call__(self, job: tuple[Path, float, float | None]) -> NDArray[np.uint8]:
        """uint8 RGBA [T,4,S,S] of (path, start, end)."""
        path, start, end = job
        clip = sample(path, start, end, self)
        return self.preprocess(clip, analyse_motion(clip, self.motion))


def sample(
    path: Path,
    start: float,
    end: float | None,
    wanted: Wanted | Frames,
    places: NDArray[np.float64] | None = None,
) -> Clip:
    """T frames of [start, end) with their partners; always T.

    A frame that cannot be decoded is replaced by the nearest that can, which is the same video
    still; a file without any is an error.

    Args:
        places: float [T] in [0,1), where in its segment each frame is taken; the centre if None.

    Raises:
        fdaclip.video.VideoError: the file, or this stretch of it, cannot be decoded.
    """
    with open_video(path, threads=1) as video:
        window = within(video, start, end)
        clip = video.clip(
            start=window.start,
            end=window.end,
            sampling=wanted.sampling,
            short_side=wanted.short_side,
            places=places,
            vectors=wanted.motion.source == "codec",
        )
    return whole(clip, wanted.sampling.frames)


def within(video: Video, start: float, end: float | None) -> Window:
    """The part of [start, end) that the video has; an end behind its end is its end.

    Raises:
        Truncated: the video ends before the stretch begins.
    """
    duration = video.duration
    stop = duration if end is None else min(end, duration)
    if not start < stop:
        raise Truncated(
            video.path,
            f"ends at {duration:.2f} s, and {start:.2f} s onwards is wanted",
            "leave it out, or get the whole video",
        )
    return Window(start, stop)


def whole(clip: Clip, frames: int) -> Clip:
    """The clip with all its frames: what was lost is filled with the nearest frame in time."""
    if not clip.lost:
        return clip
    wanted = np.sort(np.concatenate([clip.times, clip.lost]))
    at = np.abs(wanted[:, None] - clip.times[None]).argmin(1)
    assert len(at) == frames
    vectors = clip.vectors
    if vectors is None:
        paired: dict[str, Any] = {
            "partners": clip.partners[at],
            "partner_times": clip.partner_times[at],
        }
    else:  # which come in the partners' place
        parts = {name: getattr(vectors, name)[at] for name in ("moves", "spans", "ahead")}
        paired = {"vectors": replace(vectors, **parts)}
    return replace(clip, rgb=clip.rgb[at], times=clip.times[at], **paired)


def load(
    records: Sequence[Record],
    frames: Frames,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.uint8]:
    """Decode every record, in order: uint8 [V,T,4,S,S], held in memory.

    Raises:
        fdaclip.video.VideoError: of the first file that cannot be read; it is named.
    """
    jobs = [(record.path, record.start, record.end) for record in records]
    clips: list[NDArray[np.uint8]] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=context) as pool:
        for clip in pool.map(frames, jobs, chunksize=16):
            clips.append(clip)
            if progress:
                progress(len(clips), len(jobs))
    return np.stack(clips)
