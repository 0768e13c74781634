"""Sentences that were asked before need no model: their vectors are kept, the latest ones only."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = "queries.db"
IN_MEMORY = 1000  # sentences
ON_DISK = 1000
PATIENCE = 0.2  # s to wait for another process that writes
TABLE = "CREATE TABLE IF NOT EXISTS queries (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"


class Queries:
    """Vectors of sentences by model: in memory, and in a small file that outlives the process.

    The file holds no sentence, only a hash of model and sentence. It is worth no error: where it
    cannot be read or written, there is none.

    Args:
        folder: where the file is; must exist for it to be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._near: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def get(self, fingerprint: str, sentence: str, size: int) -> NDArray[np.float32] | None:
        """The vector float32 [E] of ``size`` elements, if it is known."""
        return self.known(fingerprint, [sentence], size).get(sentence)

    def known(
        self, fingerprint: str, sentences: Sequence[str], size: int
    ) -> dict[str, NDArray[np.float32]]:
        """The vectors float32 [E] of those sentences that are known; the file is opened once."""
        keys = {sentence: _key(fingerprint, sentence) for sentence in sentences}
        near = {sentence: self._near.get(key) for sentence, key in keys.items()}
        found = {sentence: vector for sentence, vector in near.items() if vector is not None}
        wanted = [sentence for sentence in keys if sentence not in found]

        def read(file: sqlite3.Connection) -> list[tuple[str, bytes]]:
            ask = "SELECT vector FROM queries WHERE key = ?"
            rows = [(one, file.execute(ask, (keys[one],)).fetchone()) for one in wanted]
            return [(one, row[0]) for one, row in rows if row is not None]

        for sentence, kept in (self._do(read) if wanted else None) or []:
            if len(kept) == 4 * size:
                found[sentence] = np.frombuffer(kept, np.float32)
        for sentence, vector in found.items():
            self._keep(keys[sentence], vector)
        return found

    def put(self, fingerprint: str, sentence: str, vector: NDArray[np.float32]) -> None:
        """Remember a vector."""
        self.put_all(fingerprint, {sentence: vector})

    def put_all(self, fingerprint: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Remember the vectors of sentences, in one commit."""
        rows = []
        for sentence, vector in vectors.items():
            key = _key(fingerprint, sentence)
            self._keep(key, vector)
            rows.append((key, np.asarray(vector, np.float32).tobytes()))

        def write(file: sqlite3.Connection) -> None:
            with file:
                file.executemany("INSERT OR REPLACE INTO queries VALUES (?, ?)", rows)
                file.execute(
                    "DELETE FROM queries WHERE rowid <= (SELECT max(rowid) FROM queries) - ?",
                    (ON_DISK,),
                )

        self._do(write)

    def _keep(self, key: bytes, vector: NDArray[np.float32]) -> None:
        self._near[key] = vector
        self._near.move_to_end(key)
        if len(self._near) > IN_MEMORY:
            self._near.popitem(last=False)

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What the work on the file gives; None if it cannot be done. A damaged one is dropped."""
        if not self._file.parent.is_dir():
            return None
        try:
            with closing(sqlite3.connect(self._file, timeout=PATIENCE)) as database:
                database.execute("PRAGMA synchronous = OFF")  # it may be lost
                database.execute(TABLE)
                return work(database)
        except sqlite3.OperationalError:  # read-only, busy, full
            return None
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._file.unlink()
            return None


def _key(fingerprint: str, sentence: str) -> bytes:
    text = f"{fingerprint}\0{sentence}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()
