"""What a model made of a dataset, kept: encoding is slow, everything after it is fast.

Shapes: Q sentences, V videos, T frames, E embedding, B sentences of a querybank.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.blocks import Answers
from fdaclip.evaluate.errors import BadFile
from fdaclip.evaluate.files import whole_file
from fdaclip.evaluate.scores import Features

FORMAT = 1


@dataclass(frozen=True)
class Embeddings:
    """Features of the sentences and videos of a dataset, and which belongs to which.

    Attributes:
        texts: features of the sentences, dimension 0 is Q; one array [Q,E] for one-vector models.
        videos: features of the videos, dimension 0 is V; one array [V,E] for one-vector models.
        owner: int64 [Q], the video that answers each sentence.
        names: of the videos. captions: the sentences.
        frames: float32 [V,T,E] of unit length, each frame by itself; None where not kept.
        energy, share: float32 [V], mean motion energy and mean moving share of the picture over a
            video's frames (`fdaclip.motion.Motion`); None where not known.
        bank: features of the querybank, dimension 0 is B; empty if there is none.
        lost: videos that could not be read and are left out, name → reason.
        origin: what they were made of and with, as JSON values.

    Raises:
        ValueError: the parts do not fit one another.
    """

    texts: Features
    videos: Features
    owner: NDArray[np.int64]
    names: tuple[str, ...]
    captions: tuple[str, ...]
    frames: NDArray[np.float32] | None = None
    energy: NDArray[np.float32] | None = None
    share: NDArray[np.float32] | None = None
    bank: Features = ()
    lost: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        queries, videos = len(self.owner), len(self.names)
        counts = {
            "texts": (queries, [len(array) for array in self.texts]),
            "captions": (queries, [len(self.captions)]),
            "videos": (videos, [len(array) for array in self.videos]),
        }
        for name in ("frames", "energy", "share"):
            array = getattr(self, name)
            counts[name] = (videos, [] if array is None else [len(array)])
        for name, (expected, found) in counts.items():
            if any(count != expected for count in found):
                raise ValueError(f"{name}: {expected} are needed, not {found}")
        if not self.texts or not self.videos:
            raise ValueError("there are no features")
        lacking = np.setdiff1d(np.arange(videos), self.owner)
        if len(lacking):
            raise ValueError(f"video {self.names[lacking[0]]!r} has no sentence")
        if queries and not 0 <= self.owner.min() <= self.owner.max() < videos:
            raise ValueError("a sentence belongs to a video that is not there")

    @property
    def answers(self) -> Answers:
        """Which video answers each sentence."""
        return Answers.of_owners(self.owner)

    @property
    def key(self) -> str:
        """SHA-256 of names, sentences and owners: results pair only where it is the same."""
        said = json.dumps([self.names, self.captions, self.owner.tolist()])
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one .npz file; it is whole or not there."""
        arrays: dict[str, NDArray[Any]] = {"owner": self.owner}
        for name in ("texts", "videos", "bank"):
            arrays |= {f"{name}_{i}": array for i, array in enumerate(getattr(self, name))}
        for name in ("frames", "energy", "share"):
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        said = {
            "format": FORMAT,
            "names": self.names,
            "captions": self.captions,
            "lost": self.lost,
            "origin": self.origin,
        }
        arrays["said"] = np.frombuffer(json.dumps(said).encode(), np.uint8)
        with whole_file(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Embeddings:
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            BadFile: it cannot be read, is something else, or is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            said = json.loads(arrays.pop("said").tobytes())
            if said["format"] != FORMAT:
                raise ValueError(f"format {said['format']}, {FORMAT} is known here")
            return cls(
                texts=numbered(arrays, "texts"),
                videos=numbered(arrays, "videos"),
                owner=arrays["owner"],
                names=tuple(said["names"]),
                captions=tuple(said["captions"]),
                frames=arrays.get("frames"),
                energy=arrays.get("energy"),
                share=arrays.get("share"),
                bank=numbered(arrays, "bank"),
                lost=said["lost"],
                origin=said["origin"],
            )
        except OSError as error:
            raise BadFile(f"{Path(path)} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise BadFile(f"{Path(path)} holds no embeddings: {error}") from error


def numbered(arrays: dict[str, NDArray[Any]], name: str) -> Features:
    """`name_0`, `name_1`, … as a tuple."""
    found: list[NDArray[Any]] = []
    while (key := f"{name}_{len(found)}") in arrays:
        found.append(arrays[key])
    return tuple(found)


def of_captions(captions: list[tuple[str, ...]]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """All sentences of all videos in a row, and the video of each, int64 [Q]."""
    sentences = tuple(sentence for some in captions for sentence in some)
    owner = np.repeat(np.arange(len(captions)), [len(some) for some in captions])
    return sentences, owner.astype(np.int64)
