"""What can go wrong with results and embeddings: one clear line, and what to do about it."""

from __future__ import annotations

from fdaclip.errors import Hinted


class EvaluationError(Hinted):
    """An evaluation cannot be done as asked."""


class BadFile(EvaluationError):
    """A file is no saved result or no saved embeddings, or is damaged."""


class NotComparable(EvaluationError):
    """Two results do not rest on the same queries and candidates."""
