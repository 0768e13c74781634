"""What goes over the wire, as pydantic models: the routes write it, the client reads it.

Times and lengths are in seconds, dates are Unix time in seconds, addresses begin at the server's
root. A path is for people to read: bytes in it that are not UTF-8 appear as ``\\xNN``. What a file
or a moment is asked for by is its id.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Match = Literal["strong", "likely", "weak", ""]
State = Literal["ok", "partial", "bad", "missing"]
Layer = Literal["frame", "mask", "relevance", "relevance_without_mask"]  # of a picture of why
How = Literal["lossless", "exact", "edl", "fcpxml", "csv", "json"]  # to export


class Wire(BaseModel):
    """Anything that is sent."""

    model_config = ConfigDict(ser_json_inf_nan="null")


class Told(Wire):
    """What went wrong: a word for programs, a line for people, and what to do."""

    code: str
    message: str
    hint: str


class Error(Wire):
    """The one form that every error has."""

    error: Told


class Health(Wire):
    """Is the server up?"""

    status: Literal["ok", "draining"]
    version: str
    moments: int
    indexing: bool


class Folder(Wire):
    """A folder with files of the library right in it."""

    path: str
    files: int


class Fault(Wire):
    """A file that could not be indexed, or not all of it; ``video`` is its id."""

    video: str | None
    path: str
    reason: str


class Offline(Wire):
    """A disk that is not there, and how many of the library's files it holds."""

    mount: str
    files: int


class LibraryFacts(Wire):
    """What a library holds, and what may be done with it.

    Attributes:
        recall: of an approximate search, at 10, as measured; null if all moments are compared.
        searchable_text: are there captions or subtitles that are searched as well?
        picture_queries: can it be asked with pictures and clips?
        folders: those with the most files first, 500 at most.
    """

    name: str
    folder: str
    model: str
    created: str
    files: int
    moments: int
    hours: float
    bytes: int
    recall: float | None
    read_only: bool
    searchable_text: bool
    picture_queries: bool
    folders: list[Folder]
    bad: list[Fault]
    partial: list[Fault]
    missing: list[str]
    offline: list[Offline]


class Stretch(Wire):
    """Another moment that looks the same."""

    video: str
    path: str
    start: float
    end: float


class Other(Wire):
    """Another moment of the same video that fits."""

    id: str
    start: float
    end: float
    score: float
    match: Match


class Hit(Wire):
    """A moment.

    Attributes:
        score: cosine of query and moment. confidence, match: how sure it is that it is meant.
        motion: mean energy of what moves, 0 to 1. share: of the picture that moves. moving: of its
            frames with motion.
        also: other files with the same content. alike: moments that look the same.
        text: words that go with it and matched; text_start, text_end: when they are said.
        duration, width, height, when: of its video.
    """

    id: str
    video: str
    name: str
    folder: str
    path: str
    start: float
    end: float
    score: float
    confidence: float | None
    match: Match
    motion: float
    share: float
    moving: float
    also: list[str]
    alike: list[Stretch]
    others: list[Other]
    offline: bool
    text: str
    text_start: float | None
    text_end: float | None
    thumbnail: str
    media: str
    clip: str
    duration: float
    width: int
    height: int
    when: float


class Found(Wire):
    """The answer to a search.

    Attributes:
        nothing: true if no hit is more than chance would find; null if that is not known.
        next: what to give as ``after`` for the hits that follow; null if there are none.
        searched: moments in the library.
    """

    query: str
    nothing: bool | None
    took_ms: float
    hits: list[Hit]
    next: str | None
    searched: int


class Video(Wire):
    """A file of the library.

    Attributes:
        state: "ok", "partial" (some frames are lost), "bad" (nothing could be indexed), "missing".
        when: it was filmed, or last changed. indexed: when that was done.
        thumbnail: null if it has no moments.
    """

    id: str
    name: str
    folder: str
    path: str
    state: State
    reason: str
    duration: float
    width: int
    height: int
    fps: float
    codec: str
    audio: bool
    moments: int
    bytes: int
    when: float
    indexed: float
    offline: bool
    thumbnail: str | None
    media: str


class Videos(Wire):
    """Some of the files, in order of path."""

    videos: list[Video]
    next: str | None


class WhyFrame(Wire):
    """A frame of a moment; the addresses of its pictures.

    Attributes:
        kind: "moving", "still" or "cut"; only a moving one has a mask that hides anything.
    """

    time: float
    kind: str
    frame: str
    mask: str
    relevance: str
    relevance_without_mask: str


class Why(Wire):
    """Why a moment matched.

    Attributes:
        score: cosine of what was asked and the moment's best window. score_without_mask: had the
            model been told to look at everything.
        method: how relevance was found.
    """

    score: float
    score_without_mask: float
    method: Literal["gradients", "occlusion"]
    frames: list[WhyFrame]


class TimelineMoment(Wire):
    """A moment in its video; ``similarity`` is null if nothing is asked."""

    id: str
    start: float
    end: float
    similarity: float | None
    match: Match
    motion: float
    share: float
    shot: int


class Timeline(Wire):
    """The moments of a video, in order."""

    duration: float
    moments: list[TimelineMoment]


class MaskFrame(Wire):
    """What moves in a frame; its pictures are data addresses.

    Attributes:
        kind: "moving", "still" or "cut". share, energy: see docs/masks.md.
        compensated: was a motion of the camera taken out?
        mask: the frame, grey where nothing moves. alpha: the mask itself, white where it does.
        difference: null where the decoder's motion vectors serve instead of differences.
    """

    time: float
    kind: str
    share: float
    energy: float
    compensated: bool
    frame: str
    mask: str
    alpha: str
    difference: str | None


class Masks(Wire):
    """What moves in a stretch of video."""

    frames: list[MaskFrame]
    took_ms: float


class Setting(Wire):
    """A setting of masks, for a control: a number, yes or no, or one of some words."""

    name: str
    label: str
    kind: Literal["number", "integer", "boolean", "choice"]
    min: float | None
    max: float | None
    step: float | None
    choices: list[str]
    default: float | bool | str
    help: str


class Report(Wire):
    """A report of an evaluation; ``changed`` is Unix time, s."""

    name: str
    url: str
    title: str
    changed: float


class JobRequest(Wire):
    """What is to be indexed.

    Attributes:
        paths: absolute ones of files and folders on the server's machine; ``~`` is its user's home.
        videos: ids of files that the library knows already.
        retry: try bad and partial files again; without paths and videos, all of them.
    """

    paths: list[str] = Field(default_factory=list, max_length=100)
    videos: list[str] = Field(default_factory=list, max_length=1000)
    retry: bool = False


class JobProgress(Wire):
    """How far a job is.

    Attributes:
        files, done, bad: files to look at, those finished, those of them that are bad.
        share: of the work, 0 to 1. seconds: of video encoded. elapsed: s it has taken.
        rate: seconds of video a second; null while that cannot be said, as is ``left``, s to go.
        current: the file it is at; empty between files.
    """

    files: int
    done: int
    bad: int
    share: float
    seconds: float
    elapsed: float
    rate: float | None
    left: float | None
    current: str


class JobReport(Wire):
    """What a job has done.

    Attributes:
        found: files looked at. encoded, moments, seconds: indexed now. unchanged, touched, moved,
            duplicates: known already; missing, offline: known, and not there.
        bad, partial: files of which nothing, or not all, could be indexed.
        summary: all of that in a line.
    """

    found: int
    encoded: int
    moments: int
    seconds: float
    elapsed: float
    unchanged: int
    touched: int
    moved: int
    duplicates: int
    missing: int
    offline: int
    bad: list[Fault]
    partial: list[Fault]
    summary: str


class Job(Wire):
    """Indexing, in a process of its own.

    Attributes:
        state: "stopping" between being cancelled and its end, when what is finished is written;
            "done", "cancelled" and "failed" are ends.
        paths: what was asked for. began, ended: Unix time, s.
        report: when it is done or cancelled. error: when it has failed.
    """

    id: str
    state: Literal["running", "stopping", "done", "cancelled", "failed"]
    paths: list[str]
    retry: bool
    began: float
    ended: float | None
    progress: JobProgress | None
    report: JobReport | None
    error: Told | None


class Jobs(Wire):
    """Those of this server, the newest first; ``running`` is the id of the one at work."""

    jobs: list[Job]
    running: str | None


class ExportRequest(Wire):
    """Moments by their ids, and as what: cut files (zipped if several), or a list for editors."""

    moments: list[str] = Field(min_length=1, max_length=200)
    how: How = "lossless"
