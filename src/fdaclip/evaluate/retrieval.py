"""How well a model finds the clip that a sentence describes, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.metrics import Metrics, both_directions, correct_answers
from fdaclip.model import Encoder


def evaluate(
    encoder: Encoder, rgba: Sequence[NDArray[np.uint8]], captions: Sequence[Sequence[str]]
) -> dict[str, Metrics]:
    """Encode each video once and each sentence once, and rank in both directions.

    Args:
        rgba: uint8 [T,4,S,S] for each of V videos.
        captions: the sentences of each video; each is a query whose right answer is that video.

    Returns:
        ``text_to_video`` and ``video_to_text``.
    """
    queries = [(caption, video) for video, some in enumerate(captions) for caption in some]
    videos = encoder.encode_rgba(rgba)  # [V,E]
    texts = encoder.encode_texts([caption for caption, _ in queries])  # [Q,E]
    correct = correct_answers([video for _, video in queries], len(videos))
    return both_directions(texts @ videos.T, correct)
