"""Searches a library again and again in a process of its own, until a file appears: LIBRARY FILE.

Prints the numbers of moments that it found. It writes the vector file as often as it may.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tiny_films import FakeEncoder

from fdaclip.library import Library, library

if __name__ == "__main__":
    place, end = sys.argv[1:]
    library.SETTLED = -1.0
    reader, counts, ended = Library(place, FakeEncoder()), [], False
    print("searching", flush=True)
    while not ended:
        ended = Path(end).exists()  # and once more after that
        counts.append(len(reader.search("x", 10_000, merge=False, fold=False)))
        time.sleep(0.02)
    print(*counts)
