"""What a library needs of a model, and how one is loaded by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .extras import needed
from .runtimes import PRECISIONS, RUNTIMES, Precision, Runtime
from .starter.packages import STARTER

if TYPE_CHECKING:
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

    from .attention import AttentionBias
    from .preprocess import Preprocess
    from .prune import Prune


class Encoder(Protocol):
    """Turns prepared clips and sentences into vectors of one space.

    Shapes: V videos, Q sentences, T frames, S×S pixels, E embedding.
    """

    @property
    def runtime(self) -> Runtime:
        """What runs it."""

    @property
    def precision(self) -> Precision:
        """In which numbers its image tower computes."""

    @property
    def fingerprint(self) -> str:
        """Identity of everything that decides a vector; vectors of two fingerprints don't mix.

        The same on every runtime and in every precision.
        """

    @property
    def embedding_size(self) -> int:
        """E."""

    @property
    def sampling(self) -> Sampling:
        """Which frames of a clip it wants."""

    @property
    def motion(self) -> MotionConfig:
        """How their masks are made."""

    @property
    def preprocess(self) -> Preprocess:
        """How frames and masks become RGBA."""

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """uint8 [T,4,S,S] each → float32 [V,E], unit length, the same whatever the company.

        May be called from several threads at once.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → float32 [Q,E], unit length, the same whatever the company."""
        ...

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same to rounding, in fewer passes: for many sentences that are asked at once."""
        ...


def load_encoder(
    name: str | Path,
    *,
    runtime: Runtime | Literal["auto"] = "auto",
    precision: Precision | Literal["auto"] = "auto",
    device: str = "auto",
    download: bool = False,
    sampling: Sampling | None = None,
    motion: MotionConfig | None = None,
    anchored: bool | None = None,
    prune: Prune | None = None,
    attention: AttentionBias | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Encoder:
    """The encoder of this name: ``starter``, an export, or what `FDACLIP.from_pretrained` takes.

    Args:
        runtime, precision: what runs it and in which numbers; ``auto`` takes what measures fastest
            on this machine (docs/runtimes.md). For `onnx` and `openvino` the model is exported
            once, into the user's cache; an export, named by its folder, needs no torch.
        device: of torch: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto`` takes a GPU if there is
            one.
        download: fetch what is not on this machine; otherwise the network is never touched.
        sampling, motion: instead of the model's own.
        anchored: instead of what the sampling says; see `Sampling`.
        prune, attention: instead of the model's own; an export has them built in.
        tell: hears what takes long, in a line each.

    Raises:
        ModelNotFound, BadCheckpoint, UnsupportedModel: see there.
        ModelError: the runtime cannot run it so; the message says what can.
        NotInstalled: a package is missing; the message says how to install it.
    """
    check(runtime, precision, device)
    if name == STARTER:
        if runtime not in ("auto", "torch") or precision not in ("auto", "fp32"):
            raise ModelError(f"the starter runs in torch in fp32, not in {runtime} {precision}")
        if device not in ("auto", "cpu"):
            raise ModelError(f"the starter runs on the processor, not on {device}")
        if prune or attention:
            raise ModelError("the starter is no tower of patches: it knows no prune or attention")
        needed("torch")
        from .starter import StarterEncoder

        starter = StarterEncoder(sampling=sampling, motion=motion)
        if anchored is not None:
            starter.sampling = replace(starter.sampling, anchored=anchored)
        return starter
    from .runtimes.exported import ExportedEncoder
    from .runtimes.folder import is_export

    if is_export(name):
        encoder = ExportedEncoder(name, sampling=sampling, motion=motion, anchored=anchored)
        for what, asked, there in (
            ("runtime", runtime, encoder.runtime),
            ("precision", precision, encoder.precision),
            ("prune", prune or "auto", encoder.prune),
            ("attention", attention or "auto", encoder.attention),
        ):
            if asked not in ("auto", there):
                raise ModelError(
                    f"the export {name} has the {what} {in_words(there)}, not {in_words(asked)}; "
                    "hint: export the model again, or name the model itself"
                )
        return encoder
    needed("torch")
    needed("transformers")
    from .fdaclip import FDACLIP
    from .runtimes.choose import place

    model = FDACLIP.from_pretrained(
        name,
        download=download,
        sampling=sampling,
        motion=motion,
        prune=prune,
        attention=attention,
    )
    if anchored is not None:
        own = replace(model.settings.sampling, anchored=anchored)
        model.settings = replace(model.settings, sampling=own)
    return place(model, str(name), runtime, precision, device, tell)


def in_words(asked: Any) -> str:
    """A choice as people read it: a name, or the fields of how a model is guided."""
    if asked is None:
        return "none"
    if isinstance(asked, str):
        return asked
    return "(" + ", ".join(f"{name} {value}" for name, value in asdict(asked).items()) + ")"


def check(runtime: str, precision: str, device: str) -> None:
    """Refuse what no runtime does, before anything is loaded.

    Raises:
        ModelError: it is named, with what can be asked for.
    """
    if runtime not in ("auto", *RUNTIMES):
        raise ModelError(f"runtime must be auto, {', '.join(RUNTIMES)}, not {runtime!r}")
    if precision not in ("auto", *PRECISIONS):
        raise ModelError(f"precision must be auto, {', '.join(PRECISIONS)}, not {precision!r}")
    if runtime == "torch" and precision == "int8":
        raise ModelError("torch runs fp32 and bf16 here; hint: int8 is for the runtime onnx")
    if runtime in ("onnx", "openvino"):
        if precision == "bf16":
            raise ModelError(f"{runtime} runs fp32 and int8 here; hint: bf16 is for torch")
        if device not in ("auto", "cpu"):
            raise ModelError(
                f"{runtime} runs on the processor here, not on {device}; hint: the runtime torch "
                "has the device"
            )
