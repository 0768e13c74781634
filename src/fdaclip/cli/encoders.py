"""Which model a command uses: the library's own, a named one, or the default if it is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .output import Fault, say, size

if TYPE_CHECKING:
    from fdaclip.library import Library
    from fdaclip.model import FDACLIP

DEFAULT = "clip-b32"


def open_for_adding(folder: Path, model: str | None, download: bool) -> Library:
    """The library to add to; its own model is loaded only when something must be encoded.

    Raises:
        Fault: it is new, no model is named, and the default one is not on this machine.
        Fault: the named model is not on this machine.
        FingerprintMismatch: the library was built with another one.
    """
    from fdaclip.library import Library
    from fdaclip.library.stamp import read_stamp
    from fdaclip.model import at_hand

    stamp = read_stamp(folder.expanduser())
    if stamp and not model and (not download or at_hand(stamp.model)):
        return Library(folder)
    name = model or (stamp.model if stamp else DEFAULT)
    if not (model or stamp or download or at_hand(DEFAULT)):
        raise Fault(
            "a new library needs a model, and none is named and the default is not on this machine",
            f"{choices()}; get one with --download [--model NAME], or give a copied folder with "
            "--model FOLDER",
        )
    return Library(folder, load(name, download), model=lasting(name))


def open_for_searching(folder: Path, model: str | None) -> Library:
    """The library to search; ``model`` tells where its model is now, if not where it was."""
    from fdaclip.library import Library

    if model is None:
        return Library(folder)
    Library(folder)  # a missing library is told before a model is loaded
    return Library(folder, load(model, download=False), model=lasting(model))


def load(name: str, download: bool) -> FDACLIP:
    """The model, from this machine; fetched only if ``download``."""
    from fdaclip.model import FDACLIP, ModelNotFound

    say(f"loading {name}")
    try:
        return FDACLIP.from_pretrained(name, download=download)
    except ModelNotFound as error:
        what = str(error).split("; hint:")[0]
        raise Fault(what, "--download fetches it, --model FOLDER takes a copy you have") from error


def lasting(name: str) -> str:
    """The name as a library may remember it: folders by their absolute path."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if folder.is_dir() else name


def choices() -> str:
    """The known models in one line, with their sizes."""
    from fdaclip.model import ZOO

    return "known models: " + ", ".join(
        f"{backbone.name} ({size(backbone.download_bytes)})" for backbone in ZOO
    )
