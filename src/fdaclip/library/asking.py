"""From what is asked for to a vector, and from what is found to what is shown.

Shapes: E embedding, K takes.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .examples import vector_of_clip, vector_of_image
from .findable import File
from .hits import Hit, VideoHit
from .names import from_key, to_key, whereabouts
from .query import Part, Query, combined
from .rows import Moments
from .search import Index, Narrowed

if TYPE_CHECKING:
    from fdaclip.model import Encoder

Floats = NDArray[np.float32]
ALIGNED = 0.05  # s by which a clip's ends may differ from those of moments


@dataclass(frozen=True)
class Asker:
    """Makes vectors of what is asked for, with as little as possible.

    Attributes:
        of_sentence: gives a sentence's vector float32 [E], from memory if it was asked before.
        encoder: gives the whole model; loaded for pictures and clips that are in no library.
        window: s, of the library's moments.
    """

    of_sentence: Callable[[str], Floats]
    encoder: Callable[[], Encoder]
    window: float

    def vector(self, query: Query, index: Index) -> Floats:
        """Of all that is asked for, float32 [E]; see ``query``.

        Raises:
            BadQuery: its parts cancel each other out.
            UnusableExample: a picture or clip cannot be read.
        """
        vectors = [self._part(part, index) for part in query.parts]
        return combined(vectors, [part.weight for part in query.parts])

    def _part(self, part: Part, index: Index) -> Floats:
        if part.kind == "sentence":
            return self.of_sentence(part.text)
        if part.vector is not None:
            return part.vector
        if part.kind == "image":
            image = part.pixels if part.pixels is not None else os.path.expanduser(part.path)
            return vector_of_image(image, self.encoder())
        file = _file_of(part, index)
        own = file and _whole_moments(part, index.windows(file.take))
        if own:
            return _mean(own)
        path = os.path.expanduser(part.path)
        return vector_of_clip(path, part.start, part.end, self.window, self.encoder())


def own_spans(query: Query, index: Index) -> list[tuple[int, float, float]]:
    """Take, start and end, s, of the library's videos that it is asked with: they are no answer."""
    spans = []
    for part in query.parts:
        if part.kind == "clip" and part.weight > 0 and (file := _file_of(part, index)):
            spans.append((file.take, part.start, part.end))
    return spans


def _file_of(part: Part, index: Index) -> File | None:
    """The library's file that a clip is of, if it is one."""
    key = to_key(os.path.abspath(os.path.expanduser(part.path)))
    return next((file for file in index.files if file.path == key), None)


def _whole_moments(part: Part, windows: Moments) -> Moments | None:
    """The windows that a clip consists of; None if it begins or ends within one."""
    inside = windows.at(
        np.flatnonzero(
            (windows.start >= part.start - ALIGNED) & (windows.end <= part.end + ALIGNED)
        )
    )
    if not len(inside):
        return None
    ends = part.end if part.end < np.inf else float(windows.end.max())
    begins_so = abs(float(inside.start.min()) - part.start) <= ALIGNED
    ends_so = abs(float(inside.end.max()) - ends) <= ALIGNED
    return inside if begins_so and ends_so else None


def _mean(moments: Moments) -> Floats:
    """Of moments by their duration, of unit length, float32 [E]."""
    if len(moments) == 1:
        only: Floats = moments.vectors[0]
        return only
    mean: NDArray[np.float64] = (moments.end - moments.start) @ moments.vectors.astype(np.float64)
    unit: Floats = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def with_whereabouts(hit: Hit, files: Sequence[File]) -> Hit:
    """The hit, shown by a file that is there if one of those with its content is.

    Args:
        files: those with its content, in the order in which they may show it.
    """
    paths = (hit.path, *hit.also)
    mounts = {from_key(file.path): file.mount for file in files}
    where = [whereabouts(path, mounts.get(path, "")) for path in paths]
    at = where.index("here") if "here" in where else 0
    if at == 0 and where[0] == "here" and not hit.others:
        return hit
    also = tuple(path for path in paths if path != paths[at])
    away = where[at] == "offline"
    others = tuple(replace(o, path=paths[at], also=also, offline=away) for o in hit.others)
    return replace(hit, path=paths[at], also=also, offline=away, others=others)


def videos_by_fit(
    query: Floats, index: Index, narrowed: Narrowed, limit: int, left_out: Sequence[int]
) -> list[VideoHit]:
    """The ``limit`` videos whose own vectors fit a query's [E] best; ties in order of path."""
    takes, vectors = index.video_vectors
    scores = np.vecdot(vectors, query)
    may = (narrowed.first >= 0) & ~np.isin(takes, left_out)
    order = np.lexsort((narrowed.first, -scores))
    found = []
    for number in order[may[order]][:limit].tolist():
        file, *others = index.files_of(int(takes[number]), narrowed)
        found.append(
            VideoHit(
                path=from_key(file.path),
                score=float(scores[number]),
                duration=file.duration,
                also=tuple(from_key(other.path) for other in others),
                take=file.take,
            )
        )
    return found
