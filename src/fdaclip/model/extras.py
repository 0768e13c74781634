"""What to install for what is missing: heavy packages are optional."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import ModelError

EXTRA_OF = {
    "torch": "torch",
    "transformers": "torch",
    "safetensors": "torch",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "onnx": "onnx",
    "onnxscript": "export",
    "nncf": "export-openvino",
}


class NotInstalled(ModelError, ImportError):
    """A package that this needs is not installed; the message says how to install it."""


def not_installed(error: ModuleNotFoundError) -> NotInstalled | None:
    """What to tell where this import failed; None if it is no optional package's."""
    package = (error.name or "").split(".")[0]
    if package not in EXTRA_OF:
        return None
    return NotInstalled(
        f"this needs {package}, which is not installed; "
        f"hint: pip install 'fdaclip[{EXTRA_OF[package]}]'"
    )


def needed(module: str) -> Any:
    """The module, imported now.

    Raises:
        NotInstalled: its package is not there.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise not_installed(error) or error from error
