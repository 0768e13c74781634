"""Moments as files that are sent: made in a folder of their own, which is gone when they are sent.

What is cut is bounded: in seconds before it begins, in bytes while it grows, and by what the disk
has left. It stops when nobody waits for it any more.
"""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic
from urllib.parse import quote
from zipfile import ZipFile, ZipInfo

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from fdaclip.library.export import CannotExport, Cut, Excerpt, NotCut, cut_all, write_list
from fdaclip.library.names import from_key, whereabouts
from fdaclip.library.rows import Video

from .catalogue import shown
from .guard import Refused
from .limits import Limits
from .media import TYPES, open_checked, pieces
from .wire import How

CUTS = ("lossless", "exact")
UNREAD = ("csv", "json")  # lists that need no look into the videos
KINDS = TYPES | {
    ".zip": "application/zip",
    ".edl": "text/plain; charset=utf-8",
    ".fcpxml": "application/xml",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
SPARE = 1 << 30  # bytes of the disk that are left to others
EVERY = 0.5  # s between two looks at what has been written
PIECE = 1 << 20  # bytes copied at a time
TOLD = 5  # reasons in an error
FORBIDDEN = re.compile(r'["*/:<>?\\|]')  # in names, by one system or another


@dataclass(frozen=True)
class Wanted:
    """A part of a video, and its file as the library knows it."""

    excerpt: Excerpt
    row: Video


@dataclass(frozen=True)
class Exported:
    """A file to send, in a folder that is its own.

    Attributes:
        name: what it is called where it arrives.
    """

    folder: TemporaryDirectory[str]
    file: Path
    name: str

    def delete(self) -> None:
        """It was sent, or nobody wants it."""
        self.folder.cleanup()


def exported(
    wanted: Sequence[Wanted], how: How, unknown: Sequence[str], limits: Limits, gone: Event
) -> Exported:
    """The file that was asked for: a cut, a list, or a zip of several, with what could not be.

    Args:
        unknown: moments that could not be found, each with the reason, for people.
        gone: set when nobody waits for it any more, or can.

    Raises:
        Refused: 409, nothing could be exported; 413, it is too much; 507, the disk is full; 503, it
            was stopped. What was made is deleted.
    """
    folder = TemporaryDirectory(prefix="fdaclip-export-", ignore_cleanup_errors=True)
    place = Path(folder.name)
    try:
        watch = Watch(place, limits.export, gone)
        watch()
        try:
            if how in CUTS:
                files, failed = _cut(wanted, place, watch, exact=how == "exact")
            else:
                files, failed = _listed(wanted, place / f"moments.{how}")
        except CannotExport as error:
            raise Refused(
                507, "cannot_write", "the server cannot write the files", "free space on its disk"
            ) from error
        left_out = [*unknown, *map(_told, failed)]
        if not files:
            raise Refused(409, "not_cut", _summary(left_out), "index the files again if they moved")
        if len(files) == 1 and not left_out:
            return Exported(folder, files[0], plain(files[0].name))
        return Exported(folder, _zipped(files, left_out, place, watch), "moments.zip")
    except BaseException:
        folder.cleanup()
        raise


class Watch:
    """Stops an export that grows too large, or that nobody waits for; called again and again.

    Raises:
        Refused: it has to stop.
    """

    def __init__(self, place: Path, most: int, gone: Event) -> None:
        self._place, self._most, self._gone = place, most, gone
        self._looked = -EVERY

    def __call__(self, done: float = 0.0, of: int = 0) -> None:
        if self._gone.is_set():
            raise Refused(503, "stopped", "the server ends, or nobody waits for this")
        if monotonic() - self._looked < EVERY:
            return
        self._looked = monotonic()
        if sum(_sizes(self._place)) > self._most:
            raise too_much(f"more than {self._most / 1e9:,.1f} GB")
        if shutil.disk_usage(self._place).free < SPARE:
            raise Refused(
                507, "disk_full", "the server's disk has no room for it", "export less, or later"
            )


def too_much(amount: str) -> Refused:
    """Of an export that is beyond the limits."""
    return Refused(413, "too_large", f"the export would have {amount}", "export fewer moments")


def _sizes(place: Path) -> Iterator[int]:
    for file in os.scandir(place):
        try:
            yield file.stat(follow_symlinks=False).st_size
        except FileNotFoundError:  # it has just got its name
            continue


def _cut(
    wanted: Sequence[Wanted], place: Path, watch: Watch, *, exact: bool
) -> tuple[list[Path], list[NotCut]]:
    """Those of files that are as they were indexed, before they are cut and after."""
    sound, failed = _sound(wanted)
    rows = {one.excerpt.path: one.row for one in sound}
    cuts = cut_all((one.excerpt for one in sound), place, exact=exact, progress=watch)
    files = []
    for one in cuts.made:
        reason = trouble(rows[one.path])
        if reason:
            one.file.unlink()
            failed.append(_not(one, reason))
        else:
            files.append(one.file)
    return files, failed + cuts.failed


def _listed(wanted: Sequence[Wanted], target: Path) -> tuple[list[Path], list[NotCut]]:
    """One list of them; those that editors' formats need to read must be as they were indexed."""
    failed = list[NotCut]()
    if target.suffix[1:] not in UNREAD:
        wanted, failed = _sound(wanted)
    if not wanted:
        return [], failed
    try:
        failed += write_list([one.excerpt for one in wanted], target)
    except CannotExport as error:
        if isinstance(error.__cause__, OSError):
            raise
        return [], [*failed, *(_not(one.excerpt, str(error)) for one in wanted)]
    return [target], failed


def _sound(wanted: Sequence[Wanted]) -> tuple[list[Wanted], list[NotCut]]:
    """Those whose files can be read, and the others with reasons; each file is looked at once."""
    reasons = {one.row.path: trouble(one.row) for one in wanted}
    failed = [_not(one.excerpt, why) for one in wanted if (why := reasons[one.row.path])]
    return [one for one in wanted if not reasons[one.row.path]], failed


def trouble(row: Video) -> str:
    """Why a file is not to be read now: it is away, or another than was indexed; else empty."""
    path = from_key(row.path)
    if whereabouts(path, row.mount) == "offline":
        return "its disk is not there"
    try:
        open_checked(path, row.size, row.mtime_ns).close()
    except Refused as refused:
        return refused.message
    return ""


def _not(one: Cut | Excerpt, reason: str) -> NotCut:
    return NotCut(one.path, one.start, one.end, reason)


def _told(one: NotCut) -> str:
    return f"{shown(one.path)} {one.start:g}-{one.end:g} s: {shown(one.reason)}"


def _summary(left_out: Sequence[str]) -> str:
    told = "; ".join(left_out[:TOLD])
    more = len(left_out) - TOLD
    return f"nothing could be exported: {told}" + (f"; and {more} more" if more > 0 else "")


# --- one file of several -------------------------------------------------------------------------


def _zipped(files: Sequence[Path], left_out: Sequence[str], place: Path, watch: Watch) -> Path:
    """All in one, stored as they are: video does not get smaller. Each is deleted once it is in."""
    target = place / "moments.zip"
    with ZipFile(target, "x") as packed:
        for file, name in zip(files, unique(plain(file.name) for file in files), strict=True):
            watch()
            info = ZipInfo.from_file(file, name)
            with file.open("rb") as source, packed.open(info, "w") as stored:
                shutil.copyfileobj(source, stored, PIECE)
            file.unlink()
        if left_out:
            packed.writestr("not-cut.txt", "".join(f"{line}\n" for line in left_out))
    return target


def unique(names: Iterable[str]) -> Iterator[str]:
    """The names, made different where a file system would take them for the same."""
    used = set[str]()
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        given, copies = name, 1
        while given.casefold() in used:
            copies += 1
            given = f"{stem} ({copies}){dot}{suffix}"
        used.add(given.casefold())
        yield given


def plain(name: str) -> str:
    """A name that any system takes, and that shows what it is: nothing in it is invisible."""
    text = FORBIDDEN.sub("_", shown(name))
    return "".join("_" if unicodedata.category(sign).startswith("C") else sign for sign in text)


# --- sending -------------------------------------------------------------------------------------


class Sent(StreamingResponse):
    """The answer; the file and its folder are deleted when it is sent, or cannot be."""

    def __init__(self, made: Exported) -> None:
        self._made = made
        self._file = made.file.open("rb", buffering=0)
        size = os.fstat(self._file.fileno()).st_size
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": disposition(made.name),
            "Cache-Control": "no-store",
        }
        kind = KINDS.get(Path(made.name).suffix.lower(), "application/octet-stream")
        super().__init__(pieces(self._file, 0, size - 1), 200, headers, kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()
            self._made.delete()


def disposition(name: str) -> str:
    """To be saved under this name (RFC 6266): in ASCII, and again as it is where that differs."""
    ascii_only = "".join(sign if sign.isascii() else "_" for sign in name)
    told = f'attachment; filename="{ascii_only}"'
    return told if ascii_only == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"
