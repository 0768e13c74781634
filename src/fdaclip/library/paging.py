"""Where a page of hits ended, as a token that a later call goes on from."""

from __future__ import annotations

import base64
import hashlib
import json

from .errors import LibraryError
from .filters import Filters
from .query import Query
from .results import After, Shape


class BadToken(LibraryError):
    """A token that no page ended with, or one of another question."""


def question(query: Query, filters: Filters, shape: Shape, text: bool = False) -> str:
    """Short for all that decides which hits there are, and in which order."""
    told = repr((query, filters, shape, text)).encode("utf-8", "surrogatepass")
    hashed = hashlib.blake2b(told, digest_size=6)
    for part in query.parts:
        hashed.update(b"" if part.pixels is None else part.pixels.tobytes())
        hashed.update(b"" if part.vector is None else part.vector.tobytes())
    return hashed.hexdigest()


def to_token(after: After, asked: str) -> str:
    """Text without blanks."""
    shown = sorted(after.shown)
    data = json.dumps([asked, after.key.hex(), shown], separators=(",", ":"))
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def from_token(token: str, asked: str) -> After:
    """The same place again.

    Raises:
        BadToken: it is no token, or one of another question.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        owner, key, shown = json.loads(base64.b64decode(padded, b"-_", validate=True))
        after = After(float.fromhex(key), frozenset((int(t), float(s)) for t, s in shown))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise BadToken(
            "that is no place to go on from", "take it as the page before gave it"
        ) from None
    if owner != asked:
        raise BadToken(
            "that place belongs to another question",
            "ask for the next page with the same query and the same options",
        )
    return after
