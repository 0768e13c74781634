"""One frame of a video as JPEG, decoded in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fdaclip.library.errors import LibraryError

TIME_LIMIT = 20.0  # s that decoding it may take
QUALITY = 88


def frame(path: str | Path, time: float, short_side: int) -> bytes:
    """The frame shown at ``time``, s, as JPEG; its short side is ``short_side`` px at most.

    The video is decoded in a worker process, so the program's entry must be guarded.

    Raises:
        LibraryError: the video cannot be decoded there.
    """
    from fdaclip.video.isolated import Finished, work_isolated

    work = partial(_frame, time=time, short_side=short_side)
    picture = None
    for event in work_isolated(work, [Path(path)], workers=1, time_limit=TIME_LIMIT):
        if not isinstance(event, Finished):
            picture = event.value
        elif event.error is not None:
            name = Path(path).name
            raise LibraryError(f"{name} cannot be decoded: {event.error.reason}", event.error.hint)
    if picture is None:
        raise LibraryError(f"{Path(path).name} shows nothing at {time:g} s")
    return picture


def _frame(path: Path, *, time: float, short_side: int) -> Iterator[bytes]:
    """Runs in a worker process."""
    import cv2

    from fdaclip.video import open_video

    with open_video(path, threads=1) as video:
        side = min(video.probe.width, video.probe.height, short_side)
        shown = video.frames_at([min(max(time, 0.0), video.duration)], short_side=side)
        if len(shown.rgb):
            picture = cv2.cvtColor(shown.rgb[0], cv2.COLOR_RGB2BGR)
            yield bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])
