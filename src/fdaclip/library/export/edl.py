"""CMX 3600: one video track of cuts, in timecode.

The whole list counts at one rate, as the format wants: that which most of its files have. A part of
a file at another rate is found by its time, to the list's nearest frame.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from fdaclip.video import printable

from .excerpts import Excerpt
from .media import Media, frames_of, list_rate
from .timecode import drops, frame_at, frame_of, timecode

RECORD_STARTS_AT = "01:00:00;00"  # by custom a programme begins at one o'clock
REEL = 8  # characters of a reel's name


def as_edl(parts: Sequence[tuple[Excerpt, Media]], title: str) -> str:
    """The list, lines ended by CR LF."""
    rate = list_rate([media for _, media in parts])
    # numbers are not dropped where a file's own timecode does not drop them
    drop = drops(rate) and not any(media.drop is False for _, media in parts)
    reels = reel_names([media.path for _, media in parts])
    lines = [f"TITLE: {printable(title)[:70]}"]
    lines += [f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    at = frame_of(RECORD_STARTS_AT if drop else RECORD_STARTS_AT.replace(";", ":"), rate) or 0
    for number, (excerpt, media) in enumerate(parts, 1):
        first, count = frames_of(excerpt, media, rate)
        first += frame_at(float(media.starts), rate)
        codes = (first, first + count, at, at + count)
        times = " ".join(timecode(code, rate, drop=drop) for code in codes)
        channels = "AA/V" if media.sounds else "V"
        lines.append(f"{number:03d}  {reels[media.path]:<8} {channels:<5} C        {times}")
        lines.append(f"* FROM CLIP NAME: {printable(os.path.basename(media.path))}")  # noqa: PTH119
        lines.append(f"* SOURCE FILE: {printable(media.path)}")
        lines.append("")
        at += count
    return "\r\n".join(lines) + "\r\n"


def reel_names(paths: Sequence[str]) -> dict[str, str]:
    """A reel for each file: up to eight capitals and digits of its name, each used once."""
    reels: dict[str, str] = {}
    used = {"AX", "BL"}  # a reel without a name, and black
    for path in dict.fromkeys(paths):
        stem = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122
        plain = re.sub(r"[^A-Z0-9]", "", stem.upper())[:REEL] or "REEL"
        name, number = plain, 1
        while name in used:
            number += 1
            name = plain[: REEL - len(str(number))] + str(number)
        used.add(name)
        reels[path] = name
    return reels
