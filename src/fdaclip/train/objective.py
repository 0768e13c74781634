"""The loss of a joint batch: which pairs are true, and what is made of the scores."""

from __future__ import annotations

import hashlib
from math import log
from typing import Any

import torch
from torch import Tensor, nn

from fdaclip.model import FDACLIP, channel_decorrelation, infonce, sigmoid_loss
from fdaclip.train.caching import Features
from fdaclip.train.recipe import Training
from fdaclip.train.world import World


class Objective(nn.Module):
    """Features of Q sentences and B clips → the loss, a scalar.

    `bias` is the sigmoid loss's, where the backbone brings none of its own. It starts where the
    mean pair of the first batch has the odds of one true pair in B (Zhai et al. 2023, section 3.2,
    set −10 to the same end, for scores about zero and a scale of 10).
    """

    def __init__(self, training: Training, model: FDACLIP) -> None:
        super().__init__()
        self.loss = training.loss
        self.hard_negatives = training.hard_negatives
        self.decorrelation = training.decorrelation
        self.fresh = False
        self.bias: nn.Parameter | None = None
        own = getattr(model.backbone, "logit_bias", None)
        if self.loss == "sigmoid" and own is None:
            self.bias = nn.Parameter(torch.zeros((), device=model.device))
            self.fresh = True

    def forward(
        self, model: FDACLIP, texts: Features, videos: Features, positives: Tensor
    ) -> Tensor:
        """The loss in float32.

        Args:
            texts, videos: as `model.text_features` and `model.video_features` give them.
            positives: bool [Q,B], the true pairs.
        """
        texts, videos = in_float32(texts), in_float32(videos)
        scores = model.score(texts, videos)  # [Q,B]
        scale = model.logit_scale()
        if self.loss == "sigmoid":
            loss = sigmoid_loss(scores, scale, self._bias(model, scores, scale), positives)
        else:
            loss = infonce(scores, scale, positives, self.hard_negatives)
        if self.decorrelation:
            own = positives.float().argmax(1)  # of each sentence, one of its clips
            loss = loss + self.decorrelation * channel_decorrelation(
                texts, tuple(feature[own] for feature in videos)
            )
        return loss

    def _bias(self, model: FDACLIP, scores: Tensor, scale: Tensor) -> Tensor:
        if self.bias is None:
            own: Any = model.backbone.logit_bias
            bias: Tensor = own.squeeze()
            return bias
        if self.fresh:
            with torch.no_grad():
                self.bias.copy_(-log(scores.shape[1]) - (scale * scores).mean())
            self.fresh = False
        return self.bias


def in_float32(features: Features) -> Features:
    """Numbers with a fraction as float32, the others as they are."""
    return tuple(f.float() if f.is_floating_point() else f for f in features)


def true_pairs(
    training: Training,
    sentences: list[str],
    owners: Tensor,
    rows: Tensor,
    videos: Tensor,
    world: World,
) -> Tensor:
    """bool [Q,B] of the joint batch: is this clip a right answer to this sentence?

    Args:
        training: its `positives` says what counts besides a sentence's own clip.
        sentences: of this process.
        owners: int64 [Q], the video that each sentence is of.
        rows: int64 [Q], the clip of this process that it goes with.
        videos: int64 [B], which video each clip of this process is.
    """
    own = world.gather((rows + world.rank * len(videos)).to(world.device))
    everyone = world.gather(videos.to(world.device))
    pairs = torch.arange(len(everyone), device=world.device) == own[:, None]  # [Q,B]
    if training.positives == "pair":
        return pairs
    same = world.gather(owners.to(world.device))[:, None] == everyone
    if training.positives == "video":
        return same
    words = world.gather(torch.tensor([_key(s) for s in sentences], device=world.device))
    alike = words[:, None] == words  # [Q,Q]
    return same | ((alike.float() @ pairs.float()) > 0)


def _key(sentence: str) -> int:
    """A sentence's words as a number that is the same in every process."""
    digest = hashlib.sha256(" ".join(sentence.lower().split()).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
