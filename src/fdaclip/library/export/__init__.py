"""Parts of videos leave the library: as files of their own, and as lists for editors."""

from .cutting import CannotExport as CannotExport
from .cutting import Cut as Cut
from .cutting import Cuts as Cuts
from .cutting import NotCut as NotCut
from .cutting import cut as cut
from .cutting import cut_all as cut_all
from .exact import Quality as Quality
from .excerpts import Excerpt as Excerpt
from .excerpts import NotAnExcerpt as NotAnExcerpt
from .excerpts import parse as parse
from .excerpts import read_json as read_json
from .lists import write_list as write_list

__all__ = [
    "CannotExport",
    "Cut",
    "Cuts",
    "Excerpt",
    "NotAnExcerpt",
    "NotCut",
    "Quality",
    "cut",
    "cut_all",
    "parse",
    "read_json",
    "write_list",
]
