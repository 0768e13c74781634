"""Hits without anything done to them, for tests of the ranking itself."""

from __future__ import annotations

import numpy as np

from fdaclip.library.hits import Hit
from fdaclip.library.results import Shape, hits_of
from fdaclip.library.search import Index, View

PLAIN = {"merge": False, "fold": False}


def plain(index: Index, query: np.ndarray, limit: int, exact: bool = True) -> list[Hit]:
    """Windows as they are, neither merged nor folded."""
    return hits_of(View(index, index.narrowed(), exact), query, limit, Shape(**PLAIN))[0]
