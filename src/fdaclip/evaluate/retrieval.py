"""How well a model finds the clip that a sentence describes, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence

from fdaclip.evaluate.ahead import ClipSource
from fdaclip.evaluate.embed import embed, score_of
from fdaclip.evaluate.metrics import Metrics
from fdaclip.evaluate.result import evaluate_embeddings
from fdaclip.model import Encoder


def evaluate(
    encoder: Encoder, rgba: ClipSource, captions: Sequence[Sequence[str]]
) -> dict[str, Metrics]:
    """The figures alone: encode each video once and each sentence once, rank in both directions.

    Args:
        rgba: uint8 [T,4,S,S] for each of V videos.
        captions: the sentences of each video; each is a query whose right answer is that video.

    Returns:
        ``text_to_video`` and ``video_to_text``.
    """
    embeddings = embed(encoder, rgba, captions)
    result = evaluate_embeddings(embeddings, score_of(encoder, embeddings), resamples=0)
    return {name: outcome.metrics for name, outcome in result.headline.outcomes.items()}
