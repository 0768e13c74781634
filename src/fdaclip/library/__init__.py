"""One's own videos, found by sentence: scan, ingest pipeline, store of moments, exact search."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ask import Ask as Ask
    from .errors import CannotWrite as CannotWrite
    from .errors import FingerprintMismatch as FingerprintMismatch
    from .errors import LibraryBusy as LibraryBusy
    from .errors import LibraryError as LibraryError
    from .errors import NoSuchPath as NoSuchPath
    from .errors import NotALibrary as NotALibrary
    from .filters import Filters as Filters
    from .hits import Alike as Alike
    from .hits import Hit as Hit
    from .hits import Page as Page
    from .hits import VideoHit as VideoHit
    from .interrupt import Interrupted as Interrupted
    from .library import Compacted as Compacted
    from .library import Library as Library
    from .library import Status as Status
    from .page import write_page as write_page
    from .query import Query as Query
    from .remap import Remapped as Remapped
    from .report import AddReport as AddReport
    from .report import Failure as Failure
    from .report import Progress as Progress
    from .verify import Problem as Problem

_MODULE_OF = {
    "AddReport": "report",
    "Alike": "hits",
    "Ask": "ask",
    "CannotWrite": "errors",
    "Compacted": "library",
    "Failure": "report",
    "FingerprintMismatch": "errors",
    "Filters": "filters",
    "Hit": "hits",
    "Interrupted": "interrupt",
    "Library": "library",
    "LibraryBusy": "errors",
    "LibraryError": "errors",
    "NoSuchPath": "errors",
    "NotALibrary": "errors",
    "Page": "hits",
    "Problem": "verify",
    "Progress": "report",
    "Query": "query",
    "Remapped": "remap",
    "Status": "library",
    "VideoHit": "hits",
    "write_page": "page",
}
__all__ = [
    "AddReport",
    "Alike",
    "Ask",
    "CannotWrite",
    "Compacted",
    "Failure",
    "Filters",
    "FingerprintMismatch",
    "Hit",
    "Interrupted",
    "Library",
    "LibraryBusy",
    "LibraryError",
    "NoSuchPath",
    "NotALibrary",
    "Page",
    "Problem",
    "Progress",
    "Query",
    "Remapped",
    "Status",
    "VideoHit",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
