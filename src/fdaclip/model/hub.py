"""Where a model is, having it fetched when asked to, and checking what was fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .checksums import differing, read_record
from .errors import ModelNotFound
from .fetching import Parcel as Parcel
from .fetching import ask as ask
from .fetching import discard as discard
from .fetching import record_of, take
from .tokens import FILES as TOKENIZER_FILES
from .zoo import CONFIG, WEIGHTS, Backbone, at_hand, cached_file, known, place_by_hand


def locate(name: str | Path, download: bool) -> Path:
    """What holds a model: a folder, the hub cache's, or, with `download`, a fresh one.

    Of a vision tower that was fetched by hand it is its file.

    Raises:
        ModelNotFound: it is not on this machine and must not or cannot be fetched.
        BadCheckpoint: what was fetched is damaged.
    """
    place = at_hand(name)
    if place is not None:
        return place
    looks_local = isinstance(name, Path) or str(name).startswith((".", "/", "~"))
    if looks_local or Path(name).exists():
        raise ModelNotFound(f"{name} is no model folder: it needs {CONFIG} and {WEIGHTS[0]}")
    backbone = known(str(name))
    if backbone and backbone.made_here:
        raise ModelNotFound(
            f"{backbone.name} has no weights to load, it is made on the spot; "
            "hint: FDACLIP.small() makes one"
        )
    if download and backbone and backbone.research_only:
        raise ModelNotFound(
            f"{backbone.name} is for RESEARCH ONLY ({backbone.licence}) and is not fetched by the "
            f"way; hint: fdaclip models fetch {backbone.name} asks first"
        )
    if download:
        return fetch(str(name))
    if backbone and backbone.by_hand:
        raise ModelNotFound(by_hand(backbone))
    hub_id = backbone.hub_id if backbone else str(name)
    size = (
        f"about {backbone.download_bytes / 1e6:,.0f} MB, licence {backbone.terms}"
        if backbone
        else "of unknown size"
    )
    raise ModelNotFound(
        f"{hub_id} is not on this machine. It would be fetched from "
        f"https://huggingface.co/{hub_id} ({size}); "
        "hint: pass download=True, or give the folder of a copy you have"
    )


def by_hand(backbone: Backbone) -> str:
    """What to do for a tower that no hub has, as an error's text."""
    wanted = backbone.by_hand
    assert wanted is not None
    return (
        f"{backbone.name} ({backbone.terms}) is not on the hub: {wanted.file} must be fetched by "
        f"hand from {wanted.page}; hint: put it at {place_by_hand(backbone)}, and have its base "
        f"{wanted.base} here (fdaclip models fetch {wanted.base})"
    )


def fetch(name: str) -> Path:
    """Fetch config, tokenizer, preprocessing and one form of the weights into the hub cache.

    What is there already is not fetched again, and an interrupted file goes on where it stopped.
    Honours HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and the proxy settings; shows the hub's progress.

    Args:
        name: a hub id or a short name of the zoo.

    Returns:
        The folder of the model.

    Raises:
        ModelNotFound: there is no such model, no connection, no room, or it holds no weights.
        BadCheckpoint: a file's checksum is not the hub's; the file is not kept.
    """
    return fetch_parcels(name, ask(name))


def fetch_parcels(name: str, parcels: Sequence[Parcel]) -> Path:
    """As `fetch`, of what `ask` said."""
    for parcel in parcels:
        take(parcel)
    place = at_hand(name)
    if place is None:
        backbone = known(name)
        assert backbone and backbone.by_hand, f"{name} was fetched and is not there"
        raise ModelNotFound(by_hand(backbone))
    return place


def check(name: str) -> tuple[list[str], list[str]] | None:
    """Compare what is on this machine with the checksums recorded when it was fetched.

    Needs no network.

    Returns:
        Names of the files that were checked, and of those that are missing or changed; None if the
        model is not here or was not fetched by `fetch`.
    """
    place = at_hand(name)
    backbone = known(name)
    if place is None or (backbone and backbone.by_hand):
        return None
    places = [place]
    if backbone and backbone.tokenizer:
        other = cached_file(backbone.tokenizer, TOKENIZER_FILES[0])
        places += [other.parent] if other else []
    checked, bad = list[str](), list[str]()
    for folder in places:
        sums = read_record(record_of(folder))
        checked += sums
        bad += differing(folder, sums)
    return (checked, bad) if checked else None
