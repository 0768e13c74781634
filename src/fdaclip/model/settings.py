"""What makes an FDA-CLIP of a dual encoder: the contents of fdaclip.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

from .attention import AttentionBias
from .errors import BadCheckpoint
from .head_config import HeadConfig
from .prune import Prune

FILE = "fdaclip.json"
FORMAT = 1
Guidance = Literal["alpha", "none"]
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How clips are sampled, masked and pooled.

    Attributes:
        guidance: "alpha" feeds the mask to the model as a channel, "none" does not.
        head: frames to video.
        sampling: which frames of a clip, and how far off their partners are.
        motion: how a frame and its partner become a mask.
        attention: the class token is told what moves; not if None.
        prune: static patches are dropped; none if None.

    Raises:
        ValueError: `guidance` is neither.
    """

    guidance: Guidance = "alpha"
    head: HeadConfig = field(default_factory=HeadConfig)
    sampling: Sampling = field(default_factory=Sampling)
    motion: MotionConfig = field(default_factory=MotionConfig)
    attention: AttentionBias | None = None
    prune: Prune | None = None

    @property
    def needs_masks(self) -> bool:
        """Is the mask used in any way?"""
        return self.guidance == "alpha" or bool(self.attention or self.prune)

    def __post_init__(self) -> None:
        if self.guidance not in ("alpha", "none"):
            raise ValueError(f"guidance must be alpha or none, not {self.guidance!r}")

    def identity(self) -> dict[str, Any]:
        """What decides a vector, as JSON values.

        Fields that came later count only where they are not at their default, which is what was
        done before: a library must not be lost by a new version.
        """
        values = asdict(self)
        later = (
            (HeadConfig, values["head"], ("form", "over_time")),
            (Sampling, values["sampling"], ("anchored",)),
            (MotionConfig, values["motion"], ("source",)),
            (Settings, values, ("attention", "prune")),
        )
        for kind, section, names in later:
            for name in names:
                if name in section and section[name] == getattr(kind, name):
                    del section[name]
        return values

    def write(self, folder: Path) -> None:
        """As fdaclip.json."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True) + "\n"
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Settings | None:
        """From fdaclip.json; None if the folder has none, being a plain dual encoder's.

        Raises:
            BadCheckpoint: it cannot be read, or was written by a later version.
        """
        path = folder / FILE
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            version = found.pop("format")
            if version != FORMAT:
                raise BadCheckpoint(
                    f"{path} has format {version}, this version of fdaclip reads {FORMAT}; "
                    "hint: update fdaclip"
                )
            return cls(
                guidance=found.pop("guidance"),
                head=build(HeadConfig, found.pop("head")),
                sampling=build(Sampling, found.pop("sampling")),
                motion=build(MotionConfig, found.pop("motion")),
                attention=build_optional(AttentionBias, found.pop("attention", None)),
                prune=build_optional(Prune, found.pop("prune", None)),
                **found,
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadCheckpoint(f"{path} cannot be read: {error!r}") from error


def build(kind: type[T], values: dict[str, Any]) -> T:
    """A config of this kind, with unknown names refused rather than dropped."""
    unknown = set(values) - {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{kind.__name__} knows no {', '.join(sorted(unknown))}")
    return kind(**values)


def build_optional(kind: type[T], values: dict[str, Any] | None) -> T | None:
    """As `build`, of a part that may be left out."""
    return None if values is None else build(kind, values)
