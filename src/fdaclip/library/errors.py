"""What can go wrong with a library as a whole; each error carries the next step as a hint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .place import Place


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


class CannotWrite(LibraryError):
    """The disk is full, or gone, or may not be written to."""


class Unreachable(LibraryError):
    """Object storage: no such bucket, wrong credentials, or nobody answers."""


class NotInstalled(LibraryError):
    """A package that this needs is not installed."""


@contextmanager
def told_clearly(folder: Place) -> Iterator[None]:
    """Turn what writing to the library in ``folder`` raises into one clear line.

    Raises:
        CannotWrite: an OSError, or LanceDB's RuntimeError for one.
    """
    if not isinstance(folder, Path):
        with folder.writing_told():
            yield
        return
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise CannotWrite(
            f"cannot write to the library {folder}: {_reason(error)}",
            "free space or check its permissions, then run the same command again; "
            "what was written before is kept",
        ) from error


def _reason(error: Exception) -> str:
    """The system's own words; LanceDB quotes them, with the error's number, in its chatter."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        quoted = re.search(r"\(os error (\d+)\)", str(error))
        number = int(quoted[1]) if quoted else None
    if number is not None:
        return os.strerror(number).lower()
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r", /\S+\.rs:\d+:\d+", "", text)  # where in its source is nothing to a user
