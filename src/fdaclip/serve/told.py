"""Hits, files and what was indexed, as they go over the wire."""

from __future__ import annotations

import os

from fdaclip.library import AddReport, Failure, Hit, Progress
from fdaclip.library.names import to_key
from fdaclip.library.rows import Video

from . import wire
from .catalogue import Catalogue, Mounts, shown, shown_key
from .ids import moment_id, video_id

BASE = "/api/v1"
CLIP = 60.0  # s that a clip made for a browser may have


def hit(found: Hit, catalogue: Catalogue) -> wire.Hit:
    """A moment; the facts of a file that is not known (any more) are 0."""
    key = to_key(found.path)
    video = video_id(key)
    row = catalogue.by_path.get(key)
    path = shown(found.path)
    folder, name = os.path.split(path)
    best = found.best if found.best[0] < found.best[1] else (found.start, found.end)
    until = min(found.end, found.start + CLIP)
    return wire.Hit(
        id=moment_id(video, found.start, found.end),
        video=video,
        name=name,
        folder=folder,
        path=path,
        start=found.start,
        end=found.end,
        score=found.score,
        confidence=found.confidence,
        match=found.match,
        motion=found.motion,
        share=found.share,
        moving=found.moving,
        also=[shown(other) for other in found.also],
        alike=[
            wire.Stretch(
                video=video_id(to_key(one.path)),
                path=shown(one.path),
                start=one.start,
                end=one.end,
            )
            for one in found.alike
        ],
        others=[
            wire.Other(
                id=moment_id(video, other.start, other.end),
                start=other.start,
                end=other.end,
                score=other.score,
                match=other.match,
            )
            for other in found.others
        ],
        offline=found.offline,
        text=found.text.encode("utf-8", "replace").decode(),
        text_start=found.text_span[0] if found.text_span else None,
        text_end=found.text_span[1] if found.text_span else None,
        thumbnail=f"{BASE}/moments/{moment_id(video, *best)}/thumbnail.jpg",
        media=f"{BASE}/videos/{video}/media",
        clip=f"{BASE}/videos/{video}/clip.mp4?start={found.start:.3f}&end={until:.3f}",
        duration=row.duration if row else 0.0,
        width=row.width if row else 0,
        height=row.height if row else 0,
        when=when(row) if row else 0.0,
    )


def file(row: Video, mounts: Mounts) -> wire.Video:
    """A file."""
    video = video_id(row.path)
    path = shown_key(row.path)
    folder, name = os.path.split(path)
    return wire.Video(
        id=video,
        name=name,
        folder=folder,
        path=path,
        state=row.state if row.present else "missing",
        reason=row.reason,
        duration=row.duration,
        width=row.width,
        height=row.height,
        fps=row.fps,
        codec=row.codec,
        audio=row.audio,
        moments=row.moments,
        bytes=row.size,
        when=when(row),
        indexed=row.indexed,
        offline=mounts.offline(row),
        thumbnail=f"{BASE}/videos/{video}/thumbnail.jpg" if row.present and row.moments else None,
        media=f"{BASE}/videos/{video}/media",
    )


def fault(failure: Failure) -> wire.Fault:
    """A file that could not be indexed."""
    return wire.Fault(
        video=video_id(to_key(failure.path)),
        path=shown(failure.path),
        reason=shown(failure.reason),
    )


def progress(now: Progress) -> wire.JobProgress:
    """How far indexing is."""
    return wire.JobProgress(
        files=now.files,
        done=now.done,
        bad=now.bad,
        share=now.share,
        seconds=now.seconds,
        elapsed=now.elapsed,
        rate=now.rate,
        left=now.left,
        current=shown(now.current),
    )


def report(done: AddReport) -> wire.JobReport:
    """What was indexed."""
    return wire.JobReport(
        found=done.found,
        encoded=done.encoded,
        moments=done.moments,
        seconds=done.seconds,
        elapsed=done.elapsed,
        unchanged=done.unchanged,
        touched=done.touched,
        moved=done.moved,
        duplicates=done.duplicates,
        missing=done.missing,
        offline=done.offline,
        bad=[fault(failure) for failure in done.bad],
        partial=[fault(failure) for failure in done.partial],
        summary=done.summary,
    )


def when(row: Video) -> float:
    """Unix time, s: when it was filmed, or last changed where it does not say."""
    return row.captured or row.mtime_ns / 1e9
