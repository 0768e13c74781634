"""Records as the arrays that a model looks at, one at a time: opened, decoded and masked on demand.

Shapes: T frames, S×S pixels. Needs no torch, so that a data loader's workers start quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fdaclip.data.augmentation import Augmentation, Masked
from fdaclip.data.cache import FrameCache
from fdaclip.data.frames import Frames, sample
from fdaclip.data.records import Dataset, Record
from fdaclip.motion import analyse_motion

RGBA = NDArray[np.uint8]  # [T,4,S,S]


@dataclass(frozen=True)
class View:
    """A record as it is evaluated, with what was learned of its motion.

    Attributes:
        rgba: uint8 [T,4,S,S].
        energy, share: float32 [T], as of `fdaclip.motion.Motion`.
        kind: of each frame, "moving", "still" or "cut".
    """

    rgba: RGBA
    energy: NDArray[np.float32]
    share: NDArray[np.float32]
    kind: tuple[str, ...]


class Clips:
    """The records of a dataset as clips.

    `clips[i]` is what evaluation looks at, always the same; `clips.draw(i, rng)` is what training
    looks at, changed at random by the augmentation. Both decode in the process that asks, with a
    decoder of their own, and the object can be sent to workers at no cost.

    Args:
        cache: where frames are taken from instead of the files; it must hold all records.
        augmentation: of `draw`; None changes nothing.

    Attributes:
        records: in the order of the indices.

    Raises:
        StaleCache: the cache was made with other frames or masks, or lacks records.
        ValueError: the augmentation varies frames within their segments, of which the cache has
            one each.
    """

    def __init__(
        self,
        source: Dataset | Sequence[Record],
        frames: Frames,
        *,
        cache: FrameCache | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.records = tuple(source.records if isinstance(source, Dataset) else source)
        self.frames = frames
        self.cache = cache
        self.augmentation = augmentation or Augmentation()
        if cache is not None:
            cache.check(frames, self.records)
            if self.augmentation.segments and cache.positions == 1:
                raise ValueError(
                    "segments=True needs several frames a segment, and the cache has one; "
                    "build it with positions=3, or do without the cache"
                )

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> RGBA:
        """uint8 RGBA [T,4,S,S], frames at the centres of their segments, nothing at random.

        Raises:
            fdaclip.video.VideoError: the file cannot be decoded; it is named.
            StaleCache: the cache is damaged.
        """
        return self.view(i).rgba

    def view(self, i: int) -> View:
        """As `clips[i]`, with its motion."""
        record, frames = self.records[i], self.frames
        if self.cache is not None:
            cached = self.cache.read(record)
            return View(frames.preprocess(cached, cached), *self.cache.motion_of(record))
        clip = sample(record.path, record.start, record.end, frames)
        motion = analyse_motion(clip, frames.motion)
        return View(frames.preprocess(clip, motion), motion.energy, motion.share, motion.kind)

    def draw(self, i: int, rng: np.random.Generator, caption: str | None = None) -> RGBA:
        """uint8 RGBA [T,4,S,S], changed at random; the same for the same state of `rng`.

        Args:
            caption: the one that it is trained with; it decides whether the clip may be mirrored.
                All captions of the record do if None.

        Raises:
            fdaclip.video.VideoError: the file cannot be decoded; it is named.
        """
        record = self.records[i]
        captions = record.captions if caption is None else (caption,)
        changed = self.augmentation(self._masked(record, rng), rng, captions)
        return self.frames.preprocess(changed, changed)

    def _masked(self, record: Record, rng: np.random.Generator) -> Masked:
        """Frames and masks as they come, at places that the augmentation leaves to chance."""
        frames, varied = self.frames, self.augmentation.segments
        if self.cache is not None:
            return self.cache.read(record, rng if varied else None)
        places = rng.random(frames.sampling.frames) if varied else None
        clip = sample(record.path, record.start, record.end, frames, places)
        return Masked(clip.rgb, analyse_motion(clip, frames.motion).masks)
