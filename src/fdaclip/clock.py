"""Times for people."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """``0:07.5``, ``1:02:03``; tenths below ten seconds."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest // 10:02d}" + (f".{rest % 10}" if seconds < 10 and rest % 10 else "")
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"
