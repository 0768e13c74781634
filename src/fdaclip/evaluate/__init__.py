"""From clips and sentences to ranks, figures with intervals, tests and reports."""

from fdaclip.evaluate.blocks import Answers, Ranking, rank_blocks, rank_both
from fdaclip.evaluate.compare import Comparison, compare
from fdaclip.evaluate.embed import embed, score_of
from fdaclip.evaluate.embeddings import Embeddings
from fdaclip.evaluate.errors import BadFile, EvaluationError, NotComparable
from fdaclip.evaluate.extras import dsl, qb_norm, rerank
from fdaclip.evaluate.metrics import (
    Metrics,
    both_directions,
    correct_answers,
    metrics,
    recall_at,
)
from fdaclip.evaluate.provenance import provenance
from fdaclip.evaluate.ranks import Ranks, rank_queries
from fdaclip.evaluate.result import Outcome, Result, Row, evaluate_embeddings
from fdaclip.evaluate.retrieval import evaluate
from fdaclip.evaluate.scores import COSINE, Score, Scores

__all__ = [
    "COSINE",
    "Answers",
    "BadFile",
    "Comparison",
    "Embeddings",
    "EvaluationError",
    "Metrics",
    "NotComparable",
    "Outcome",
    "Ranking",
    "Ranks",
    "Result",
    "Row",
    "Score",
    "Scores",
    "both_directions",
    "compare",
    "correct_answers",
    "dsl",
    "embed",
    "evaluate",
    "evaluate_embeddings",
    "metrics",
    "provenance",
    "qb_norm",
    "rank_blocks",
    "rank_both",
    "rank_queries",
    "recall_at",
    "rerank",
    "score_of",
]
