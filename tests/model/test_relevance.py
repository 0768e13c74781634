"""Relevance: the parts make up the score, and agree with leaving a patch out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from fdaclip.model import FDACLIP
from fdaclip.model.attention import AttentionBias
from fdaclip.model.prune import Prune
from fdaclip.model.relevance import averaged, relevance
from fdaclip.model.tower import FrameTower

Draw = Callable[..., NDArray[np.uint8]]
SIDE, PATCH = 48, 16


@pytest.fixture(params=["clip", "siglip", "pe"])
def model(request: pytest.FixtureRequest) -> FDACLIP:
    model = FDACLIP.from_pretrained(request.getfixturevalue(f"{request.param}_folder"))
    torch.manual_seed(5)
    with torch.no_grad():
        model.backbone.vision_model.embeddings.patch_embedding.alpha.normal_(std=0.02)
    return model


@pytest.fixture
def query(model: FDACLIP) -> NDArray[np.float32]:
    found = np.random.default_rng(3).normal(size=model.embedding_size).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found), np.float32)


@torch.inference_mode()
def score(model: FDACLIP, frames: Tensor, query: NDArray[np.float32]) -> float:
    """Of frames' features [T,E]."""
    return float(normalize(model.head(frames[None]), dim=-1)[0] @ torch.from_numpy(query))


def test_the_parts_add_up_to_the_difference(
    model: FDACLIP, query: NDArray[np.float32], random_rgba: Draw
) -> None:
    rgba = random_rgba(2, 4, SIDE, SIDE)
    parts = relevance(model, rgba, query, steps=64)
    assert parts.shape == (2, SIDE // PATCH, SIDE // PATCH) and parts.dtype == np.float32
    with torch.inference_mode():
        whole = model.tower(torch.from_numpy(rgba))
        plain = model.tower(averaged(torch.from_numpy(rgba), PATCH))
    difference = score(model, whole, query) - score(model, plain, query)
    assert parts.sum() == pytest.approx(difference, rel=0.02, abs=1e-4)


def test_they_agree_with_leaving_a_patch_out(
    model: FDACLIP, query: NDArray[np.float32], random_rgba: Draw
) -> None:
    rgba = random_rgba(1, 4, SIDE, SIDE)
    count = (SIDE // PATCH) ** 2
    others = torch.tensor([[p for p in range(count) if p != out] for out in range(count)])
    pixels = torch.from_numpy(rgba)
    with torch.inference_mode():
        without = model.tower(pixels.expand(count, -1, -1, -1), others)
        whole = score(model, model.tower(pixels), query)
    falls = [whole - score(model, frame[None], query) for frame in without]
    # Leaving out is another change than averaging: of one mind, not of one figure.
    assert np.corrcoef(relevance(model, rgba, query).ravel(), falls)[0, 1] > 0.4


def test_equal_patches_have_no_part(model: FDACLIP, query: NDArray[np.float32]) -> None:
    rgba = np.full((2, 4, SIDE, SIDE), 90, np.uint8)
    np.testing.assert_allclose(relevance(model, rgba, query), 0, atol=1e-7)


def test_patches_that_are_not_computed_have_no_part(
    model: FDACLIP, query: NDArray[np.float32], random_rgba: Draw
) -> None:
    rgba = random_rgba(2, 4, SIDE, SIDE)
    rgba[:, 3] = 0
    rgba[:, 3, :PATCH] = 255  # the upper row moves
    for merge in (False, True):
        settings = replace(model.settings, prune=Prune(1 / 3, merge=merge))
        model.settings = settings
        model.tower = FrameTower(model.backbone, model.normalise, settings).eval()
        parts = relevance(model, rgba, query)
        assert (parts[:, 0] != 0).all() and (parts[:, 1:] == 0).all()


def test_what_guides_attention_guides_relevance(clip_folder: object, random_rgba: Draw) -> None:
    model = FDACLIP.from_pretrained(str(clip_folder))
    rgba = random_rgba(1, 4, SIDE, SIDE)
    rgba[:, 3] = 0
    rgba[:, 3, :PATCH] = 255
    asked = np.eye(1, model.embedding_size, dtype=np.float32)[0]
    free = np.abs(relevance(model, rgba, asked))[0]
    settings = replace(model.settings, attention=AttentionBias(floor=1e-6))
    model.tower = FrameTower(model.backbone, model.normalise, settings).eval()
    guided = np.abs(relevance(model, rgba, asked))[0]
    assert guided[0].sum() / guided.sum() > 1.2 * free[0].sum() / free.sum()


def test_steps_must_be_some(model: FDACLIP, query: NDArray[np.float32], random_rgba: Draw) -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, not 0"):
        relevance(model, random_rgba(1, 4, SIDE, SIDE), query, steps=0)
    with pytest.raises(ValueError, match="rgba must be uint8"):
        relevance(model, random_rgba(1, 3, SIDE, SIDE), query)
