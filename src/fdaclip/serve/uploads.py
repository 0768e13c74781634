"""Pictures and clips that somebody sends to be searched with.

What is sent is decoded in a process of its own, with a limit of time and of memory: a file that
hangs or breaks its decoder costs itself only. It lies in a folder of its own until it is encoded.

Shapes: T frames, S×S pixels, E embedding.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import UploadFile

from .guard import Refused

if TYPE_CHECKING:
    from fdaclip.library import Query
    from fdaclip.model import Encoder
    from fdaclip.model.preprocess import Preprocess

Kind = Literal["image", "clip"]

LARGEST = 512 << 20  # bytes of an upload
LONGEST = 120.0  # s of a clip that are looked at
STALL = 20.0  # s that decoding may take until its next window
TOTAL = 60.0  # s that all of it may take
MEMORY = 2 << 30  # bytes that the process may take
PIXELS = 100_000_000  # of a picture


@asynccontextmanager
async def kept(upload: UploadFile, most: int = LARGEST) -> AsyncIterator[Path]:
    """The upload as a file of its own, as long as it is needed.

    Raises:
        Refused: 413, it is larger than ``most`` bytes; 400, it is empty.
    """
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="fdaclip-upload-")
    try:
        path = Path(folder) / "upload"
        size = 0
        with path.open("wb") as file:
            while chunk := await upload.read(1 << 20):
                size += len(chunk)
                if size > most:
                    raise Refused(
                        413, "too_large", f"a file may have {most / 1e6:,.0f} MB", "send less"
                    )
                await asyncio.to_thread(file.write, chunk)
        if not size:
            raise Refused(400, "empty", "the file that was sent is empty")
        yield path
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def asked_with(upload: UploadFile, kind: Kind, encoder: Encoder, window: float) -> Query:
    """The query that a picture or clip is.

    Args:
        encoder: of the library. window: s, of the library's moments.

    Raises:
        Refused: 400, it cannot be decoded; 413, it is too large.
    """
    from fdaclip.library import Query

    name = os.path.basename((upload.filename or "").replace("\\", "/"))  # noqa: PTH119 (a name)
    async with kept(upload) as path:
        vector = await asyncio.to_thread(vector_of, path, kind, encoder, window)
    return Query.vector(vector, name or f"a {'picture' if kind == 'image' else 'clip'}")


def vector_of(path: Path, kind: Kind, encoder: Encoder, window: float) -> NDArray[np.float32]:
    """Of a picture, or of a clip (the mean of its windows by duration): float32 [E], unit length.

    Raises:
        Refused: 400, it cannot be decoded, or not in time.
    """
    from fdaclip.library.examples import windows_of
    from fdaclip.video.isolated import Finished, work_isolated

    work = (
        partial(prepared_picture, preprocess=encoder.preprocess)
        if kind == "image"
        else partial(
            windows_of,
            start=0.0,
            end=LONGEST,
            window=window,
            sampling=encoder.sampling,
            motion=encoder.motion,
            preprocess=encoder.preprocess,
        )
    )
    total = np.zeros(encoder.embedding_size, np.float64)
    began = monotonic()
    for event in work_isolated(work, [path], workers=1, time_limit=STALL, memory_limit=MEMORY):
        if isinstance(event, Finished):
            if event.error is not None and not total.any():
                raise unusable(kind, event.error.reason)
            continue
        if monotonic() - began > TOTAL:
            raise unusable(kind, f"takes longer to decode than {TOTAL:g} s")
        length, rgba = event.value
        total += length * encoder.encode_rgba([rgba])[0]
    norm = float(np.linalg.norm(total))
    if not norm:
        raise unusable(kind, "shows nothing that can be encoded")
    return (total / norm).astype(np.float32)


def prepared_picture(
    path: Path, *, preprocess: Preprocess
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """1 and uint8 [1,4,S,S] of a picture; runs in a worker process.

    Raises:
        NotAVideo: it is no picture that can be read; the kind of error that crosses processes.
    """
    from PIL import Image

    from fdaclip.library.examples import Picture, UnusableExample, read_picture
    from fdaclip.video import NotAVideo

    Image.MAX_IMAGE_PIXELS = PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        rgb = read_picture(os.fspath(path))
    except (UnusableExample, Image.DecompressionBombWarning) as error:
        large = "DecompressionBomb" in type(error).__name__ or "pixels" in str(error)
        reason = f"has more than {PIXELS / 1e6:g} million pixels" if large else "is no picture"
        raise NotAVideo(path, reason, "") from None
    yield 1.0, preprocess(Picture(rgb[None]))


def unusable(kind: Kind, reason: str) -> Refused:
    """What is told of an upload that cannot be searched with."""
    what = "picture" if kind == "image" else "clip"
    return Refused(400, "unusable", f"the {what} {reason}", f"send another {what}")
