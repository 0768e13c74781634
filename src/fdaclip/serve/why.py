"""Why a moment matched: what moves in its frames, and where in them the model saw what was asked.

The frames are those that the model was shown when the moment was indexed, decoded again. Relevance
is computed twice: with the masks, as the library's vectors are, and with masks of ones, as if the
model had not been told what moves.

Shapes: T frames of a moment, F of them shown, H×W their pixels, h×w places of relevance, S×S pixels
that the model sees.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fdaclip.library.errors import LibraryError

if TYPE_CHECKING:
    from fdaclip.library import Library, Query
    from fdaclip.model import Encoder
    from fdaclip.model.preprocess import Preprocess
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

Method = Literal["gradients", "occlusion"]
Box = tuple[int, int, int, int]

FRAMES = 6  # shown of a moment
SHORT_SIDES = 240, 360  # px of a frame that is shown: at least, at most
TIME_LIMIT = 30.0  # s that decoding a moment may take


@dataclass(frozen=True)
class WhyFrame:
    """A frame of a moment, and what speaks for the query in it.

    Attributes:
        time: s, when it is shown.
        kind: "moving", "still" or "cut"; only a moving one has a mask that hides anything.
        rgb: uint8 [H,W,3].
        mask: float32 [H,W] in [0,1]; 1 moves.
        relevance: float32 [h,w]: what each place of ``seen`` adds to the score.
        relevance_without_mask: float32 [h,w], likewise, of a model that is told to look at all.
        seen: left, top, right, bottom, px: the part of the frame that the model is shown.
    """

    time: float
    kind: str
    rgb: NDArray[np.uint8]
    mask: NDArray[np.float32]
    relevance: NDArray[np.float32]
    relevance_without_mask: NDArray[np.float32]
    seen: Box


@dataclass(frozen=True)
class Why:
    """Why a moment matched.

    Attributes:
        frames: F, in order of time.
        score: cosine of query and moment. score_without_mask: had the model not seen the masks.
        method: "gradients" (integrated gradients: parts that add up) or "occlusion" (the fall where
            a place is covered).
    """

    frames: list[WhyFrame]
    score: float
    score_without_mask: float
    method: Method

    @property
    def scale(self) -> float:
        """The relevance that is shown as the most: nearly the largest, with masks or without."""
        parts = [f.relevance for f in self.frames]
        parts += [f.relevance_without_mask for f in self.frames]
        return max(float(np.percentile(np.stack(parts), 99.5)), 1e-9)


def why(
    library: Library,
    path: str | os.PathLike[str],
    start: float,
    end: float,
    query: Query | str,
    frames: int = FRAMES,
) -> Why:
    """Why a moment of the library fits a query.

    The video is decoded in a process of its own, so the program's entry must be guarded.

    Args:
        path: of the video. start, end: s, of the moment.
        frames: F at most; evenly chosen among the model's.

    Raises:
        LibraryError: the video cannot be decoded there, the query is none, or the model is not at
            hand.
    """
    vector = library.query_vector(query)
    return explained(library.encoder(), path, start, end, vector, frames)


def explained(
    encoder: Encoder,
    path: str | os.PathLike[str],
    start: float,
    end: float,
    query: NDArray[np.float32],
    frames: int = FRAMES,
) -> Why:
    """As `why`, for the vector float32 [E] of a query."""
    query = np.array(query, np.float32)  # its own: what is shared may not be writable
    looked = look(encoder, Path(path), start, end, frames)
    blind = looked.rgba.copy()
    blind[:, 3] = 255
    with_mask, without = encoder.encode_rgba([looked.rgba, blind]) @ query
    method, parts_of = _method(encoder)
    shown = looked.chosen
    parts = parts_of(looked.rgba[shown], query)
    hidden = (looked.rgba[shown, 3] < 255).any((1, 2))  # else both are the same
    parts_without = parts.copy()
    if hidden.any() and method == "gradients":  # of which each frame's depend on the others
        parts_without = parts_of(blind[shown], query)
    elif hidden.any():
        parts_without[hidden] = parts_of(blind[shown][hidden], query)
    frames_of_it = [
        WhyFrame(
            time=float(looked.times[t]),
            kind=looked.kinds[t],
            rgb=looked.rgb[n],
            mask=looked.masks[n],
            relevance=parts[n],
            relevance_without_mask=parts_without[n],
            seen=seen_of(encoder.preprocess, *looked.rgb[n].shape[:2]),
        )
        for n, t in enumerate(shown.tolist())
    ]
    return Why(frames_of_it, float(with_mask), float(without), method)


def _method(encoder: Encoder) -> tuple[Method, Any]:
    """How the relevance of this encoder's clips is found, and what finds it.

    Gradients need a model of ours in torch whose head gives one vector; everything else is asked
    with places covered.
    """
    module = sys.modules.get("fdaclip.model.fdaclip")  # not loaded: the encoder is none of these
    if module and isinstance(encoder, module.FDACLIP) and not encoder.settings.head.keeps_tokens:
        from fdaclip.model.relevance import relevance

        return "gradients", partial(relevance, encoder)
    from fdaclip.model.occlusion import occlusion

    return "occlusion", partial(occlusion, encoder)


def seen_of(preprocess: Preprocess, height: int, width: int) -> Box:
    """The part of a frame that the model is shown: all of it, or a square in the middle."""
    if preprocess.square:
        return 0, 0, width, height
    scale = min(height, width) / (preprocess.short_side or preprocess.size)
    side = min(round(preprocess.size * scale), height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


# --- decoding ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looked:
    """A moment decoded again.

    Attributes:
        rgba: uint8 [T,4,S,S]. times: s [T]. kinds: of each of the T frames.
        chosen: int [F], which are shown. rgb: uint8 [F,H,W,3]. masks: float32 [F,H,W].
    """

    rgba: NDArray[np.uint8]
    times: NDArray[np.float64]
    kinds: tuple[str, ...]
    chosen: NDArray[np.int64]
    rgb: NDArray[np.uint8]
    masks: NDArray[np.float32]


def look(encoder: Encoder, path: Path, start: float, end: float, frames: int) -> Looked:
    """Decode a moment as it was indexed, in a worker process.

    Raises:
        LibraryError: it cannot be decoded.
    """
    from fdaclip.video.isolated import Finished, work_isolated

    work = partial(
        _look,
        start=start,
        end=end,
        frames=frames,
        sampling=encoder.sampling,
        motion=encoder.motion,
        preprocess=encoder.preprocess,
    )
    looked = None
    for event in work_isolated(work, [path], workers=1, time_limit=TIME_LIMIT):
        if isinstance(event, Finished):
            if event.error is not None:
                raise LibraryError(
                    f"{path.name} cannot be decoded: {event.error.reason}", event.error.hint
                )
        else:
            looked = event.value
    if looked is None:
        raise LibraryError(f"{path.name} gave no frame from {start:g} to {end:g} s")
    return looked


def _look(
    path: Path,
    *,
    start: float,
    end: float,
    frames: int,
    sampling: Sampling,
    motion: MotionConfig,
    preprocess: Preprocess,
) -> Iterator[Looked]:
    """Runs in a worker process."""
    from fdaclip.motion import analyse_motion
    from fdaclip.video import open_video

    least, most = SHORT_SIDES
    with open_video(path, threads=1) as video:
        clip = video.clip(
            start=start,
            end=min(end, video.duration),
            sampling=sampling,
            short_side=preprocess.decode_short_side,
            vectors=motion.source == "codec",
        )
        moving = analyse_motion(clip, motion)
        count = len(clip.rgb)
        chosen = np.unique(np.linspace(0, count - 1, min(frames, count)).round().astype(np.int64))
        side = short_side(video.probe.width, video.probe.height, least, most)
        shown = video.frames_at(clip.times[chosen], short_side=side)
        kept = np.isin(clip.times[chosen], shown.requested)
        yield Looked(
            rgba=preprocess(clip, moving),
            times=clip.times,
            kinds=tuple(moving.kind),
            chosen=chosen[kept],
            rgb=shown.rgb,
            masks=_enlarged(moving.masks[chosen[kept], 0], *shown.rgb.shape[1:3]),
        )


def short_side(width: int, height: int, least: int, most: int) -> int:
    """Px that the shorter side of a shown frame has; the longer has at most 4 times ``most``."""
    shorter, longer = min(width, height), max(width, height)
    return max(1, min(max(shorter, least), most, 4 * most * shorter // longer))


def _enlarged(masks: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """float32 [F,h,w] → [F,H,W]."""
    import cv2

    sized = [cv2.resize(m, (width, height), interpolation=cv2.INTER_LINEAR) for m in masks]
    return np.stack(sized).astype(np.float32)
