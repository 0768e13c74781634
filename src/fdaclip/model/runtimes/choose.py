"""What a model runs on: what was asked for, or what measures fastest on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from fdaclip.model.encoder import Encoder
from fdaclip.model.errors import BadCheckpoint, ModelError
from fdaclip.model.memory import keep_memory
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

from . import Precision, Runtime
from .export import TooFar, export_model, fingerprinted
from .exported import ExportedEncoder
from .folder import PACKAGE, Export, is_export, place_of
from .halved import HalvedEncoder
from .speeds import Speed, measured

if TYPE_CHECKING:
    from fdaclip.model.fdaclip import FDACLIP

SMALL = 20_000_000  # parameters of an image tower that is not worth an export
WORTH = 1.1  # times as fast as torch in fp32, below which no export is made unasked


@dataclass(frozen=True)
class Choice:
    """What a model runs on, and why."""

    runtime: Runtime
    precision: Precision
    device: str
    why: str


def place(
    model: FDACLIP,
    source: str,
    runtime: Runtime | Literal["auto"],
    precision: Precision | Literal["auto"],
    device: str,
    tell: Callable[[str], None],
) -> Encoder:
    """The model where it was asked for, or where it runs fastest; exported for it if need be.

    Args:
        source: the name of the model.
        tell: hears of an export.

    Raises:
        ModelError: it cannot run so.
    """
    choice = choose(model, runtime, precision, device)
    if choice.runtime == "torch":
        return in_torch(model, choice)
    wanted = [choice.precision]
    if choice.precision == "int8" and precision == "auto":
        wanted.append("fp32")  # where int8 turns out too far off
    for attempt in wanted:
        try:
            folder = exported(model, source, choice.runtime, attempt, tell)
        except TooFar as error:
            if attempt == wanted[-1]:
                raise
            tell(str(error).split("; hint:")[0])
            continue
        return ExportedEncoder(folder, sampling=model.sampling, motion=model.motion)
    raise AssertionError("one of them was returned or raised")


def in_torch(model: FDACLIP, choice: Choice) -> Encoder:
    """The model on its device, in its precision.

    Raises:
        ModelError: the device cannot be used.
    """
    keep_memory()
    try:
        placed = model.to(choice.device)
    except (RuntimeError, AssertionError) as error:
        what = str(error).splitlines()[0]
        raise ModelError(f"the device {choice.device} cannot be used: {what}") from error
    return HalvedEncoder(placed) if choice.precision == "bf16" else placed


def choose(
    model: FDACLIP,
    runtime: Runtime | Literal["auto"] = "auto",
    precision: Precision | Literal["auto"] = "auto",
    device: str = "auto",
) -> Choice:
    """What this model should run on; measures the machine if that must be known and is not."""
    if device == "auto":
        gpu = runtime in ("auto", "torch") and precision != "int8" and torch.cuda.is_available()
        device = "cuda" if gpu else "cpu"
    if device != "cpu":
        halves = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        fastest: Precision = "bf16" if halves else "fp32"
        return Choice("torch", fastest if precision == "auto" else precision, device, "a GPU")
    if runtime == "torch" or precision == "bf16":
        exact: Precision = "fp32" if precision == "auto" else precision
        return Choice("torch", exact, device, "asked for")
    if runtime != "auto" and precision != "auto":
        return Choice(runtime, precision, device, "asked for")
    if runtime == "auto" and precision != "int8":
        if model.settings.head.keeps_tokens:
            return Choice("torch", "fp32", device, "its head keeps frames and words apart")
        if sum(p.numel() for p in model.backbone.vision_model.parameters()) < SMALL:
            return Choice("torch", "fp32", device, "a small model is not worth an export")
        if not can_export("onnx"):
            return Choice("torch", "fp32", device, "the packages to export it are not installed")
    return fastest_of(measured(), runtime, precision)


def fastest_of(
    speeds: list[Speed],
    runtime: Runtime | Literal["auto"] = "auto",
    precision: Precision | Literal["auto"] = "auto",
) -> Choice:
    """The fastest of what was measured and can run here.

    Args:
        speeds: fastest first.
    """
    fitting = [
        speed
        for speed in speeds
        if runtime in ("auto", speed.runtime)
        and precision in ("auto", speed.precision)
        and (speed.runtime == "torch" or can_export(speed.runtime, speed.precision))
        # Fixed scales may not fit the videos at hand as those of the clip itself do.
        and (runtime != "auto" or (speed.runtime, speed.precision) != ("openvino", "int8"))
    ]
    if not fitting:
        exported_to: Runtime = "onnx" if runtime == "auto" else runtime
        exact: Precision = "fp32" if precision == "auto" else precision
        return Choice(exported_to, exact, "cpu", "asked for")
    best = fitting[0]
    torch_speed = next((s for s in fitting if (s.runtime, s.precision) == ("torch", "fp32")), None)
    if torch_speed and best.frames_per_second < WORTH * torch_speed.frames_per_second:
        best = torch_speed
    why = ", ".join(f"{s.runtime} {s.precision} {s.frames_per_second:.1f}" for s in fitting)
    return Choice(best.runtime, best.precision, "cpu", f"measured here, frames/s a thread: {why}")


def can_export(runtime: Runtime, precision: Precision = "fp32") -> bool:
    """Are the packages that make such an export installed?"""
    names = ["onnx", "onnxscript", PACKAGE[runtime]]
    if (runtime, precision) == ("openvino", "int8"):
        names.append("nncf")
    return all(find_spec(name) for name in names)


def exported(
    model: FDACLIP, source: str, runtime: Runtime, precision: Precision, tell: Callable[[str], None]
) -> Path:
    """The folder of the automatic export of a model, made now if it is not there.

    Raises:
        TooFar: its vectors are too far from torch's, now or when it was tried before.
    """
    plain = replace(model.settings, sampling=Sampling(), motion=MotionConfig())
    folder = place_of(fingerprinted(model, plain).fingerprint, runtime, precision)
    refused = folder.with_name(folder.name + ".refused")
    if is_export(folder):
        try:
            export = Export.read(folder)
        except BadCheckpoint as error:
            tell(f"exporting again: {error}")
        else:
            if export.variant(model.sampling, model.motion) is None:
                export.with_variant(fingerprinted(model, model.settings)).write(folder)
            return folder
    elif refused.is_file():
        raise TooFar(refused.read_text(encoding="utf-8").strip())
    tell(f"exporting {source} to {runtime} in {precision}, once; this takes a minute or two")
    began = time.monotonic()
    where = Path(source).expanduser()
    name = str(where.resolve()) if where.exists() else source
    try:
        export = export_model(model, folder, runtime=runtime, precision=precision, source=name)
    except TooFar as error:
        refused.write_text(f"{error}\n", encoding="utf-8")
        raise
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    tell(
        f"exported in {time.monotonic() - began:.0f} s: {size:.0f} MB in {folder}, "
        f"cosine to torch at least {export.cosine:.5f}"
    )
    return folder
