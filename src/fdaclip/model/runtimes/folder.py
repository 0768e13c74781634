"""The folder of an export: what lies in it, where automatic ones are kept, finding them again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fdaclip.model.errors import BadCheckpoint
from fdaclip.model.settings import build
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

from . import Precision, Runtime

FILE = "export.json"
FORMAT = 1
PACKAGE = {"onnx": "onnxruntime", "openvino": "openvino"}
ENDING = {"onnx": "onnx", "openvino": "xml"}
PREFERRED = ("onnx-int8", "openvino-int8", "onnx-fp32", "openvino-fp32")


@dataclass(frozen=True)
class Variant:
    """Settings of a model that its graphs do not depend on, and its fingerprint with them."""

    sampling: Sampling
    motion: MotionConfig
    fingerprint: str


@dataclass(frozen=True)
class Export:
    """What export.json says.

    Attributes:
        runtime, precision: what the vision graph is for; the text graph is always in fp32.
        variants: the fingerprints that its vectors may go by, the model's own first.
        embedding_size: E.
        cosine: the lowest one to torch in fp32 that was measured when it was made.
        source: name or folder of the model.
        patch: side of a patch, px.
        context, pad_id, fixed: of the tokenizer; see `Tokens`.
        made_with: versions of the packages that made it.
    """

    runtime: Runtime
    precision: Precision
    variants: tuple[Variant, ...]
    embedding_size: int
    cosine: float
    source: str
    patch: int
    context: int
    pad_id: int
    fixed: bool
    made_with: dict[str, str]

    @property
    def vision(self) -> str:
        """File of the graph: `rgba` uint8 [T,4,S,S], if pruned also `patches` int64 [T,K]."""
        return f"vision.{ENDING[self.runtime]}"

    @property
    def text(self) -> str:
        """File of the graph: `ids` int64 [1,L]."""
        return f"text.{ENDING[self.runtime]}"

    def variant(self, sampling: Sampling, motion: MotionConfig) -> Variant | None:
        """That with these settings; None if there is none."""
        return next(
            (v for v in self.variants if (v.sampling, v.motion) == (sampling, motion)), None
        )

    def with_variant(self, variant: Variant) -> Export:
        """The same graphs, which also go by this fingerprint."""
        return replace(self, variants=(*self.variants, variant))

    def write(self, folder: Path) -> None:
        """As export.json, in place of one that is there."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True) + "\n"
        fresh = folder / f".{FILE}.{os.getpid()}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Export:
        """From a folder's export.json.

        Raises:
            BadCheckpoint: it cannot be read, was written by a later version, or a graph is missing.
        """
        path = folder / FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            version = found.pop("format")
            if version != FORMAT:
                raise BadCheckpoint(
                    f"{path} has format {version}, this version of fdaclip reads {FORMAT}; "
                    "hint: update fdaclip"
                )
            variants = tuple(read_variant(values) for values in found.pop("variants"))
            export = build(cls, {**found, "variants": variants})
            files = [export.vision, export.text]
            if not variants:
                raise ValueError("it names no fingerprint")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadCheckpoint(f"{path} cannot be read: {error!r}") from error
        for name in files:
            if not (folder / name).is_file():
                raise BadCheckpoint(f"{folder} is no whole export: {name} is missing")
        return export


def read_variant(values: dict[str, Any]) -> Variant:
    return Variant(
        build(Sampling, values["sampling"]),
        build(MotionConfig, values["motion"]),
        str(values["fingerprint"]),
    )


def is_export(folder: str | Path) -> bool:
    """Does an export lie there?"""
    return (Path(folder).expanduser() / FILE).is_file()


def cache() -> Path:
    """Where automatic exports and what was measured are kept: FDACLIP_CACHE, or the user's own."""
    if given := os.environ.get("FDACLIP_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "fdaclip"


def place_of(graphs: str, runtime: Runtime, precision: Precision) -> Path:
    """Where the automatic export of a model is, or would be.

    Args:
        graphs: its fingerprint with sampling and motion at their defaults, on which the graphs do
            not depend.
    """
    return cache() / "exports" / f"{graphs}-{runtime}-{precision}"


def exported_for(fingerprint: str) -> Path | None:
    """The folder of an automatic export whose vectors go by this fingerprint, if there is one.

    Its runtime is installed; int8 goes before fp32. Needs no torch. Load it with the settings of
    the library: `ExportedEncoder(folder, sampling=…, motion=…)`.
    """
    exports = cache() / "exports"
    for ending in PREFERRED:
        if not find_spec(PACKAGE[ending.split("-")[0]]):
            continue
        for folder in sorted(exports.glob(f"*-{ending}")):
            try:
                export = Export.read(folder)
            except BadCheckpoint:  # made anew when it is next wanted
                continue
            if any(variant.fingerprint == fingerprint for variant in export.variants):
                return folder
    return None
