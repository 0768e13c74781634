"""Named blobs in a few large files: appended one after another, read through memory maps.

Crash-safe by order: data reach the disk before the line of the index that names them, and what
follows the last whole line is cut off when the store is next written to.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fdaclip.data.errors import DataError, StaleCache

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[str]) -> None:
        os.lseek(file.fileno(), 1 << 40, os.SEEK_SET)  # beyond what is written, which others read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def try_lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


SHARD = 2**30  # bytes after which a new file is begun
COMMIT = 32 * 2**20  # bytes after which what was appended is made to last,
COMMIT_EVERY = 5.0  # or seconds

Row = dict[str, Any]


class Blobs:
    """A store for reading; it may be sent to other processes, which open the files themselves.

    A blob is a sequence of parts, each with a checksum, so that some of them can be read alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[str, Row] | None = None
        self._maps: dict[int, mmap.mmap] = {}

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.__init__(folder)  # type: ignore[misc]

    @property
    def rows(self) -> dict[str, Row]:
        """Name → what the index says of it, the latest where a name was written twice."""
        if self._rows is None:
            self._rows = {row["name"]: row for row in read_index(self.folder)}
        return self._rows

    def refresh(self) -> None:
        """Forget the index, to read it anew after something was appended."""
        self._rows = None
        self._maps = {}

    def parts(self, name: str, wanted: Sequence[int]) -> list[memoryview]:
        """Some parts of a blob.

        Raises:
            StaleCache: the store has no such blob, or it is damaged.
        """
        row = self.rows.get(name)
        if row is None:
            raise StaleCache(f"{self.folder} has no {name}", "build the cache again")
        shard = self._map(row["shard"], row["offset"] + sum(row["lengths"]))
        offsets = [row["offset"]]
        for length in row["lengths"]:
            offsets.append(offsets[-1] + length)
        found = []
        for index in wanted:
            part = shard[offsets[index] : offsets[index + 1]]
            if zlib.crc32(part) != row["sums"][index]:
                raise StaleCache(
                    f"{self.folder} is damaged at {name}", "delete that folder and build it again"
                )
            found.append(part)
        return found

    def _map(self, number: int, end: int) -> memoryview:
        if not end:
            return memoryview(b"")  # of nothing but empty parts; an empty file cannot be mapped
        if number not in self._maps or len(self._maps[number]) < end:
            with shard_path(self.folder, number).open("rb") as file:
                self._maps[number] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._maps[number])


class Appender:
    """Appends blobs; made by `appending`."""

    def __init__(self, folder: Path, index: IO[str]) -> None:
        self._folder = folder
        self._index = index
        self._rows: list[Row] = []
        self._waiting = 0
        self._committed = time.monotonic()
        self._number, self._offset = end_of(folder)
        self._shard = self._open()

    def _open(self) -> IO[bytes]:
        path = shard_path(self._folder, self._number)
        file = path.open("r+b" if path.exists() else "w+b")
        file.truncate(self._offset)
        file.seek(self._offset)
        return file

    def append(self, name: str, parts: Sequence[bytes], **more: Any) -> None:
        """Add a blob; `more` stands in its row. It lasts from the next commit."""
        if self._offset and self._offset + sum(map(len, parts)) > SHARD:
            self.commit()
            self._shard.close()
            self._number, self._offset = self._number + 1, 0
            self._shard = self._open()
        row = {"name": name, "shard": self._number, "offset": self._offset}
        lengths, sums = [len(p) for p in parts], [zlib.crc32(p) for p in parts]
        self._rows.append({**row, "lengths": lengths, "sums": sums, **more})
        for part in parts:
            self._shard.write(part)
        self._offset += sum(lengths)
        self._waiting += sum(lengths)
        if self._waiting >= COMMIT or time.monotonic() - self._committed >= COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        self._shard.flush()
        os.fsync(self._shard.fileno())
        self._index.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in self._rows)
        self._index.flush()
        os.fsync(self._index.fileno())
        self._rows, self._waiting, self._committed = [], 0, time.monotonic()

    def close(self) -> None:
        self.commit()
        self._shard.close()


@contextmanager
def appending(folder: Path) -> Iterator[Appender]:
    """The store, to be written to by this process alone; committed at the end, come what may.

    Raises:
        DataError: another process is writing to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.jsonl").open("a+", encoding="utf-8") as index:
        try:
            try_lock(index)
        except OSError:
            raise DataError(f"another process is writing to {folder}", "wait for it") from None
        cut_torn_line(folder / "index.jsonl")
        appender = Appender(folder, index)
        try:
            yield appender
        finally:
            appender.close()


def read_index(folder: Path) -> list[Row]:
    """The rows of the index, without a last line that was not finished."""
    try:
        text = (folder / "index.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def cut_torn_line(index: Path) -> None:
    content = index.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(index, whole)


def end_of(folder: Path) -> tuple[int, int]:
    """(shard, offset) where the last blob of the index ends."""
    rows = read_index(folder)
    if not rows:
        return 0, 0
    last = max(rows, key=lambda row: (row["shard"], row["offset"]))
    return last["shard"], last["offset"] + sum(last["lengths"])


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.bin"
