"""When a video was filmed, as far as its container tells.

Cameras and phones write it under several names and in several spellings; clocks that were never set
write the epoch they count from. What cannot be believed is unknown.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

# Names of tags, the most trustworthy first. QuickTime's has the time zone, and stays when a phone's
# film is edited; the others may tell when the file was written.
TAGS = (
    "com.apple.quicktime.creationdate",
    "date_recorded",
    "datetimeoriginal",
    "creation_time",
    "date",
)
SPELLINGS = ("%Y:%m:%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y")
DAY = 86400.0
# MP4 counts from 1904, Unix from 1970, MS-DOS from 1980: clocks that were not set tell such days.
BEGUN = datetime(1971, 1, 1, tzinfo=UTC).timestamp()
DOS = datetime(1980, 1, 1, tzinfo=UTC).timestamp()


def captured(metadata: Iterable[Mapping[str, str]]) -> float | None:
    """Unix time in seconds at which the film was taken; None where no tag tells it credibly.

    A time without a zone is taken as UTC, a date alone as its first instant; a year alone is no
    date. Before 1971, on the first day of 1980, or more than two days ahead: not credible.

    Args:
        metadata: tags of the container, then of its video track.
    """
    tags = [{name.lower(): value for name, value in some.items()} for some in metadata]
    for name in TAGS:
        for some in tags:
            moment = seconds(some[name]) if name in some else None
            if moment is not None and _credible(moment):
                return moment
    return None


def seconds(text: str) -> float | None:
    """Unix time of a date as it is written in tags; None if it is none."""
    text = " ".join(text.split())
    if len(text) < len("20190503"):  # a year, or a year and a month
        return None
    found: datetime | None = None
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
    for spelling in SPELLINGS:
        if found is None:
            with suppress(ValueError):
                found = datetime.strptime(text, spelling)
    if found is None:
        return None
    with suppress(OverflowError, ValueError, OSError):
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None


def _credible(moment: float) -> bool:
    if DOS - DAY / 2 <= moment < DOS + 1.5 * DAY:  # whatever its zone
        return False
    return BEGUN + DAY <= moment <= time.time() + 2 * DAY
