"""Moving shapes: a generated benchmark that isolates what a dynamic-region mask is for.

Each clip shows four shapes over a textured background, one of them moving; its sentence names only
the mover and its motion. The same scene occurs once per mover, so a model blind to motion cannot
know which is meant; :func:`blind_bound` gives the best that such a model can reach.
"""

from fdaclip.data.shapes.corpus import blind_bound, plan, read_specs, records, write
from fdaclip.data.shapes.draw import frames, motion_mask, mover_mask
from fdaclip.data.shapes.language import vocabulary
from fdaclip.data.shapes.scene import ClipSpec

__all__ = [
    "ClipSpec",
    "blind_bound",
    "frames",
    "motion_mask",
    "mover_mask",
    "plan",
    "read_specs",
    "records",
    "vocabulary",
    "write",
]
