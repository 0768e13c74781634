"""``fdaclip doctor``: what is installed, what works, what is missing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import ERROR, OK, json_option, library_option, print_json, printable, size

if TYPE_CHECKING:
    from fdaclip.library.place import Place

PACKAGES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "tokenizers",
    "lancedb",
    "pyarrow",
    "click",
    "rich",
)
OPTIONAL = {  # with the extra that brings it
    "torch": "torch",
    "transformers": "torch",
    "safetensors": "torch",
    "peft": "lora",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "onnx": "onnx",
    "onnxscript": "export",
    "nncf": "export-openvino",
}
RUNTIMES = ("torch", "onnxruntime", "openvino")
DECODERS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mjpeg", "gif")


@dataclass(frozen=True)
class Check:
    """One thing looked at: does it work, and what was found."""

    name: str
    works: bool
    found: str
    details: dict[str, Any] = field(default_factory=dict)


@click.command(short_help="Say what is installed, what works, and what is missing.")
@library_option
@json_option
def command(library: Place, as_json: bool) -> int:
    """Say what is installed, which decoders and devices work, and which models are at hand.

    Measures, in a few seconds, which runtime and precision encode fastest here; --runtime auto goes
    by it. Nothing is downloaded. Exit code 0 if videos can be decoded and models run here, else 1.
    """
    checks = [
        attempt("python", python),
        attempt("packages", packages),
        attempt("decoders", decoders),
        attempt("video self-test", film_and_read_back),
        attempt("devices", devices),
        attempt("speed", speed),
        attempt("models", models),
        attempt("library", lambda: library_state(library)),
    ]
    usable = all(check.works for check in checks)
    if as_json:
        print_json({"usable": usable, "checks": checks})
    else:
        for check in checks:
            mark = click.style("ok ", fg="green") if check.works else click.style("BAD", fg="red")
            click.echo(f"{mark} {check.name}: {check.found}")
            for name, detail in check.details.items():
                click.echo(f"      {name}: {detail}")
    return OK if usable else ERROR


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """The check, or what kept it from being made."""
    try:
        return look()
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def python() -> Check:
    works = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.platform()}"
    return Check("python", works, found if works else f"{found}; 3.11 or newer is needed")


def packages() -> Check:
    versions = {}
    missing = []
    for name in (*PACKAGES, *OPTIONAL):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            extra = OPTIONAL.get(name)
            versions[name] = f"not here; pip install 'fdaclip[{extra}]'" if extra else "missing"
            if not extra:
                missing.append(name)
    if missing:
        return Check("packages", False, f"missing: {', '.join(missing)}", versions)
    if not any(find_spec(name) for name in RUNTIMES):
        found = "nothing here runs a model; pip install 'fdaclip[onnx]' or 'fdaclip[torch]'"
        return Check("packages", False, found, versions)
    return Check("packages", True, "all that are needed are installed", versions)


def decoders() -> Check:
    import av
    from av.codec import Codec

    def there(name: str) -> bool:
        try:
            Codec(name, "r")
        except ValueError:
            return False
        return True

    found = [name for name in DECODERS if there(name)]
    lacking = [name for name in DECODERS if name not in found]
    libraries = {
        name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())
    }
    details = {"FFmpeg": " ".join(f"{name} {number}" for name, number in libraries.items())}
    if lacking:
        details["not in this build"] = " ".join(lacking)
    return Check("decoders", {"h264", "hevc", "vp9"} <= set(found), " ".join(found), details)


def film_and_read_back() -> Check:
    """A dozen frames are encoded, decoded, and compared."""
    import tempfile

    import numpy as np

    from fdaclip.video import open_video, write_video

    levels = np.linspace(16, 235, 12)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.mp4"
        write_video(path, (np.full((64, 96, 3), level, np.uint8) for level in levels), 12)
        with open_video(path) as video:
            read = video.frames_at(np.arange(12) / 12 + 0.01)
    worst = float(np.abs(read.rgb.mean((1, 2, 3)) - levels.astype(np.uint8)).max())
    found = f"12 frames encoded and read back, largest error {worst:.1f} of 255"
    return Check("video self-test", len(read.rgb) == 12 and worst < 4, found)


def devices() -> Check:
    from fdaclip.model.lanes import processors

    found = f"{processors()} processors"
    if not find_spec("torch"):
        return Check("devices", True, f"{found}; GPUs are not looked for without torch")
    import torch

    details: dict[str, Any] = {"torch threads": torch.get_num_threads()}
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        details[f"cuda:{index}"] = f"{properties.name}, {size(properties.total_memory)}"
    if torch.backends.mps.is_available():
        details["mps"] = "Apple GPU"
    gpu = any(name.startswith("cuda") or name == "mps" for name in details)
    return Check("devices", True, found + (", a GPU" if gpu else ", no GPU"), details)


def speed() -> Check:
    """Frames a second of ViT-B/32's layers on one thread, by what could run them."""
    from fdaclip.model.runtimes.speeds import DEPTH, FRAMES, LAYERS, measured

    speeds = measured(again=True)
    if not speeds:
        return Check("speed", True, "not measured: no runtime is installed that can be timed")
    best = speeds[0]
    details = {
        f"{one.runtime} {one.precision}": f"{one.frames_per_second:.1f} frames/s a thread"
        for one in speeds
    }
    found = f"{best.runtime} in {best.precision} is fastest here"
    exact = next((one for one in speeds if one.precision == "fp32"), None)
    if exact and exact != best:
        ratio = best.frames_per_second / exact.frames_per_second
        found += f", {ratio:.1f} times the best in fp32 ({exact.runtime})"
    details["measured on"] = f"{LAYERS} of {DEPTH} layers of ViT-B/32, {FRAMES} frames a pass"
    if not find_spec("onnx"):
        details["onnx"] = "not measured; pip install 'fdaclip[onnx]'"
    return Check("speed", True, found, details)


def models() -> Check:
    import huggingface_hub.constants

    from fdaclip.model import ZOO, at_hand
    from fdaclip.model.runtimes.folder import cache
    from fdaclip.model.starter import DOWNLOAD_BYTES, INSTALL, missing_packages

    missing = missing_packages()
    details: dict[str, Any] = {
        "cache": huggingface_hub.constants.HF_HUB_CACHE,
        "starter": f"not installed; {INSTALL} ({size(DOWNLOAD_BYTES)}, no hub)"
        if missing
        else "installed; needs no hub",
    }
    here = {backbone.name: folder for backbone in ZOO if (folder := at_hand(backbone.name))}
    details |= {name: f"at hand in {folder}" for name, folder in here.items()}
    exports = sorted((cache() / "exports").glob("*/export.json"))
    details["exports"] = f"{len(exports)} in {cache() / 'exports'}"
    ready = len(here)
    found = f"{ready} of {len(ZOO)} known ones at hand; fdaclip models list shows them"
    if not ready:
        found += "; the starter needs none" if not missing else "; fdaclip demo needs none"
    return Check("models", True, found, details)


def library_state(folder: Place) -> Check:
    from fdaclip.library import Library
    from fdaclip.library.stamp import read_stamp

    folder = folder.expanduser()
    if read_stamp(folder) is None:
        return Check("library", True, f"none yet at {printable(str(folder))}")
    status = Library(folder).status()
    shut = isinstance(folder, Path) and not os.access(folder, os.W_OK)
    writable = ", read only" if shut else ""
    found = f"{printable(str(folder))}: {status.files} files, {status.moments} moments{writable}"
    return Check("library", True, found)
