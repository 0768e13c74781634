"""From a similarity matrix to ranks and metrics."""

from fdaclip.evaluate.metrics import (
    Metrics,
    both_directions,
    correct_answers,
    metrics,
    recall_at,
)
from fdaclip.evaluate.ranks import Ranks, rank_queries
from fdaclip.evaluate.retrieval import evaluate

__all__ = [
    "Metrics",
    "Ranks",
    "both_directions",
    "correct_answers",
    "evaluate",
    "metrics",
    "rank_queries",
    "recall_at",
]
