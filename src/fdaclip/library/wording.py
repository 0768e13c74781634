"""Which texts must be read, and reading them: after the pictures, whoever indexed those.

A captions file is read here, for that runs no codec; subtitles inside a video in a worker process.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from fdaclip.video.isolated import MEMORY_LIMIT, Finished, work_isolated

from .captions import MOST, Cue, read_captions
from .interrupt import Interrupts
from .report import AddReport, Failure
from .rows import Source, Text, Video
from .scan import Found
from .sidecars import INSIDE, Sidecars
from .store import Store
from .subtitles import read_subtitles

TIME_LIMIT = 300.0  # s until the next subtitles of a video, which may be far apart in a large file
COMMIT_EVERY = 2.0  # s between commits


@dataclass
class _Wanted:
    """A video whose texts are to be read."""

    video: Video
    path: str
    captions: list[str]
    inside: bool | None  # None: that is not known
    found: dict[Text, None] = field(default_factory=dict)  # each once, in order


def refresh_texts(
    store: Store,
    files: Sequence[Found],
    report: AddReport,
    interrupts: Interrupts,
    *,
    processes: int,
) -> None:
    """Read the texts of those files whose captions are new, changed or gone; nothing is decoded.

    A captions file that cannot be read costs itself, never the video. Killed at any time, what is
    not yet committed is read again the next time.

    Args:
        report: is told what was read.
    """
    sidecars = Sidecars(found.path for found in files)
    known = {video.path: video for video in store.videos()}
    reading = _Reading(store, sidecars, report, interrupts)
    inside: dict[str, _Wanted] = {}
    for found in files:
        video = known.get(found.key)
        if video is None or not video.take or not video.present:
            continue
        wanted = _to_read(video, found.path, sidecars)
        if wanted is None:
            continue
        if interrupts.asked:
            break
        reading.read_captions(wanted)
        if wanted.inside is False:
            reading.settle(wanted)
        else:
            inside[found.path] = wanted
    if inside and not interrupts.asked:
        reading.read_inside(inside, processes)
    reading.commit()


def _to_read(video: Video, path: str, sidecars: Sidecars) -> _Wanted | None:
    """What of a video must be read; None if nothing is new."""
    told = video.sidecars.partition("\n")[0]
    inside = None if not told else told.endswith(INSIDE)
    if video.sidecars == sidecars.state(path, subtitles=bool(inside)):
        return None
    return _Wanted(video, path, sidecars.of(path), inside)


class _Reading:
    """One call of `refresh_texts`."""

    def __init__(
        self, store: Store, sidecars: Sidecars, report: AddReport, interrupts: Interrupts
    ) -> None:
        self._store, self._sidecars = store, sidecars
        self._report, self._interrupts = report, interrupts
        self._rows: list[Video] = []
        self._editions: dict[int, list[Text]] = {}
        self._committed = time.monotonic()

    def read_captions(self, wanted: _Wanted) -> None:
        """What lies beside the video."""
        for path in wanted.captions:
            try:
                cues, broken = read_captions(path)
            except OSError as error:
                reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
                self._report.unread.append(Failure(path, reason))
                continue
            self._report.broken += broken
            if broken and not cues:
                self._report.unread.append(Failure(path, "holds no cue that can be understood"))
            _add(wanted, cues, "captions")

    def read_inside(self, inside: dict[str, _Wanted], processes: int) -> None:
        """What is in the videos themselves."""
        events = work_isolated(
            read_subtitles,
            list(inside),
            workers=min(processes, len(inside)),
            time_limit=TIME_LIMIT,
            memory_limit=MEMORY_LIMIT,
        )
        while (event := self._interrupts.unless_asked(lambda: next(events, None))) is not None:
            wanted = inside[os.fspath(event.path)]
            if isinstance(event, Finished):
                if event.error is not None:  # what came before it counts
                    self._report.unread.append(Failure(wanted.path, event.error.reason))
                self.settle(wanted)
            else:
                wanted.inside = True
                _add(wanted, event.value, "subtitles")

    def settle(self, wanted: _Wanted) -> None:
        """All that will be known of a video's texts is known."""
        state = self._sidecars.state(wanted.path, subtitles=bool(wanted.inside))
        edition = secrets.randbits(62) + 1 if wanted.found else 0
        if edition:
            self._editions[edition] = list(wanted.found)
            self._report.texts += 1
            self._report.cues += len(wanted.found)
        self._rows.append(replace(wanted.video, words=edition, sidecars=state))
        if time.monotonic() - self._committed > COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        """Write what is settled, and drop the editions that this replaces."""
        if self._rows:
            self._store.commit({}, self._rows, self._editions)
            self._store.drop_orphans()
        self._rows, self._editions = [], {}
        self._committed = time.monotonic()


def _add(wanted: _Wanted, cues: Iterable[Cue], source: Source) -> None:
    duration = wanted.video.duration
    for cue in cues:
        if len(wanted.found) < MOST and not (duration and cue.start >= duration):
            wanted.found[Text(cue.start, cue.end, source, cue.text)] = None
