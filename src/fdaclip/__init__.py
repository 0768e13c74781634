"""fdaclip: text-to-video retrieval guided by what moves (FDA-CLIP, arXiv 2510.21806).

The public names are imported on first use, so that a command which needs only pixels does not wait
for torch::

    from fdaclip import FDACLIP, Library, dynamic_masks, open_video
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdaclip.library import Library as Library
    from fdaclip.model import FDACLIP as FDACLIP
    from fdaclip.motion import MotionConfig as MotionConfig
    from fdaclip.motion import dynamic_masks as dynamic_masks
    from fdaclip.video import open_video as open_video

__version__ = "0.1.0"

_ROOM_OF = {
    "FDACLIP": "model",
    "Library": "library",
    "MotionConfig": "motion",
    "dynamic_masks": "motion",
    "open_video": "video",
}
__all__ = ["FDACLIP", "Library", "MotionConfig", "dynamic_masks", "open_video"]


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(f"fdaclip.{_ROOM_OF[name]}"), name)
    raise AttributeError(f"module 'fdaclip' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOM_OF])
