"""Every clip and every sentence through the model, once.

Shapes: V videos, Q sentences, T frames, S×S pixels, E embedding, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.ahead import ClipSource, Look, looks
from fdaclip.evaluate.embeddings import Embeddings, of_captions
from fdaclip.evaluate.errors import EvaluationError
from fdaclip.evaluate.scores import COSINE, Features, Score, taken
from fdaclip.video import VideoError

if TYPE_CHECKING:
    from fdaclip.model import Encoder

T = TypeVar("T")
Progress = Callable[[str, int, int], None]  # "clips" or "sentences", done, in all


def embed(
    model: Encoder,
    clips: ClipSource,
    captions: Sequence[Sequence[str]],
    *,
    names: Sequence[str] | None = None,
    bank: Sequence[str] = (),
    frames: bool = False,
    batch: int = 1,
    workers: int = 0,
    leave_out: bool = False,
    progress: Progress | None = None,
) -> Embeddings:
    """Encode each clip once, however many sentences describe it, and each distinct sentence once.

    Args:
        model: an `Encoder` of one vector, or an FDACLIP with any head.
        clips: V clips, uint8 [T,4,S,S] each; `fdaclip.data.Clips`, or arrays.
        captions: the sentences of each clip; each is a query whose right answer is that clip.
        names: of the clips; their numbers if None.
        bank: a querybank for `qb_norm`: sentences of the training split.
        frames: keep every frame's own vector, for `rerank`.
        batch: clips or sentences a pass. One gives the vectors that a library holds, to the bit;
            more is faster on a GPU and equal within rounding.
        workers: processes that decode ahead of the model; 0 decodes in this one.
        leave_out: go on without the clips whose files cannot be read; `Embeddings.lost` names them.
        progress: called with what is encoded, how many are, and of how many.

    Raises:
        fdaclip.video.VideoError: a file cannot be read (the first such, unless `leave_out`, or all
            of them); it is named.
        EvaluationError: the model cannot give `frames`.
        ValueError: clips, captions and names differ in number, or a clip has no sentence.
    """
    names = [str(i) for i in range(len(clips))] if names is None else names
    if not len(clips) == len(captions) == len(names):
        raise ValueError(
            f"{len(clips)} clips, {len(captions)} lists of sentences, {len(names)} names"
        )
    told = progress or (lambda what, done, total: None)
    seen = encode_clips(model, clips, frames, batch, workers, leave_out, told)
    left = [i for i in range(len(clips)) if i not in seen.lost]
    sentences, owner = of_captions([tuple(captions[i]) for i in left])
    texts = encode_sentences(model, [*sentences, *bank], batch, told)
    split = len(sentences)
    known = not np.isnan(seen.energy).any()
    return Embeddings(
        texts=taken(texts, slice(0, split)),
        videos=seen.features,
        owner=owner,
        names=tuple(names[i] for i in left),
        captions=sentences,
        frames=seen.frames,
        energy=seen.energy if known else None,
        share=seen.share if known else None,
        bank=taken(texts, slice(split, None)) if bank else (),
        lost={names[i]: error.reason for i, error in seen.lost.items()},
    )


@dataclass(frozen=True)
class Encoded:
    """Clips that went through the model.

    Attributes:
        features: of the clips that could be read. frames: their frames' vectors, if wanted.
        energy, share: float32, their motion; NaN where not known.
        lost: why the others could not be read, by index.
    """

    features: Features
    frames: NDArray[np.float32] | None
    energy: NDArray[np.float32]
    share: NDArray[np.float32]
    lost: dict[int, VideoError]


def encode_clips(
    model: Encoder,
    clips: ClipSource,
    frames: bool,
    batch: int,
    workers: int,
    leave_out: bool,
    told: Progress,
) -> Encoded:
    """All clips, decoded ahead and encoded in groups."""
    parts: list[Features] = []
    kept: list[NDArray[np.float32]] = []
    motion: list[tuple[float, float]] = []
    lost: dict[int, VideoError] = {}

    def sound() -> Iterator[Look]:
        for i, one in enumerate(looks(clips, workers)):
            if isinstance(one, Look):
                yield one
            elif leave_out:
                lost[i] = one
            else:
                raise one

    for group in groups(sound(), batch):
        rgba = np.stack([one.rgba for one in group])  # [B,T,4,S,S]
        if frames:
            of_frames, vectors = frame_vectors(model, rgba)
            kept.append(of_frames)
            parts.append((vectors,))
        else:
            parts.append(video_features(model, rgba))
        motion += [(one.energy, one.share) for one in group]
        told("clips", len(motion) + len(lost), len(clips))
    if not parts:
        raise next(iter(lost.values()), ValueError("there is no clip to encode"))
    energy, share = np.array(motion, np.float32).T
    return Encoded(joined(parts), np.concatenate(kept) if kept else None, energy, share, lost)


def encode_sentences(
    model: Encoder, sentences: Sequence[str], batch: int, told: Progress
) -> Features:
    """Features of all sentences; a repeated one is encoded once.

    Sentences of about one length share a pass, so that little of it is padding.
    """
    place = {sentence: i for i, sentence in enumerate(dict.fromkeys(sentences))}
    each = list(place)
    order = sorted(range(len(each)), key=lambda i: len(each[i].split()))
    features: Features = ()
    done = 0
    for group in groups(iter(order), batch):
        found = text_features(model, [each[i] for i in group])
        if not features:  # filled in place: words of a large set take gigabytes
            features = tuple(np.empty((len(each), *a.shape[1:]), a.dtype) for a in found)
        for whole, part in zip(features, found, strict=True):
            whole[group] = part
        done += len(group)
        told("sentences", done, len(each))
    if not features:
        raise ValueError("there is no sentence to encode")
    if len(each) == len(sentences):
        return features
    return taken(features, [place[sentence] for sentence in sentences])


def video_features(model: Any, rgba: NDArray[np.uint8]) -> Features:
    """Of clips uint8 [B,T,4,S,S]: what the model's `score` takes, or one vector each, [B,E]."""
    if not hasattr(model, "video_features"):
        return (model.encode_rgba(rgba),)
    import torch

    return inferred(model, lambda: model.video_features(torch.from_numpy(rgba)))


def text_features(model: Any, sentences: Sequence[str]) -> Features:
    """Of B sentences: what the model's `score` takes, or one vector each, [B,E]."""
    if not hasattr(model, "text_features"):
        return (model.encode_texts(sentences),)
    return inferred(model, lambda: model.text_features(**model.tokenize(sentences)))


def frame_vectors(
    model: Any, rgba: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each frame's own unit vector, [B,T,E], and each clip's, [B,E]; one pass through the tower.

    The frames are those that enter the head: a temporal transformer has not mixed them.

    Raises:
        EvaluationError: the model has no frames to give, or no single vector for a clip.
    """
    if not hasattr(model, "frame_features") or is_token_head(model):
        raise EvaluationError(
            "re-ranking by the frames needs an FDA-CLIP whose head gives one vector a clip "
            "(mean or temporal)"
        )
    import torch
    from torch.nn.functional import normalize

    def encode() -> tuple[torch.Tensor, torch.Tensor]:
        features = model.frame_features(torch.from_numpy(rgba))  # [B,T,E]
        return normalize(features, dim=-1), model.head(features)

    of_frames, vectors = inferred(model, encode)
    return of_frames, vectors


def is_token_head(model: Any) -> bool:
    """Does its head keep frames and words apart (`ti`, `wti`) instead of making one vector?"""
    return hasattr(model, "settings") and model.settings.head.keeps_tokens


def score_of(model: Any, embeddings: Embeddings) -> Score:
    """How this model compares its features: cosine of vectors, or its head's own interaction."""
    if not is_token_head(model):
        return COSINE
    import torch

    def pair(texts: Features, videos: Features) -> NDArray[np.float32]:
        sides = [
            tuple(torch.from_numpy(np.ascontiguousarray(a)).to(model.device) for a in side)
            for side in (texts, videos)
        ]
        return inferred(model, lambda: (model.score(*sides),))[0]

    words, frames = embeddings.texts[0].shape[1], embeddings.videos[0].shape[1]
    return Score(pair, floats=words * frames)


def inferred(model: Any, compute: Callable[[], tuple[Any, ...]]) -> Features:
    """Tensors of a computation without gradients, as arrays; floats as float32."""
    from fdaclip.model.fdaclip import inference

    with inference(model):
        tensors = [tensor.cpu() for tensor in compute()]
        return tuple(
            (tensor.float() if tensor.is_floating_point() else tensor).numpy() for tensor in tensors
        )


def joined(parts: Sequence[Features]) -> Features:
    """Features of groups as features of all."""
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def groups(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """The items in lists of so many; the last may be shorter."""
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
