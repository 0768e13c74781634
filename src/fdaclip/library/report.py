"""What an ``add`` did, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from fdaclip.clock import clock

STAGES = ("shots", "decode", "mask", "encode", "write")


@dataclass(frozen=True)
class Failure:
    """A file (or folder) that could not be indexed, wholly or in part, and why."""

    path: str
    reason: str


@dataclass
class AddReport:
    """What became of the files.

    Attributes:
        found: video files that were looked at.
        unchanged: known already, same size and time; nothing was read.
        touched: read again, and found to hold what they held.
        moved: recognised by content under a new name.
        duplicates: their content was indexed under another name already.
        encoded: decoded and encoded in this run.
        partial: of those, the ones that lost frames. bad: files of which nothing could be indexed.
        known_bad: unchanged files that were bad when last tried.
        missing: known files that are gone. offline: known files on disks that are not mounted; they
            stay searchable.
        moments: written. seconds: of video encoded. elapsed: s.
        texts: videos whose captions or subtitles were read. cues: that were found in them.
        broken: cues that could not be understood. unread: captions files that could not be read.
        interrupted: was stopped before the end; the next run does the rest.
        stages: s that the work took by stage: "shots" (looking for cuts), "decode", "mask" (with
            resizing and thumbnails) and "encode" in processor time (encoding on a GPU in time),
            "write" in time.
        utilisation: share of the processors' time that was used; 0 if nothing was decoded.
    """

    found: int = 0
    unchanged: int = 0
    touched: int = 0
    moved: int = 0
    duplicates: int = 0
    encoded: int = 0
    partial: list[Failure] = field(default_factory=list)
    bad: list[Failure] = field(default_factory=list)
    known_bad: int = 0
    missing: int = 0
    offline: int = 0
    moments: int = 0
    seconds: float = 0.0
    elapsed: float = 0.0
    texts: int = 0
    cues: int = 0
    broken: int = 0
    unread: list[Failure] = field(default_factory=list)
    interrupted: bool = False
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    utilisation: float = 0.0

    @property
    def summary(self) -> str:
        """``2 videos indexed (9 moments, 1:10 of video in 7 s, 10.0× real time), 3 unchanged``."""
        parts = []
        if self.encoded:
            parts.append(
                f"{self.encoded} videos indexed ({self.moments} moments, "
                f"{clock(self.seconds)} of video in {self.elapsed:.0f} s, "
                f"{self.seconds / max(self.elapsed, 1e-9):.1f}× real time)"
            )
        for count, what in (
            (self.unchanged, "unchanged"),
            (self.touched, "touched but the same"),
            (self.moved, "moved"),
            (self.duplicates, "with the same content as another"),
            (len(self.partial), "partial"),
            (len(self.bad), "bad"),
            (self.missing, "missing"),
            (self.offline, "on disks that are not mounted"),
        ):
            if count:
                parts.append(f"{count} {what}")
        if self.texts:
            broken = f", {self.broken} broken passed over" if self.broken else ""
            which = "1 file" if self.texts == 1 else f"{self.texts} files"
            parts.append(f"captions of {which} read ({self.cues} cues{broken})")
        return ", ".join(parts) or "no videos found"


@dataclass(frozen=True)
class Progress:
    """How far an ``add`` is.

    Attributes:
        files, done, bad: files to look at, those finished, those of them that are bad.
        share: of the work, by bytes, 0 to 1.
        seconds: of video encoded. elapsed: s.
        current: path of the file that is at work the longest; empty if none is.
        before, share_before: s that had gone and what was done when decoding began: until then the
            model is loaded, and what is unchanged passed over.
    """

    files: int
    done: int
    bad: int
    share: float
    seconds: float
    elapsed: float
    current: str
    before: float = 0.0
    share_before: float = 0.0

    @property
    def rate(self) -> float | None:
        """Seconds of video a second, since decoding began; None while that cannot be said."""
        if not self.seconds:
            return None
        return self.seconds / max(self.elapsed - self.before, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds to go, if it goes on like this; None while that cannot be said."""
        done, to_do = self.share - self.share_before, 1 - self.share_before
        if done <= 0.005 * to_do:
            return None
        return (self.elapsed - self.before) * (to_do / done - 1)
