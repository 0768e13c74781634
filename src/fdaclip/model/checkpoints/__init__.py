"""Checkpoints of every form that people have, each read with all its weights accounted for.

One module a format: `folder` (Hugging Face), `openai`, `open_clip`, `alpha_clip`, `clip4clip`.
`reading` tells which a file is; `parts` is what they all come to; `writing` is the way back.
"""

from .parts import Parts
from .reading import read

__all__ = ["Parts", "read"]
