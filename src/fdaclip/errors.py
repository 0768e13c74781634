"""The errors that carry the next step."""

from __future__ import annotations


class Hinted(Exception):
    """One clear line: what is wrong, and what to do about it.

    Attributes:
        hint: what to do; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}; hint: {self.hint}" if self.hint else str(self.args[0])
