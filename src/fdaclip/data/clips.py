"""Records as the arrays that a model looks at, one at a time: opened, decoded and masked on demand.

Shapes: T frames, S×S pixels. Needs no torch, so that a data loader's workers start quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fdaclip.data.augmentation import Augmentation, Masked
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

    Attributes:
        records: in the order of the indices.
    """

    def __init__(
        self,
        source: Dataset | Sequence[Record],
        frames: Frames,
        *,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.records = tuple(source.records if isinstance(source, Dataset) else source)
        self.frames = frames
        self.augmentation = augmentation or Augmentation()

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> RGBA:
        """uint8 RGBA [T,4,S,S], frames at the centres of their segments, nothing at random.

        Raises:
            fdaclip.video.VideoError: the file cannot be decoded; it is named.
        """
        return self.view(i).rgba

    def view(self, i: int) -> View:
        """As `clips[i]`, with its motion."""
        record, frames = self.records[i], self.frames
        clip = sample(record.path, record.start, record.end, frames.sampling, frames.short_side)
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
        record, frames = self.records[i], self.frames
        places = rng.random(frames.sampling.frames) if self.augmentation.segments else None
        clip = sample(
            record.path, record.start, record.end, frames.sampling, frames.short_side, places
        )
        masked = Masked(clip.rgb, analyse_motion(clip, frames.motion).masks)
        captions = record.captions if caption is None else (caption,)
        changed = self.augmentation(masked, rng, captions)
        return frames.preprocess(changed, changed)
