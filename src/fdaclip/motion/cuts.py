"""Hard cuts in a dense run of frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SMALL = 32  # px, short side of the thumbnails that are compared
CHANGED = 0.12  # how unlike two frames must be for a cut between them (see `Glance.unlike`)
SAME = 0.06  # less unlike than this: the same shot, a flash apart
OUTSTANDING = 2.0  # a cut exceeds its neighbours' differences by this factor: quick motion does not
FLASH = 0.25  # seconds: a disturbance that ends sooner, in the picture it began with, is no cut


def find_cuts(times: Iterable[float], frames: Iterable[NDArray[np.uint8]]) -> list[float]:
    """Times at which a new shot begins.

    Neighbouring frames are compared by colours and by structure. Colours survive motion and
    structure, matched at its best shift, survives pans and changes of light; a cut changes both,
    more than its neighbourhood does, and lastingly. Dissolves and fades are not found.

    Args:
        times: seconds, ascending, one a frame.
        frames: uint8 [H,W,3], every frame or at least several a second; taken one by one, and only
            thumbnails of the last half second are kept.

    Returns:
        The time of the first frame of every shot but the first.

    Raises:
        ValueError: times do not ascend, or their number is not that of the frames.
    """
    watched = watch(zip(times, frames, strict=True))
    return [cut for _, cuts in watched for cut in cuts]


def watch(
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
) -> Iterator[tuple[float, list[float]]]:
    """`find_cuts`, frame by frame: the time of each, and the cuts that are now certain."""
    recent: deque[Glance] = deque()  # in time order; the frame under judgement among them
    judged = 0  # of `recent`, from the left
    for time, frame in frames:
        if recent and time <= recent[-1].time:
            raise ValueError(f"times must ascend, but {time!r} follows {recent[-1].time!r}")
        recent.append(glance(time, frame, recent[-1] if recent else None))
        cuts = []
        while judged < len(recent) and time - recent[judged].time >= FLASH:
            if is_cut(recent, judged):
                cuts.append(recent[judged].time)
            judged += 1
            while recent[judged].time - recent[1].time > FLASH and judged > 1:
                recent.popleft()
                judged -= 1
        yield time, cuts
    if recent:
        rest = range(judged, len(recent))
        yield recent[-1].time, [recent[i].time for i in rest if is_cut(recent, i)]


@dataclass(frozen=True)
class Glance:
    """A frame reduced to what tells shots apart."""

    time: float
    grey: NDArray[np.uint8]  # thumbnail [h,w]
    colours: NDArray[np.float32]  # histogram of 8 × 8 × 8 colours, sums to 1
    step: float  # how unlike the frame before it

    def unlike(self, other: Glance) -> float:
        """0 to 1: share of the colours that differ × lack of correlation at the best shift."""
        colours = 0.5 * float(np.abs(self.colours - other.colours).sum())
        if self.grey.shape != other.grey.shape:
            return colours
        return colours * (1 - correlation(self.grey, other.grey))


def glance(time: float, frame: NDArray[np.uint8], before: Glance | None) -> Glance:
    height, width = frame.shape[:2]
    scale = min(1.0, SMALL / min(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small: Any = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    grey: Any = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    counts: Any = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    seen = Glance(float(time), grey, counts.ravel() / counts.sum(), 0.0)
    if before is None:
        return seen
    return Glance(seen.time, seen.grey, seen.colours, seen.unlike(before))


def correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Of the middle of one with the best place in the other, 0 to 1; a flat picture has none."""
    height, width = one.shape
    top, left = height // 5, width // 5
    middle = one[top : height - top, left : width - left]
    if float(middle.std()) < 1 or float(other.std()) < 1:
        return 0.0
    places: Any = cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED)
    return float(np.clip(places.max(), 0, 1))


def is_cut(recent: deque[Glance], i: int) -> bool:
    """Does a shot begin at recent[i]? Its neighbours within FLASH on both sides decide."""
    here = recent[i]
    if i == 0 or here.step < CHANGED:
        return False
    around = list(recent)
    before = [g for g in around[:i] if here.time - g.time <= FLASH] or [around[i - 1]]
    after = [g for g in around[i:] if g.time - here.time <= FLASH]
    others = [g.step for g in (*before, *after) if g is not here]
    if here.step < OUTSTANDING * float(np.median(others)):
        return False
    return not any(a.unlike(b) < SAME for a in before for b in after)
