"""Files from the hub into its cache, whole and with the right checksums.

The cache and its layout are huggingface_hub's. Large files are fetched here: an interrupted fetch
goes on where it stopped, and nothing gets its name before its checksum is right.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from logging import ERROR
from pathlib import Path

from .checksums import git_name, sha256, write_record
from .errors import BadCheckpoint, ModelNotFound
from .preprocess import FILES as PREPROCESS_FILES
from .tokens import FILES as TOKENIZER_FILES
from .zoo import CONFIG, INDEXES, OPEN_CLIP, OPEN_CLIP_CONFIG, WEIGHTS, known

BESIDE = ("fdaclip.json", "head.safetensors", *PREPROCESS_FILES, *TOKENIZER_FILES)


@dataclass(frozen=True)
class HubFile:
    """A file on the hub.

    Attributes:
        name: in its repository.
        size: bytes.
        sha256: of the content, of large files; None of small ones.
        git: git's name of the content, of small files; None of large ones.
    """

    name: str
    size: int
    sha256: str | None
    git: str | None


@dataclass(frozen=True)
class Parcel:
    """What would be fetched from one repository.

    Attributes:
        hub_id: on huggingface.co.
        commit: of the repository.
        files: all that are wanted.
        here: names of those that are in the cache already.
        target: folder of the hub cache that they go to.
    """

    hub_id: str
    commit: str
    files: tuple[HubFile, ...]
    here: frozenset[str]
    target: Path

    @property
    def missing_bytes(self) -> int:
        """Size of what is not here yet."""
        return sum(file.size for file in self.files if file.name not in self.here)


def ask(name: str) -> list[Parcel]:
    """What would be fetched for a model, as the hub says: files, sizes, checksums.

    More than one repository where the model's own has no tokenizer.

    Raises:
        ModelNotFound: there is no such model, no connection, or it holds no weights.
    """
    backbone = known(name)
    if backbone and backbone.by_hand:
        return ask(backbone.by_hand.base)
    hub_id = (backbone.hub_id if backbone else None) or name
    with reaching(hub_id):
        commit, files = listing(hub_id)
    weights = weights_of(hub_id, list(files), backbone.weights if backbone else None)
    parcels = [parcel(hub_id, commit, files, weights)]
    if backbone and backbone.tokenizer and not set(TOKENIZER_FILES) & set(files):
        with reaching(backbone.tokenizer):
            commit, files = listing(backbone.tokenizer)
        parcels.append(parcel(backbone.tokenizer, commit, files, list(TOKENIZER_FILES)))
    return parcels


def listing(hub_id: str) -> tuple[str, dict[str, HubFile]]:
    """Commit and files of a repository, as the hub says now."""
    import huggingface_hub

    info = huggingface_hub.model_info(hub_id, files_metadata=True)
    files = {}
    for file in info.siblings or []:
        large = file.lfs
        files[file.rfilename] = HubFile(
            file.rfilename,
            file.size or 0,
            large.sha256 if large else None,
            None if large else file.blob_id,
        )
    return info.sha or "", files


def weights_of(hub_id: str, names: list[str], own: str | None) -> list[str]:
    """The files of one form of the weights: Hugging Face's if it is there, else another.

    Raises:
        ModelNotFound: there is none that is read here.
    """
    if own in names:
        return [own, CONFIG]
    for form in WEIGHTS if CONFIG in names else ():
        if form in names:
            return [form, CONFIG]
    for index in INDEXES if CONFIG in names else ():
        if index in names:
            stem, extension = index.removesuffix(".index.json").rsplit(".", 1)
            parts = [n for n in names if n.startswith(f"{stem}-") and n.endswith(f".{extension}")]
            return [index, CONFIG, *parts]
    for form in OPEN_CLIP if OPEN_CLIP_CONFIG in names else ():
        if form in names:
            return [form, OPEN_CLIP_CONFIG]
    wanted = (*WEIGHTS, *OPEN_CLIP, *([own] if own else []))
    raise ModelNotFound(f"{hub_id} holds no weights: none of {', '.join(wanted)} with its config")


def parcel(hub_id: str, commit: str, files: dict[str, HubFile], wanted: list[str]) -> Parcel:
    """Those of a repository's files that are wanted, and what of them is here."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    target = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=hub_id, repo_type="model")
    snapshot = target / "snapshots" / commit
    chosen = tuple(file for name, file in files.items() if name in {*wanted, *BESIDE})
    here = frozenset(
        file.name
        for file in chosen
        if (snapshot / file.name).exists()
        or (file.sha256 and (target / "blobs" / file.sha256).exists())
    )
    return Parcel(hub_id, commit, chosen, here, target)


def discard(parcel: Parcel) -> Parcel:
    """The parcel, with what is here of it taken away so that it is fetched again."""
    for name in parcel.here:
        path = parcel.target / "snapshots" / parcel.commit / name
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return replace(parcel, here=frozenset())


def take(parcel: Parcel) -> None:
    """Fetch a parcel, check every file, and write the record of checksums.

    Raises:
        ModelNotFound, BadCheckpoint: see `fetch`.
    """
    import huggingface_hub

    with reaching(parcel.hub_id):
        room = shutil.disk_usage(existing(parcel.target)).free
        if room < parcel.missing_bytes:
            raise ModelNotFound(
                f"{parcel.hub_id} takes {parcel.missing_bytes / 1e6:,.0f} MB, and "
                f"{parcel.target} has room for {room / 1e6:,.0f} MB; hint: HF_HOME may be elsewhere"
            )
        for file in parcel.files:
            if file.sha256 and file.name not in parcel.here:
                take_large(parcel, file)
        places = [
            Path(huggingface_hub.hf_hub_download(parcel.hub_id, file.name)) for file in parcel.files
        ]
    folder = places[0].parent
    if {place.parent.name for place in places} != {parcel.commit}:
        raise ModelNotFound(f"{parcel.hub_id} changed while it was fetched; hint: fetch it again")
    sums = {}
    for file in parcel.files:
        path = folder / file.name
        sums[file.name] = sha256(path)
        right = sums[file.name] == file.sha256 if file.sha256 else git_name(path) == file.git
        if not right:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise wrong_sum(parcel, file)
    write_record(record_of(folder), sums)


def take_large(parcel: Parcel, file: HubFile) -> None:
    """Fetch one file into the cache's blobs, going on where an earlier attempt stopped.

    Raises:
        BadCheckpoint: its checksum is wrong.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._fixes import WeakFileLock
    from huggingface_hub.utils._headers import build_hf_headers

    assert file.sha256
    blob = parcel.target / "blobs" / file.sha256
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{file.sha256}.part")
    with WeakFileLock(part.with_suffix(".lock")):
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        with part.open("ab") as stream:
            http_get(
                hf_hub_url(parcel.hub_id, file.name, revision=parcel.commit),
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.name,
            )
        if sha256(part) != file.sha256:
            part.unlink()
            raise wrong_sum(parcel, file)
        part.replace(blob)
    part.with_suffix(".lock").unlink(missing_ok=True)


def wrong_sum(parcel: Parcel, file: HubFile) -> BadCheckpoint:
    return BadCheckpoint(
        f"{file.name} of {parcel.hub_id} arrived with another checksum than the hub's, and was "
        "not kept; hint: fetch it again"
    )


@contextmanager
def reaching(hub_id: str) -> Iterator[None]:
    """What goes wrong on the way to the hub, in one line; and its own remarks kept quiet.

    Raises:
        ModelNotFound: in place of anything that huggingface_hub, HTTP or sockets raise.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    if constants.HF_HUB_OFFLINE:
        raise ModelNotFound(
            f"{hub_id} could not be fetched: HF_HUB_OFFLINE says to stay offline; "
            "hint: unset it, or put a copy into the hub cache"
        )
    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)  # it remarks on each of its retries
    try:
        yield
    except (ModelNotFound, BadCheckpoint):
        raise
    except Exception as error:  # of the hub, of HTTP, of sockets: nothing common below Exception
        why = str(error).strip().splitlines()
        raise ModelNotFound(
            f"{hub_id} could not be fetched from {constants.ENDPOINT.removeprefix('https://')}: "
            f"{why[0] if why else type(error).__name__}"
        ) from error
    finally:
        logging.set_verbosity(before)


def existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def record_of(snapshot: Path) -> Path:
    """Where the checksums of a snapshot of the hub cache are, beside its blobs."""
    return snapshot.parent.parent / f"fdaclip-{snapshot.name}.sha256"
