"""Which head a model has over its frame features. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["mean", "temporal", "ti", "wti"]
KINDS: tuple[Kind, ...] = ("mean", "temporal", "ti", "wti")
Form = Literal["zero", "clip4clip"]


@dataclass(frozen=True)
class HeadConfig:
    """The head over frame features.

    Attributes:
        kind: `mean`; `temporal`: a transformer over the frames, then the mean; `ti` and `wti`: each
            word with the frame that fits it best and back, all alike or weighted.
        layers: of the transformer over the frames (4 in CLIP4Clip).
        max_frames: frames that it has position embeddings for.
        form: of that transformer: `zero` begins at the mean, `clip4clip` is CLIP4Clip's own.
        over_time: let `ti` and `wti` compare frames that went through the transformer, as in DRL's
            published runs.

    Raises:
        ValueError: a value is out of its range.
    """

    kind: Kind = "mean"
    layers: int = 4
    max_frames: int = 77
    form: Form = "zero"
    over_time: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"head must be mean, temporal, ti or wti, not {self.kind!r}")
        if self.form not in ("zero", "clip4clip"):
            raise ValueError(f"form must be zero or clip4clip, not {self.form!r}")
        if not isinstance(self.over_time, bool):
            raise ValueError(f"over_time must be true or false, not {self.over_time!r}")
        if self.over_time and not self.keeps_tokens:
            raise ValueError(f"over_time is for ti and wti, not for {self.kind}")
        for name in ("layers", "max_frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")

    @property
    def keeps_tokens(self) -> bool:
        """Are frames and words kept apart, so that there is no one vector a clip?"""
        return self.kind in ("ti", "wti")

    @property
    def has_transformer(self) -> bool:
        """Do the frames go through a transformer?"""
        return self.kind == "temporal" or self.over_time
