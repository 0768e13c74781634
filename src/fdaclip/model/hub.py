"""Where a model's folder is, and fetching it when asked to."""

from __future__ import annotations

from logging import ERROR
from pathlib import Path

from .errors import ModelNotFound
from .preprocess import FILES as PREPROCESS_FILES
from .tokens import FILES as TOKENIZER_FILES
from .zoo import CONFIG, INDEXES, WEIGHTS, at_hand, known


def locate(name: str | Path, download: bool) -> Path:
    """The folder of a model: the folder itself, the hub cache's, or, with `download`, a fresh one.

    Raises:
        ModelNotFound: it is not on this machine and must not or cannot be fetched.
    """
    folder = at_hand(name)
    if folder is not None:
        return folder
    looks_local = isinstance(name, Path) or str(name).startswith((".", "/", "~"))
    if looks_local or Path(name).exists():
        raise ModelNotFound(f"{name} is no model folder: it needs {CONFIG} and {WEIGHTS[0]}")
    backbone = known(str(name))
    hub_id = backbone.hub_id if backbone else str(name)
    if download:
        return fetch(hub_id)
    size = (
        f"about {backbone.download_bytes / 1e6:,.0f} MB, licence {backbone.licence}"
        if backbone
        else "of unknown size"
    )
    raise ModelNotFound(
        f"{hub_id} is not on this machine. It would be fetched from "
        f"https://huggingface.co/{hub_id} ({size}); "
        "hint: pass download=True, or give the folder of a copy you have"
    )


def fetch(hub_id: str) -> Path:
    """Fetch config, tokenizer, preprocessing and one form of the weights into the hub cache.

    Honours HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and the proxy settings; shows the hub's progress.

    Raises:
        ModelNotFound: there is no such model, no connection, or it holds no weights.
    """
    import huggingface_hub
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)  # it remarks on each of its retries
    try:
        names = set(huggingface_hub.list_repo_files(hub_id))
        weights = next((n for n in (*WEIGHTS, *INDEXES) if n in names), None)
        if weights is None:
            raise ModelNotFound(f"{hub_id} holds no weights: none of {', '.join(WEIGHTS)}")
        if weights in INDEXES:
            stem, extension = weights.removesuffix(".index.json").rsplit(".", 1)
            parts = [weights, f"{stem}-*-of-*.{extension}"]
        else:
            parts = [weights]
        wanted = [CONFIG, "fdaclip.json", "head.safetensors", *PREPROCESS_FILES, *TOKENIZER_FILES]
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=[*wanted, *parts]))
    except ModelNotFound:
        raise
    except Exception as error:  # of the hub, of HTTP, of sockets: nothing common below Exception
        why = str(error).strip().splitlines()
        raise ModelNotFound(
            f"{hub_id} could not be fetched from huggingface.co: "
            f"{why[0] if why else type(error).__name__}"
        ) from error
    finally:
        logging.set_verbosity(before)
