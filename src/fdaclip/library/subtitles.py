"""Subtitles inside a video that are text; runs in a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from fdaclip.video import open_video
from fdaclip.video.video import is_text

from .captions import MOST, Cue, plain

BATCH = 256  # cues told at a time: so a worker shows that it goes on
LONGEST = 30.0  # s that a cue lasts whose file does not say
PATIENCE = 100  # damaged places


def read_subtitles(path: Path) -> Iterator[list[Cue]]:
    """The cues of all tracks as they come, some at a time; decodes no picture.

    Raises:
        VideoError: it cannot be read.
    """
    with open_video(path, threads=1) as video:
        container, stream, first = video.reopened()
        begins = first * (stream.time_base or Fraction(1))
        with closing(container):
            tracks = [one for one in container.streams.subtitles if is_text(one)]
            if not tracks:
                return
            for one in container.streams:
                if one not in tracks:
                    one.discard = av.stream.Discard.all
            some: list[Cue] = []
            for cue in islice(_cues(container, tracks, begins), MOST):
                some.append(cue)
                if len(some) >= BATCH:
                    yield some
                    some = []
            yield some


def _cues(
    container: InputContainer, tracks: list[SubtitleStream], begins: Fraction
) -> Iterator[Cue]:
    for _ in range(PATIENCE):
        try:
            for packet in container.demux(*tracks):
                if not packet.size or packet.pts is None:
                    continue
                try:
                    found = packet.decode()
                except (av.FFmpegError, ValueError):
                    continue
                start = float(packet.pts * packet.time_base - begins)
                lasts = float((packet.duration or 0) * packet.time_base) or LONGEST
                for one in found:
                    if isinstance(one, AssSubtitle):
                        text = plain((one.dialogue or one.text).decode("utf-8", "replace"))
                        if text and start + lasts > 0:
                            yield Cue(max(start, 0.0), start + lasts, text)
            return
        except av.ExitError:
            return
        except av.FFmpegError:
            continue
