"""Does something to a library in a process of its own, for tests that kill it or its disk.

``acting.py ACTION LIBRARY ARGUMENT PHASE``: it tells of every time it comes to the phase, by a line
``in PHASE`` on stdout, and dwells there, before it and after it.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # the decoding processes import this module too: keep it light
    import time
    from collections.abc import Callable
    from functools import wraps
    from importlib import import_module
    from typing import Any

    from phases import DWELL, PHASES
    from tiny_films import FakeEncoder

    from fdaclip.library import Library, LibraryError, ingest

    def dwelling(work: Callable[..., Any], phase: str) -> Callable[..., Any]:
        @wraps(work)
        def slowly(*given: Any, **named: Any) -> Any:
            print(f"in {phase}", flush=True)
            time.sleep(DWELL)
            try:
                return work(*given, **named)
            finally:
                time.sleep(DWELL)

        return slowly

    action, place, argument, phase = sys.argv[1:]
    for where in PHASES.get(phase, ()):
        module, _, name = where.partition(":")
        owner = import_module(module)
        *owners, last = name.split(".")
        for one in owners:
            owner = getattr(owner, one)
        setattr(owner, last, dwelling(getattr(owner, last), phase))
    FakeEncoder.encode_rgba = (  # type: ignore[method-assign]
        dwelling(FakeEncoder.encode_rgba, phase) if phase == "encode" else FakeEncoder.encode_rgba
    )
    ingest.COMMIT_EVERY = 0.0  # as many instants as possible at which a commit is half done
    print("acting", flush=True)
    try:
        if action == "add":
            Library(place, FakeEncoder()).add(argument)
        elif action == "remove":
            Library(place).remove(argument)
        elif action == "remap":
            old, _, new = argument.partition(":")
            Library(place).remap(old, new)
        elif action == "compact":
            Library(place).compact()
        elif action == "reindex":
            Library(place).reindex(FakeEncoder(fingerprint=argument), model="fake")
    except LibraryError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
