"""An export as an `Encoder`: neither torch nor transformers is imported.

Shapes: V videos, Q sentences, T frames, S×S pixels, K patches, E embedding, L tokens.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.errors import BadCheckpoint, ModelError
from fdaclip.model.lanes import processors
from fdaclip.model.preprocess import Preprocess
from fdaclip.model.prune import kept_patches
from fdaclip.model.settings import Settings
from fdaclip.model.tokens import read_tokens
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

from . import Precision, Runtime
from .folder import Export, cache
from .onnx import OnnxGraph
from .openvino import OpenvinoGraph

Graph = OnnxGraph | OpenvinoGraph


class ExportedEncoder:
    """Runs the folder that `fdaclip models export` writes; fills the `Encoder` protocol.

    A clip is one pass on one thread: clips side by side, in threads of the caller's, use all
    processors, and each vector is the same bits whatever the company. A sentence is one pass on all
    processors. Each graph is loaded when it is first used.

    Args:
        folder: of the export.
        sampling, motion: instead of the model's own; only those whose fingerprint the export knows.
        anchored: instead of what the sampling says.

    Raises:
        BadCheckpoint: the folder is damaged or incomplete.
        ModelError: the export knows no fingerprint of these settings.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        sampling: Sampling | None = None,
        motion: MotionConfig | None = None,
        anchored: bool | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.export = Export.read(self.folder)
        settings = Settings.read(self.folder)
        if settings is None:
            raise BadCheckpoint(f"{self.folder} is no whole export: fdaclip.json is missing")
        sampling, motion = sampling or settings.sampling, motion or settings.motion
        if anchored is not None:
            sampling = replace(sampling, anchored=anchored)
        variant = self.export.variant(sampling, motion)
        if variant is None:
            raise ModelError(
                f"{self.folder} was not exported for the sampling and masks that are asked for "
                f"({sampling}, {motion}); "
                "hint: export the model with them, or run it in torch"
            )
        self.sampling, self.motion, self.fingerprint = sampling, motion, variant.fingerprint
        self.prune, self.attention = settings.prune, settings.attention
        self.preprocess = Preprocess.read(self.folder)
        self.tokens = read_tokens(
            self.folder, self.export.context, self.export.pad_id, self.export.fixed
        )
        self._graphs: dict[str, Graph] = {}
        self._loading = threading.Lock()

    @property
    def runtime(self) -> Runtime:
        return self.export.runtime

    @property
    def precision(self) -> Precision:
        return self.export.precision

    @property
    def embedding_size(self) -> int:
        """E."""
        return self.export.embedding_size

    @property
    def source(self) -> str:
        """Where it can be loaded from again: the model, if this is an automatic export of it."""
        folder = self.folder.absolute()
        return self.export.source if folder.is_relative_to(cache().absolute()) else str(folder)

    @property
    def _vision(self) -> Graph:
        return self._graph(self.export.vision, threads=1, lanes=processors())

    @property
    def _text(self) -> Graph:
        return self._graph(self.export.text, threads=processors(), lanes=1)

    def _graph(self, name: str, threads: int, lanes: int) -> Graph:
        with self._loading:
            if name not in self._graphs:
                path = self.folder / name
                self._graphs[name] = (
                    OnnxGraph(path, threads)
                    if self.runtime == "onnx"
                    else OpenvinoGraph(path, threads, lanes)
                )
            return self._graphs[name]

    def encode_rgba(self, clips: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """uint8 [T,4,S,S] each → float32 [V,E], of unit length.

        Raises:
            ValueError: another shape or type.
        """
        rows = [self._encode(clip) for clip in clips]
        return np.concatenate(rows) if rows else np.empty((0, self.embedding_size), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Sentences → float32 [Q,E], of unit length; a repeated one is encoded once."""
        if isinstance(texts, str):
            raise TypeError("encode_texts takes a list of sentences, not one")
        distinct = list(dict.fromkeys(texts))
        rows = {
            text: self._text(ids=np.array([ids], np.int64))
            for text, ids in zip(distinct, self.tokens.ids(distinct), strict=True)
        }
        if not rows:
            return np.empty((0, self.embedding_size), np.float32)
        return np.concatenate([rows[text] for text in texts])

    def encode_together(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same: an export takes one sentence a pass."""
        return self.encode_texts(texts)

    def _encode(self, rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[T,4,S,S] → [1,E]."""
        size = self.preprocess.size
        if rgba.dtype != np.uint8 or rgba.shape[1:] != (4, size, size) or not len(rgba):
            raise ValueError(
                f"rgba must be uint8 [T,4,{size},{size}], not {rgba.dtype} {rgba.shape}"
            )
        rgba = np.ascontiguousarray(rgba)
        if self.prune is None or self.prune.keep == 1:
            return self._vision(rgba=rgba)
        return self._vision(
            rgba=rgba, patches=kept_patches(rgba[:, 3], self.export.patch, self.prune)
        )
