"""Frames and the clock that editors count them with (SMPTE 12M)."""

from __future__ import annotations

import math
import re
from fractions import Fraction

ALIKE = Fraction(1, 10**6)  # frames, or seconds, by which times differ that are the same
RATES = tuple(
    Fraction(*rate)
    for rate in (
        (24000, 1001),
        (24, 1),
        (25, 1),
        (30000, 1001),
        (30, 1),
        (48, 1),
        (50, 1),
        (60000, 1001),
        (60, 1),
    )
)  # frames/s that editors know
CLOSE = 4e-4  # relative; 29.97 and 30 are 1e-3 apart
_CODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2})")


def standard(rate: Fraction | float | None) -> Fraction | None:
    """The rate of ``RATES`` that this is, as exactly as files tell it; None if it is none."""
    if not rate:
        return None
    best = min(RATES, key=lambda one: abs(float(one) - float(rate)))
    return best if abs(float(rate) / float(best) - 1) < CLOSE else None


def nearest(rate: Fraction | float | None) -> Fraction:
    """A rate of ``RATES`` for a list of clips with this one: itself, a multiple, or a near one."""
    if not rate:
        return Fraction(25)
    for times in (1, 2, 3, 4, 5):
        if (known := standard(float(rate) * times)) is not None:
            return known
    return min(RATES, key=lambda one: abs(float(one) - float(rate)))


def drops(rate: Fraction) -> bool:
    """Is this a rate whose timecode drops numbers to stay with the clock: 29.97 or 59.94?"""
    return rate in (Fraction(30000, 1001), Fraction(60000, 1001))


def frame_at(seconds: float, rate: Fraction) -> int:
    """The number of the frame that begins nearest to a time, of two the earlier."""
    return math.ceil(Fraction(seconds) * rate - Fraction(1, 2) - ALIKE)


def timecode(frame: int, rate: Fraction, *, drop: bool) -> str:
    """``01:02:03:04`` of a frame, counted from 0; after 24 hours it begins again.

    Args:
        drop: drop-frame, written with ``;``: of each minute but every tenth the first two numbers
            (four at 59.94) are left out. No frame is.
    """
    nominal = round(rate)
    if drop:
        lost = nominal // 15  # numbers a minute
        tens, rest = divmod(frame, nominal * 600 - lost * 9)
        beyond = rest - nominal * 60  # the tenth minute is whole
        minutes = 1 + beyond // (nominal * 60 - lost) if beyond >= 0 else 0
        frame += lost * (9 * tens + minutes)
    seconds, frames = divmod(frame, nominal)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    mark = ";" if drop else ":"
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def frame_of(code: str, rate: Fraction) -> int | None:
    """The frame of a timecode, the inverse of ``timecode``; None if it is none.

    Whether numbers are dropped is told by its last separator: anything but a colon.
    """
    found = _CODE.fullmatch(code.strip())
    if not found:
        return None
    hours, minutes, seconds, frames = (int(found[part]) for part in (1, 2, 3, 5))
    nominal = round(rate)
    minutes += hours * 60
    frame = (minutes * 60 + seconds) * nominal + frames
    if found[4] != ":" and drops(rate):
        frame -= nominal // 15 * (minutes - minutes // 10)
    return frame
