"""What can be wrong with a dataset: one clear line, and what to do about it."""

from __future__ import annotations


class DataError(Exception):
    """A dataset cannot be used as asked. ``str()`` says what is missing and where it was sought.

    Attributes:
        hint: what to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}; hint: {self.hint}" if self.hint else str(self.args[0])


class StaleCache(DataError):
    """A frame cache does not hold what is asked of it: it was made otherwise, or lacks videos."""
