"""Encoding: once each, in order, by any model; in workers as in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fdaclip.evaluate import (
    EvaluationError,
    Scores,
    both_directions,
    correct_answers,
    embed,
    evaluate,
    evaluate_embeddings,
    rerank,
    score_of,
)
from fdaclip.evaluate.ahead import Look, looks
from fdaclip.model import FDACLIP
from fdaclip.model.heads import HeadConfig

sys.path.insert(0, str(Path(__file__).parent))

from made_clips import FRAMES, SIDE, Clips, Viewed

CAPTIONS = [["a b", "c"], ["d e f"], ["a b", "g h", "i"]]


class OneVector:
    """An `Encoder` that counts what it encodes."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.clips = 0

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        self.sentences += texts
        return np.stack([vector(text) for text in texts])

    def encode_rgba(self, clips: np.ndarray) -> np.ndarray:
        self.clips += len(clips)
        return np.stack([clip.reshape(-1)[:4].astype(np.float32) for clip in clips])


def vector(text: str) -> np.ndarray:
    return np.random.default_rng(list(text.encode())).standard_normal(4).astype(np.float32)


class Tokens(nn.Module):
    """A head of token interaction, as FDA-CLIP's: frames and padded words, and a score of both."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = SimpleNamespace(head=SimpleNamespace(keeps_tokens=True))
        self.device = torch.device("cpu")

    def video_features(self, rgba: Tensor) -> tuple[Tensor, ...]:
        return (rgba.flatten(2).float()[..., :8] / 255,)  # [B,T,E]

    def tokenize(self, texts: list[str]) -> dict[str, Tensor]:
        words = [text.split() for text in texts]
        mask = torch.zeros(len(texts), 5, dtype=torch.int64)
        ids = torch.zeros(len(texts), 5, dtype=torch.int64)
        for i, some in enumerate(words):
            mask[i, : len(some)] = 1
            ids[i, : len(some)] = torch.tensor([ord(word[0]) for word in some])
        return {"input_ids": ids, "attention_mask": mask}

    def text_features(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        angles = input_ids[..., None] * torch.arange(1, 9)
        return torch.sin(angles.float()), attention_mask.bool()  # [B,L,E], [B,L]

    def score(self, texts: tuple[Tensor, ...], videos: tuple[Tensor, ...]) -> Tensor:
        words, mask = texts
        best = torch.einsum("qle,vte->qvlt", words, videos[0]).amax(3)
        weights = mask[:, None].float()
        return (best * weights).sum(2) / weights.sum(2)


def test_each_clip_and_each_distinct_sentence_is_encoded_once() -> None:
    model, clips = OneVector(), Clips()
    told: list[tuple[str, int, int]] = []
    made = embed(
        model,
        clips,
        CAPTIONS,
        names=["x", "y", "z"],
        bank=["c", "new"],
        progress=lambda *step: told.append(step),
    )
    assert clips.asked == [1, 1, 1] and model.clips == 3
    assert sorted(model.sentences) == sorted({"a b", "c", "d e f", "g h", "i", "new"})
    assert made.captions == ("a b", "c", "d e f", "a b", "g h", "i")
    assert made.owner.tolist() == [0, 0, 1, 2, 2, 2] and made.names == ("x", "y", "z")
    assert (made.texts[0] == [vector(text) for text in made.captions]).all()
    assert (made.bank[0] == [vector("c"), vector("new")]).all()
    assert (made.videos[0] == model.encode_rgba(np.stack([clips[i] for i in range(3)]))).all()
    assert made.energy is None and made.frames is None
    assert [step for step in told if step[0] == "clips"] == [("clips", i, 3) for i in (1, 2, 3)]
    assert told[-1] == ("sentences", 6, 6)


def test_motion_is_kept_where_it_is_known() -> None:
    made = embed(OneVector(), Viewed(), CAPTIONS, batch=2)
    assert made.energy == pytest.approx([0.1, 0.2, 0.3])
    assert made.share == pytest.approx([0.05, 0.1, 0.15])


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_heads_of_tokens_go_through_their_own_score(batch: int) -> None:
    model, clips = Tokens().train(), Clips()
    made = embed(model, clips, CAPTIONS, batch=batch)
    assert [array.shape for array in made.texts] == [(6, 5, 8), (6, 5)]
    assert made.texts[1].dtype == np.bool_ and made.videos[0].shape == (3, FRAMES, 8)
    assert model.training, "the model is left as it was"
    score = score_of(model, made)
    assert score.floats == 5 * FRAMES
    whole = model.score(
        model.text_features(**model.tokenize(list(made.captions))),
        model.video_features(torch.from_numpy(np.stack([clips[i] for i in range(3)]))),
    )
    strips = Scores.of(made.texts, made.videos, score, cells=7).strips()
    np.testing.assert_allclose(np.concatenate([s.scores for s in strips]), whole, rtol=1e-5)
    assert evaluate_embeddings(made, score, resamples=0).r1 >= 0
    with pytest.raises(EvaluationError, match="one vector a clip"):
        embed(model, clips, CAPTIONS, frames=True)


@pytest.fixture(scope="module")
def small() -> FDACLIP:
    return FDACLIP.small(image_size=SIDE, patch_size=8, width=32, layers=1, text_layers=1)


def test_an_fdaclip_gives_the_vectors_that_a_library_holds(small: FDACLIP) -> None:
    clips = Clips()
    made = embed(small, clips, CAPTIONS)
    assert (made.videos[0] == small.encode_rgba([clips[i] for i in range(3)])).all()
    assert (made.texts[0] == small.encode_texts(made.captions)).all()
    joint = embed(small, clips, CAPTIONS, batch=3)
    np.testing.assert_allclose(joint.videos[0], made.videos[0], atol=2e-6)
    np.testing.assert_allclose(joint.texts[0], made.texts[0], atol=2e-6)


def test_the_figures_alone(small: FDACLIP) -> None:
    clips = Clips()
    videos = small.encode_rgba([clips[i] for i in range(3)])
    texts = small.encode_texts([caption for some in CAPTIONS for caption in some])
    expected = both_directions(texts @ videos.T, correct_answers([0, 0, 1, 2, 2, 2], 3))
    assert evaluate(small, clips, CAPTIONS) == expected


def test_kept_frames_are_those_of_the_vectors(small: FDACLIP) -> None:
    made = embed(small, Clips(), CAPTIONS, frames=True)
    assert made.frames is not None and made.frames.shape == (3, FRAMES, small.embedding_size)
    np.testing.assert_allclose(np.linalg.norm(made.frames, axis=2), 1, rtol=1e-5)
    mean = made.frames.mean(1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(made.videos[0], mean, atol=1e-6)
    assert set(rerank(Scores.of(made.texts, made.videos), made, 2)) == {
        "text_to_video",
        "video_to_text",
    }


@pytest.mark.parametrize("kind", ["ti", "wti"])
def test_token_heads_of_an_fdaclip_rank_as_their_whole_matrix(kind: Literal["ti", "wti"]) -> None:
    model = FDACLIP.small(
        image_size=SIDE, patch_size=8, width=32, layers=1, text_layers=1, head=HeadConfig(kind)
    )
    clips = Clips()
    made = embed(model, clips, CAPTIONS)
    scores = Scores.of(made.texts, made.videos, score_of(model, made), cells=500)
    strips = np.concatenate([strip.scores for strip in scores.strips()])
    with torch.inference_mode():
        texts = model.text_features(**model.tokenize(made.captions))
        rgba = np.stack([clips[i] for i in range(3)])
        whole = model.score(texts, model.video_features(torch.from_numpy(rgba)))
    np.testing.assert_allclose(strips, whole, atol=2e-6)
    with pytest.raises(EvaluationError, match="one vector a clip"):
        embed(model, clips, CAPTIONS, frames=True)


def test_workers_give_the_same_clips_in_the_same_order() -> None:
    here, there = (list(looks(Viewed(), workers)) for workers in (0, 2))
    for one, two in zip(here, there, strict=True):
        assert isinstance(one, Look) and isinstance(two, Look)
        assert (one.rgba == two.rgba).all() and one.energy == two.energy


def test_workers_need_no_torch() -> None:
    code = "import sys; import fdaclip.evaluate.ahead; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="3 clips, 2 lists of sentences, 3 names"):
        embed(OneVector(), Clips(), CAPTIONS[:2])
    with pytest.raises(ValueError, match="'1' has no sentence"):
        embed(OneVector(), Clips(), [["a"], [], ["b"]])
