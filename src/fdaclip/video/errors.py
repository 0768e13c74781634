"""What can be wrong with a video file: one error type a cause, one clear line each."""

import os
from pathlib import Path


def printable(path: str | os.PathLike[str]) -> str:
    """The path on one line: control characters and undecodable bytes are escaped."""
    text = os.fspath(path)
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


class VideoError(Exception):
    """A video cannot be used. `str()` is one line: which file, what is wrong, what to do.

    Attributes:
        path: the file as it was given.
        reason: what is wrong.
        hint: what to do about it; may be empty.
    """

    usual_hint = ""

    def __init__(self, path: str | os.PathLike[str], reason: str, hint: str | None = None) -> None:
        self.path = Path(path)
        self.reason = reason
        self.hint = self.usual_hint if hint is None else hint
        super().__init__(path, reason, self.hint)  # the arguments travel between processes

    def __str__(self) -> str:
        line = f"{printable(self.path)}: {self.reason}"
        return f"{line}; {self.hint}" if self.hint else line

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.reason, self.hint)


class Unreadable(VideoError):
    """The system does not let us read the file: permission, a folder, a broken disk."""

    usual_hint = "check that it is a file you may read"


class Missing(Unreadable):
    """There is no such file, or it vanished meanwhile."""

    usual_hint = "check the name, or whether it was moved or deleted"


class NotAVideo(VideoError):
    """The file is empty, a still picture, or in no format that is known."""

    usual_hint = "leave it out, or convert it: ffmpeg -i IN OUT.mp4"


class NoVideoStream(VideoError):
    """The file holds sound or subtitles alone."""

    usual_hint = "leave it out"


class Truncated(VideoError):
    """The file ends too early: the index or all the wanted frames are missing."""

    usual_hint = "copy or download it again"


class Damaged(VideoError):
    """Frames are there, but none of the wanted ones can be decoded soundly."""

    usual_hint = "copy it again, or repair it: ffmpeg -err_detect ignore_err -i IN OUT.mp4"


class UnknownCodec(VideoError):
    """The pictures are in a coding that this build cannot decode."""

    usual_hint = "convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"


class Stalled(VideoError):
    """Decoding made no progress within the time limit."""

    usual_hint = "raise the time limit, or leave the file out"


NO_ROOM = "needs more memory than there is"


class TooLarge(VideoError):
    """Decoding needs more memory than it may take."""

    usual_hint = "leave it out, or make it smaller: ffmpeg -i IN -vf scale=1280:-2 OUT.mp4"


class DecoderCrashed(VideoError):
    """The process that decoded the file died."""

    usual_hint = "leave it out, and please report it with the file"
