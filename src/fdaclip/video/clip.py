"""The frames of a clip, and of each either its partner or its motion vectors, in one pass."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from fdaclip.video.pick import Picker, Want
from fdaclip.video.reader import Need, Reader
from fdaclip.video.vectors import (
    Field,
    Vectors,
    looks_back,
    moves_of,
    shown_size,
    stands_alone,
)

REACH = 20  # usual intervals within which a frame that looks back must lie


@dataclass(frozen=True)
class Clip:
    """Frames that represent a window of a video, each with a partner close in time.

    Attributes:
        rgb: uint8 [T,H,W,3], as shown.
        partners: uint8 [T,H,W,3], the frame each one is compared with; [0,H,W,3] where there are
            `vectors` instead.
        times: float64 [T], when each frame is first shown, in seconds from the video's start.
        partner_times: float64 [T] or [0], likewise.
        lost: times asked for whose frame could not be decoded; they have no row above.
        path: the file.
        start: where the window begins, in seconds from the video's start.
        end: where it ends.
        vectors: the decoder's motion vectors, if they were asked for and the coding gives them.
    """

    rgb: NDArray[np.uint8]
    partners: NDArray[np.uint8]
    times: NDArray[np.float64]
    partner_times: NDArray[np.float64]
    lost: tuple[float, ...]
    path: Path
    start: float
    end: float
    vectors: Vectors | None = None


class Gathering:
    """Fills the T slots of a clip.

    Attributes:
        frames: of each slot that was found, the tick from which its frame is shown, and the frame.
        partners: likewise.
        fields: the motion vectors of each slot.

    Args:
        ends: as in `Picker`.
        convert: (pts, frame) to RGB.
        gap: ticks to the partner; None takes no partners.
        vectors: take motion vectors, and no partners.
    """

    def __init__(
        self,
        reader: Reader,
        ends: int | None,
        convert: Callable[[int, VideoFrame], NDArray[np.uint8]],
        *,
        gap: int | None = None,
        vectors: bool = False,
    ) -> None:
        self._reader, self._ends, self._convert = reader, ends, convert
        self._gap, self._vectors = gap, vectors
        self.frames: dict[int, tuple[int, NDArray[np.uint8]]] = {}
        self.partners: dict[int, tuple[int, NDArray[np.uint8]]] = {}
        self.fields: dict[int, Field] = {}
        self._beginning: set[int] = set()  # slots of I frames

    def fill(self, ticks: dict[int, int]) -> None:
        """Decode the frame shown at each slot's tick, and what goes with it."""
        leads, more = self._gap is not None and not self._vectors, self._vectors
        self._run([Want(tick, slot, leads=leads, more=more) for slot, tick in ticks.items()])

    def _run(self, wants: list[Want]) -> None:
        Picker(self._reader, wants, self._ends, self._take).run()

    def _take(self, slot: int, pts: int, frame: VideoFrame) -> Want | None:
        if slot >= 0:
            self.frames[slot] = (pts, self._convert(pts, frame))
            self.partners.pop(slot, None)
            self.fields.pop(slot, None)
            self._beginning.discard(slot)
            if self._vectors:
                return self._look(slot, pts, frame)
            return None if self._gap is None else Want(pts + self._gap, ~slot, after=pts)
        if self._vectors:
            return self._look(~slot, pts, frame)
        self.partners[~slot] = (pts, self._convert(pts, frame))
        return None

    def _look(self, slot: int, pts: int, frame: VideoFrame) -> Want | None:
        """Take the vectors of the first frame from the slot's on that looks back, short of a cut.

        A B frame's own are passed over: the P frame that follows it is decoded before it anyway.
        """
        own = self.frames[slot][0]
        if looks_back(frame):
            self.fields[slot] = self._field(pts, frame)
            return None
        if pts == own and stands_alone(frame):
            self._beginning.add(slot)
        if pts > own and (stands_alone(frame) or pts - own > REACH * self._reader.usual_interval):
            return None
        return Want(self._reader.following(pts), ~slot, after=pts)

    def _field(self, pts: int, frame: VideoFrame) -> Field:
        span = pts - self._reader.reference_before(pts)
        return Field(moves_of(frame), span, shown_size(frame))

    def doubtful(self, slots: Iterable[int]) -> list[int]:
        """Those of the slots that stayed empty, or hold a frame that another slot holds too."""
        count = Counter(pts for pts, _ in self.frames.values())
        return [
            slot for slot in slots if slot not in self.frames or count[self.frames[slot][0]] > 1
        ]

    def look_further(self) -> bool:
        """Take the last vectors before a frame where none follow; has every frame vectors now?

        Not before an I frame: a shot may begin with it.
        """
        for slot in self.frames.keys() - self.fields.keys():
            if slot in self._beginning:
                return False
            own = self.frames[slot][0]
            reached = max(self._reader.first, own - REACH * self._reader.usual_interval)
            found: tuple[int, VideoFrame] | None = None
            for pts, frame in self._reader.frames(lambda: Need(reached, None)):  # noqa: B023
                if pts >= own:
                    break
                reached = max(reached, pts)
                if looks_back(frame):
                    found = (pts, frame)
                elif stands_alone(frame):
                    found = None
            if found is None:
                return False
            self.fields[slot] = self._field(*found)
        return True

    def pair(self, gap: int, back: int) -> None:
        """See that every frame has a partner: `gap` ticks later, else `back` earlier, else itself.

        What is missing costs a short pass of its own.
        """
        if self._vectors:
            self._vectors = False
            self._run([Want(f[0] + gap, ~slot, after=f[0]) for slot, f in self.frames.items()])
        alone = self.frames.keys() - self.partners.keys()
        if alone:  # nothing sound is later
            self._run([Want(self.frames[slot][0] - back, ~slot) for slot in alone])
        for slot in alone:
            self.partners.setdefault(slot, self.frames[slot])
