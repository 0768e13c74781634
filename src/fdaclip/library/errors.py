"""What can go wrong with a library as a whole; each error carries the next step as a hint."""

from __future__ import annotations


class LibraryError(Exception):
    """One clear line, and a hint that says what to do.

    Attributes:
        hint: the next step, often a command; empty if there is none.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotALibrary(LibraryError):
    """The folder holds no library, or one this version cannot read."""


class NoSuchPath(LibraryError):
    """A path was named that neither exists nor is known to the library."""


class FingerprintMismatch(LibraryError):
    """The model or its settings differ from those the library was built with."""


class LibraryBusy(LibraryError):
    """Another process is writing to the library."""
