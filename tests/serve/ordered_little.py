"""The process of a job, with a model that needs no torch: ordered_little.py [SECONDS A WINDOW]."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # the decoding processes import this module too
    sys.path.append(str(Path(__file__).parents[1] / "library"))

    import time
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from tiny_films import FakeEncoder

    from fdaclip.library import Library, ingest
    from fdaclip.serve import order

    slow = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0

    class Slow(FakeEncoder):
        def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            time.sleep(slow * len(clips))
            return super().encode_rgba(clips)

    ingest.COMMIT_EVERY = 0.0
    order.opened = lambda place: Library(place, Slow())
    order.main()
