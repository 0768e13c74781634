"""A model as mteb wants it, for its video retrieval tasks (MSVDT2VRetrieval, MSRVTTT2V, …).

Written for and tried with mteb 2.26.24, which is not a dependency of fdaclip::

    import mteb
    from fdaclip import FDACLIP
    from fdaclip.evaluate.mteb import as_mteb

    model = as_mteb(FDACLIP.from_pretrained("clip-b32"), "me/fdaclip-b32")
    mteb.evaluate(model, mteb.get_tasks(tasks=["MSVDT2VRetrieval"]))

mteb's main score is nDCG@10 and its test sets are not the field's (its MSR-VTT has 879 of the 1,000
pairs of 1k-A), so its figures do not stand beside those of papers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.errors import EvaluationError

if TYPE_CHECKING:
    from fdaclip.model import FDACLIP

VERSION = "2.26.24"  # of mteb, that this was tried with


class MTEBModel:
    """mteb's `EncoderProtocol` over an FDA-CLIP of one vector a clip; made by `as_mteb`."""

    def __init__(self, model: FDACLIP, meta: Any) -> None:
        self.model = model
        self.mteb_model_meta = meta

    def encode(self, inputs: Any, **task: Any) -> NDArray[np.float32]:
        """Sentences or videos → unit vectors, float32 [N,E].

        Videos are decoded from the data set's own bytes by fdaclip, not from the frames that mteb's
        decoder would pick: a mask needs each frame's partner.

        Args:
            inputs: mteb's data loader. task: what mteb says of the task; all are encoded alike.

        Raises:
            EvaluationError: the task has inputs of another kind, or of several at once.
            fdaclip.video.VideoError: a video cannot be decoded.
        """
        kinds = {"text", "image", "audio", "video"} & set(inputs.dataset.column_names)
        if kinds == {"text"}:
            return self.model.encode_texts([text for batch in inputs for text in batch["text"]])
        if kinds == {"video"}:
            return self.model.encode_rgba(self.prepared(inputs.dataset))
        raise EvaluationError(
            f"the task has inputs of {' and '.join(sorted(kinds)) or 'no known kind'}, "
            "and this model takes either text or video"
        )

    def prepared(self, dataset: Any) -> Iterator[NDArray[np.uint8]]:
        """The videos of a data set one by one, uint8 RGBA [T,4,S,S]."""
        raw = dataset.cast_column("video", import_module("datasets").Video(decode=False))
        for row in raw:
            held = row["video"]
            if held["bytes"] is None:
                yield self.model.prepare(self.model.sample(held["path"]))
                continue
            with tempfile.NamedTemporaryFile(delete=False) as file:
                file.write(held["bytes"])
            try:
                yield self.model.prepare(self.model.sample(file.name))
            finally:
                Path(file.name).unlink()

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines [N,M] of unit vectors, as a tensor."""
        one, two = tensors(embeddings1, embeddings2)
        return one @ two.T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines [N] of unit vectors, pair by pair, as a tensor."""
        one, two = tensors(embeddings1, embeddings2)
        return (one * two).sum(-1)


def as_mteb(model: FDACLIP, name: str) -> MTEBModel:
    """The model with what mteb asks to know of one.

    Args:
        name: for mteb's tables, `organisation/name`.

    Raises:
        EvaluationError: mteb is not installed.
        ValueError: mteb does not take the name.
    """
    try:
        mteb: Any = import_module("mteb.models")
    except ImportError as error:
        raise EvaluationError(
            "mteb is not installed", f"pip install 'mteb[video]=={VERSION}'"
        ) from error
    meta = mteb.ModelMeta(
        loader=None,
        name=name,
        revision=model.fingerprint[:40],
        release_date=None,
        languages=["eng-Latn"],
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        memory_usage_mb=None,
        max_tokens=model.tokens.context,
        embed_dim=model.embedding_size,
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["PyTorch"],
        similarity_fn_name="cosine",
        use_instructions=False,
        training_datasets=None,
        modalities=["text", "video"],
    )
    return MTEBModel(model, meta)


def tensors(*arrays: Any) -> list[Any]:
    """Arrays or tensors as tensors; one vector as a row."""
    import torch

    return [torch.as_tensor(array).reshape(-1, array.shape[-1]) for array in arrays]
