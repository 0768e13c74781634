"""How much one server does at once, and how large what it is sent may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one server.

    Attributes:
        upload: bytes of a request that carries files. body: bytes of any other.
        sending: s that a request's body may take to come.
        searches, waiting: at work and in line; who comes then is asked to come back.
        patience: s until one in line gives up.
        uploads: requests with files at a time, from their first byte until they are answered.
        heavy: of what decodes video or asks the whole model: at a time; four times as many may
            wait, for 30 s. exports: of them, those that cut, so that looking at videos goes on.
        export, export_seconds: bytes that one may send, and s of video that it may cut.
        streams: video files that are being sent. followers: of jobs.
        pictures: bytes of thumbnails that are kept in memory.
    """

    upload: int = 512 << 20
    body: int = 1 << 20
    sending: float = 120.0
    searches: int = 64
    waiting: int = 64
    patience: float = 2.0
    uploads: int = 4
    heavy: int = 2
    exports: int = 1
    export: int = 4 << 30
    export_seconds: float = 3600.0
    streams: int = 64
    followers: int = 64
    pictures: int = 32 << 20
