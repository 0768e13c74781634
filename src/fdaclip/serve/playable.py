"""A stretch of a video as any browser plays it: H.264 and AAC in MP4, made once and kept a while.

Many files are in containers or codings that browsers do not play. What is made is bounded in every
way: length, size of the picture, time, memory, and how many are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from .guard import Refused
from .kept import Kept

LONGEST = 60.0  # s of video
SHORT_SIDE = 720  # px at most
CRF, PRESET = 23, "veryfast"
STALL = 20.0  # s that a second of it may take
TOTAL = 180.0  # s that all of it may take
KEPT = 32  # clips


class Playable:
    """The clips that were asked for lately, as files of a folder that is gone with the server."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._numbers = count()
        self._kept = Kept[Path](KEPT, lambda path: path.unlink(missing_ok=True))

    async def clip(
        self,
        source: str,
        version: int,
        start: float,
        end: float,
        place: Callable[[], AbstractAsyncContextManager[None]],
    ) -> Path:
        """The file with [start, end) s of ``source``.

        Args:
            version: what changes when the file does.
            place: of those that may make one at a time.

        Raises:
            Refused: 422, it cannot be decoded there; 503, too many ask.
        """

        async def make() -> Path:
            if self._folder is None:
                self._folder = TemporaryDirectory(
                    prefix="fdaclip-clips-", ignore_cleanup_errors=True
                )
            target = Path(self._folder.name) / f"{next(self._numbers)}.mp4"
            async with place():
                await asyncio.to_thread(transcode, Path(source), target, start, end)
            return target

        name = source, version, round(start, 3), round(end, 3)
        return await self._kept.get(name, make)

    def end(self) -> None:
        """Delete them all."""
        if self._folder is not None:
            self._folder.cleanup()


def transcode(source: Path, target: Path, start: float, end: float) -> None:
    """Write [start, end) s of a video as MP4, in a worker process.

    Raises:
        Refused: 422, it cannot be decoded there, or not in time.
    """
    from fdaclip.video.isolated import Finished, work_isolated

    reason = ""
    began = monotonic()
    work = partial(_transcode, target=target, start=start, end=end)
    for event in work_isolated(work, [source], workers=1, time_limit=STALL):
        if isinstance(event, Finished):
            reason = event.error.reason if event.error else ""
        elif monotonic() - began > TOTAL:
            reason = f"takes longer than {TOTAL:g} s"
            break
    if reason:
        with suppress(OSError):
            target.unlink()
        raise Refused(422, "not_playable", f"the video {reason}")


def _transcode(source: Path, *, target: Path, start: float, end: float) -> Iterator[float]:
    """Seconds written so far; runs in a worker process."""
    from fdaclip.library.export.exact import Quality, encode

    for told in encode(source, target, start, end, Quality(CRF, PRESET, SHORT_SIDE)):
        yield getattr(told, "done", 1.0)
