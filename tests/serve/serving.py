"""A server in a process of its own whose searches take a second: serving.py LIBRARY [PROGRAM…].

The program is what indexes, in place of the real one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from tiny_films import FakeEncoder

from fdaclip.cli.serve import listen, run
from fdaclip.library import Library
from fdaclip.library.ask import Ask
from fdaclip.serve import jobs
from fdaclip.serve.app import create_app


class Slow(Library):
    def search_many(self, asks: Sequence[Ask]) -> list[Any]:
        time.sleep(1)
        return super().search_many(asks)


if __name__ == "__main__":
    jobs.COMMAND = [sys.executable, *sys.argv[2:]]
    listening = listen("127.0.0.1", 0)
    print(listening.getsockname()[1], flush=True)
    run(create_app(Slow(sys.argv[1], FakeEncoder())), listening)
