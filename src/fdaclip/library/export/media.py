"""What editors' lists must know of the videos they name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fdaclip.video import open_video
from fdaclip.video.isolated import Finished, work_isolated

from .containers import start_code
from .excerpts import Excerpt
from .timecode import frame_at, frame_of, nearest, standard


@dataclass(frozen=True)
class Media:
    """A video file, for an editor.

    Attributes:
        path: of the file.
        rate: frames/s as editors know it; None if it is none of theirs.
        near: a rate of theirs for a list of such files.
        width, height: px, as shown.
        duration: s.
        starts: s on its own timecode at which it begins, 0 without one.
        drop: does that timecode drop numbers? None without one.
        sounds: tracks of sound. channels, sound_rate: of the first, Hz.
    """

    path: str
    rate: Fraction | None
    near: Fraction
    width: int
    height: int
    duration: float
    starts: Fraction
    drop: bool | None
    sounds: int
    channels: int
    sound_rate: int


def look(path: Path) -> Iterator[Media]:
    """One file.

    Raises:
        VideoError: it cannot be read.
    """
    with open_video(path, threads=1) as video:
        probe, duration = video.probe, video.duration
        container, stream, _ = video.reopened()
        with closing(container):
            rates = stream.average_rate, stream.guessed_rate
            rate = next((known for one in rates if (known := standard(one))), None)
            near = rate or nearest(next((one for one in rates if one), None))
            code = start_code(container, stream)
            frames = frame_of(code, near) if code else None
            sounds = container.streams.audio
            first = next((one for one in sounds if one.codec_context is not None), None)
            yield Media(
                path=os.fspath(path),
                rate=None if probe.variable_rate and rate is None else rate,
                near=near,
                width=probe.width,
                height=probe.height,
                duration=duration,
                starts=Fraction(0) if frames is None else frames / near,
                drop=None if frames is None or code is None else ":" not in code[-3:],
                sounds=len(sounds),
                channels=first.channels if first else 0,
                sound_rate=first.rate if first else 0,
            )


def look_at(paths: Iterable[str]) -> tuple[dict[str, Media], dict[str, str]]:
    """Each file, and why those cannot be read that cannot; in worker processes."""
    known, unknown = dict[str, Media](), dict[str, str]()
    for event in work_isolated(look, dict.fromkeys(paths), workers=2):
        path = os.fspath(event.path)
        if not isinstance(event, Finished):
            known[path] = event.value
        elif event.error is not None:
            unknown[path] = event.error.reason
    return known, unknown


def list_rate(media: Sequence[Media]) -> Fraction:
    """The rate that most of the files have; of several the first."""
    counted = Counter(one.rate or one.near for one in media)
    return counted.most_common(1)[0][0]


def frames_of(excerpt: Excerpt, media: Media, rate: Fraction) -> tuple[int, int]:
    """Its first frame and how many, at a rate; at least one, and none beyond the file."""
    whole = max(1, frame_at(media.duration, rate))
    first = min(frame_at(excerpt.start, rate), whole - 1)
    return first, max(1, min(frame_at(excerpt.end, rate), whole) - first)
