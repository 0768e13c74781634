"""The paper's idea: pairs of neighbouring frames become a mask of the region that moves."""

from .config import MotionConfig
from .cuts import find_cuts
from .dense import Pair, dense_pairs
from .masks import Motion, Pairs, analyse_motion, dynamic_masks
from .pictures import overlay, strip

__all__ = [
    "Motion",
    "MotionConfig",
    "Pair",
    "Pairs",
    "analyse_motion",
    "dense_pairs",
    "dynamic_masks",
    "find_cuts",
    "overlay",
    "strip",
]
