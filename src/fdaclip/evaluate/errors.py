"""What can go wrong with results and embeddings: one clear line, and what to do about it."""

from __future__ import annotations


class EvaluationError(Exception):
    """An evaluation cannot be done as asked.

    Attributes:
        hint: what to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}; hint: {self.hint}" if self.hint else str(self.args[0])


class BadFile(EvaluationError):
    """A file is no saved result or no saved embeddings, or is damaged."""


class NotComparable(EvaluationError):
    """Two results do not rest on the same queries and candidates."""
