"""Adds a folder to a library in a process of its own, for tests that kill it: FOLDER LIBRARY."""

from __future__ import annotations

import sys

if __name__ == "__main__":  # the decoding processes import this module too: keep it light
    from tiny_films import FakeEncoder

    from fdaclip.library import Library, Progress, ingest

    working = False

    def tell(now: Progress) -> None:
        global working
        if now.seconds and not working:
            working = True
            print("working", flush=True)

    folder, place = sys.argv[1:]
    ingest.COMMIT_EVERY = 0.0  # as many instants as possible at which a commit is half done
    library = Library(place, FakeEncoder())
    print("adding", flush=True)
    library.add(folder, progress=tell)
