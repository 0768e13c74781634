"""Many sentences in few passes of a text tower.

Shapes: Q sentences, E embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

AT_ONCE = 16  # sentences a pass: the weights, read once for all, are no longer what takes time


def in_passes(
    texts: Sequence[str], one_pass: Callable[[Sequence[str]], Tensor], size: int
) -> NDArray[np.float32]:
    """Their vectors, float32 [Q,E]; a repeated sentence is encoded once.

    Args:
        one_pass: encodes some, float32 [·,E]. Those of about a length come together, so that there
            is little padding. size: E.
    """
    if isinstance(texts, str):
        raise TypeError("sentences come as a list, not one")
    distinct = sorted(dict.fromkeys(texts), key=len)
    vectors = np.empty((len(distinct), size), np.float32)
    for first in range(0, len(distinct), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        vectors[some] = one_pass(distinct[some]).float().numpy()
    row = {text: number for number, text in enumerate(distinct)}
    return vectors[[row[text] for text in texts]]
