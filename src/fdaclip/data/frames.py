"""From records to the arrays a model is trained on."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.data.records import Record
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Sampling, open_video


@dataclass(frozen=True)
class Frames:
    """How a record's file becomes frames with masks; runs in a worker process, needs no torch.

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
        path, start, end = job
        with open_video(path, threads=1) as video:
            clip = video.clip(
                start=start, end=end, sampling=self.sampling, short_side=self.short_side
            )
        return self.preprocess(clip, analyse_motion(clip, self.motion))


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
