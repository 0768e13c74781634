"""Which decoded frame answers which wanted time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from av.video.frame import VideoFrame

from fdaclip.video.reader import Need, Reader


@dataclass(order=True)
class Want:
    """A place to fill: `slot` takes the frame shown at `tick`.

    With `after` set it must be another frame than the one shown from there: the next, if need be.
    With `leads` set a further want, not far from it, may follow once it is filled; with `more` set
    that one is for whichever frame is decoded next.
    """

    tick: int
    slot: int
    after: int | None = field(default=None, compare=False)
    leads: bool = field(default=False, compare=False)
    more: bool = field(default=False, compare=False)


class Picker:
    """Fills slots with frames in one pass.

    Args:
        wants: the places to fill.
        ends: tick at which the video should end by its own word; None if it does not say.
        take: called with (slot, pts, frame) for every place filled; it may return a further want.
    """

    def __init__(
        self,
        reader: Reader,
        wants: list[Want],
        ends: int | None,
        take: Callable[[int, int, VideoFrame], Want | None],
    ) -> None:
        self._reader = reader
        self._wants = wants
        heapq.heapify(self._wants)
        self._ends = ends
        self._take = take
        self._shown: tuple[int, VideoFrame] | None = None

    def run(self) -> None:
        """Decode; a place stays empty where its frame is lost, or where no other one is left."""
        for pts, frame in self._reader.frames(self._need):
            self._see(pts, frame)
        while self._wants and self._shown is not None:
            want = heapq.heappop(self._wants)
            alone = want.after is not None and self._shown[0] <= want.after
            if not alone and not self._ended_early(want.tick):
                self._answer(want, *self._shown)

    def _need(self) -> Need | None:
        if not self._wants:
            return None
        first = self._wants[0]
        others = () if first.leads else self._wants[1:3]
        return Need(first.tick, min((want.tick for want in others), default=None), first.more)

    def _see(self, pts: int, frame: VideoFrame) -> None:
        while self._wants and self._wants[0].tick < pts:
            want = heapq.heappop(self._wants)
            shown = self._shown or (pts, frame)  # before the first frame, the first
            if want.after is not None and shown[0] <= want.after:
                shown = (pts, frame)
            self._answer(want, *shown)
        self._shown = (pts, frame)
        if (until := self._reader.shown_until(pts)) is None:
            return
        while self._wants and self._wants[0].tick < until:
            if (after := self._wants[0].after) is not None and pts <= after:
                break
            self._answer(heapq.heappop(self._wants), pts, frame)

    def _answer(self, want: Want, pts: int, frame: VideoFrame) -> None:
        if self._reader.missing(pts, want.tick):
            return
        if (further := self._take(want.slot, pts, frame)) is not None:
            heapq.heappush(self._wants, further)

    def _ended_early(self, tick: int) -> bool:
        """Whether `tick` lies in a part that the file promises and does not hold."""
        assert self._shown is not None
        if self._ends is None:
            return False
        pts, frame = self._shown
        usual = self._reader.usual_interval
        shown_until = pts + max(frame.duration or 0, usual)
        # Half a frame of rounding; more where nothing failed, for ends are stated carelessly.
        slack = usual / 2
        if not self._reader.damaged:
            slack = self._reader.second if self._reader.uneven else 1.5 * usual
        return tick >= shown_until and self._ends > shown_until + slack
