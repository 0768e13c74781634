"""Adds films in a process of its own, for tests of several: FOLDER LIBRARY LEASE.

It tells of every commit by a line ``committing`` on stdout, and dwells before and within it.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # the decoding processes import this module too: keep it light
    import time
    from typing import Any

    from tiny_films import FakeEncoder

    from fdaclip.library import Library, ingest, remote_lock
    from fdaclip.library import store as store_module
    from fdaclip.library.store import Store

    commit, merge = Store.commit, store_module._videos_table

    def slowly(store: Store, *given: Any, **named: Any) -> None:
        print("committing", flush=True)
        time.sleep(0.05)
        commit(store, *given, **named)

    def between(*given: Any) -> Any:
        time.sleep(0.05)  # the moments are written, the rows that name them are not
        return merge(*given)

    Store.commit = slowly  # type: ignore[method-assign]
    store_module._videos_table = between
    folder, place, lease = sys.argv[1:]
    remote_lock.LEASE, remote_lock.BEAT = float(lease), float(lease) / 5
    ingest.COMMIT_EVERY = 0.0  # as many commits as possible
    Library(place, FakeEncoder()).add(folder)
