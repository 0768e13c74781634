"""One question to a library, as a value: so that many can be put at once."""

from __future__ import annotations

from dataclasses import dataclass

from .filters import Filters
from .paging import from_token, question
from .query import Query
from .results import After, Shape


@dataclass(frozen=True)
class Ask:
    """What `Library.search_page` is asked; see there. Equal ones have equal answers."""

    query: str | Query
    limit: int = 10
    after: str | None = None
    exact: bool = False
    filters: Filters | None = None
    by_video: bool = False
    merge: bool = True
    fold: bool = True
    text: bool = True


@dataclass(frozen=True)
class Question:
    """An `Ask` that was understood.

    Attributes:
        name: short for all that decides which hits there are; tokens of pages carry it.
        begin: where the page before ended. exact: compare all, as a later page must.
    """

    query: Query
    limit: int
    filters: Filters
    shape: Shape
    text: bool
    name: str
    begin: After | None
    exact: bool


def understood(ask: Ask) -> Question:
    """The question.

    Raises:
        BadQuery: nothing is asked for. BadToken: ``after`` is no place of this question's.
    """
    query = ask.query if isinstance(ask.query, Query) else Query.sentence(ask.query)
    query.checked()
    filters, shape = ask.filters or Filters(), Shape(ask.merge, ask.fold, ask.by_video)
    name = question(query, filters, shape, ask.text)
    begin = None if ask.after is None else from_token(ask.after, name)
    exact = ask.exact or begin is not None
    return Question(query, ask.limit, filters, shape, ask.text, name, begin, exact)
