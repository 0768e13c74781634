"""What became of a file's windows, and the rows that follow: the same whoever ran the stages."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .prepare import Facts, Prepared
from .rows import Moment, State, Video
from .scan import Found
from .sidecars import READ_AS, UNREAD

NOTHING = "none of its frames could be decoded"


def new_take() -> int:
    """A number that no take has."""
    return secrets.randbits(62) + 1


@dataclass
class Making:
    """One content on its way to rows.

    Attributes:
        content: its hash.
        facts: what the file says of itself, once it has.
        moments: those that are encoded, in any order.
        frames: that came with all its windows.
        unusable: windows whose vector is not finite.
        error: why no more windows will come, if that is not as it should be.
        take: the number that its moments carry, if there are any.
    """

    content: str
    facts: Facts | None = None
    moments: list[Moment] = field(default_factory=list)
    frames: int = 0
    unusable: int = 0
    error: str = ""
    take: int = field(default_factory=new_take)

    def add(self, window: Prepared, vector: NDArray[np.float32]) -> None:
        """A window was encoded; its pixels are not needed any more.

        Args:
            vector: float32 [E].
        """
        if not np.isfinite(vector).all():
            self.unusable += 1
            return
        self.moments.append(
            Moment(
                start=window.start,
                end=window.end,
                vector=vector,
                energy=window.energy,
                share=window.share,
                moving=window.moving,
                shot=window.shot,
                thumbnail=window.thumbnail,
                thumb_time=window.thumb_time,
            )
        )

    @property
    def lost(self) -> int:
        """Frames that were wanted and never came."""
        return self.facts.wanted - self.frames if self.facts else 0

    @property
    def reason(self) -> str:
        """Why its take is not whole, or there is none; empty if all is well."""
        if self.error:
            return self.error
        if self.unusable:
            return f"the model gave no finite vector for {self.unusable} of its windows"
        if self.lost:
            return f"{self.lost} of its frames could not be decoded"
        return "" if self.moments else NOTHING

    @property
    def state(self) -> State:
        """What its rows say of it."""
        if not self.moments:
            return "bad"
        return "partial" if self.reason else "ok"

    def rows(self, files: Sequence[Found]) -> tuple[list[Video], list[Moment]]:
        """The rows of the files that hold this content, and of its moments, by time.

        The files share one take; there is none (0) without moments.
        """
        self.moments.sort(key=lambda moment: moment.start)
        video = Video(
            path="",
            size=0,
            mtime_ns=0,
            content=self.content,
            take=self.take if self.moments else 0,
            state=self.state,
            reason=self.reason,
            moments=len(self.moments),
            lost=self.lost,
            indexed=time.time(),
        )
        if facts := self.facts:
            video = replace(
                video,
                duration=facts.duration,
                width=facts.width,
                height=facts.height,
                fps=facts.fps,
                codec=sys.intern(facts.codec),  # a row stays in memory: what is alike, once
                audio=facts.audio,
                captured=facts.captured,
                sidecars=UNREAD if facts.subtitles else READ_AS,
            )
        videos = [
            replace(
                video,
                path=found.key,
                size=found.size,
                mtime_ns=found.mtime_ns,
                mount=sys.intern(found.mount),
            )
            for found in files
        ]
        return videos, self.moments
