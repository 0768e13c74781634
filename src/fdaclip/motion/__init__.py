"""The paper's idea: pairs of neighbouring frames become a mask of the region that moves."""

from .config import MotionConfig
from .masks import Motion, Pairs, analyse_motion, dynamic_masks
from .pictures import overlay

__all__ = ["Motion", "MotionConfig", "Pairs", "analyse_motion", "dynamic_masks", "overlay"]
