"""Contrastive losses.

Shapes: B pairs, Q sentences, V videos, E embedding, T frames, L tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid


def symmetric_infonce(texts: Tensor, videos: Tensor, logit_scale: Tensor | float) -> Tensor:
    """Mean of text-to-video and video-to-text cross entropy, the i-th text being the i-th video's.

    ℓ = ½ (CE(s·Q·Vᵀ, i) + CE(s·V·Qᵀ, i)): CLIP (Radford et al. 2021, figure 3), for video in
    CLIP4Clip (Luo et al. 2021, equations 6 to 8).

    Args:
        texts, videos: [B,E], unit length.
        logit_scale: s, the inverse temperature.

    Returns:
        A scalar, with gradient.

    Raises:
        ValueError: the shapes differ or are not [B,E].
    """
    if texts.ndim != 2 or texts.shape != videos.shape:
        raise ValueError(
            f"texts and videos must be of one shape [B,E], not {tuple(texts.shape)} "
            f"and {tuple(videos.shape)}"
        )
    logits = logit_scale * texts @ videos.T  # [B,B]
    truth = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, truth) + cross_entropy(logits.T, truth)) / 2


def infonce(
    scores: Tensor,
    logit_scale: Tensor | float,
    positives: Tensor | None = None,
    hard_negative_weight: float = 0.0,
) -> Tensor:
    """`symmetric_infonce` over a matrix of scores, with any number of true pairs in a row.

    A row's loss is the mean over its true pairs p of

        −log ( e^{z_p} / (e^{z_p} + Σₙ wₙ e^{zₙ}) ),   z = s·score

    where n runs over the pairs that are not true: true pairs are no negatives of each other. This
    is supervised contrastive learning's sum outside the logarithm (Khosla et al. 2020, equation 2)
    without the other true pairs in the denominator; with one true pair a row it is cross entropy.

    wₙ = N·e^{β zₙ} / Σₘ e^{β zₘ} over the row's N negatives weighs those that score high: Robinson
    et al. 2021, "Contrastive learning with hard negative samples", equation 4 with τ⁺ = 0; between
    image and text in Radenovic et al. 2023, equation 4. β = 0 gives wₙ = 1.

    Args:
        scores: [Q,V], cosine-like, with gradient.
        logit_scale: s, the inverse temperature.
        positives: bool [Q,V], every true pair; the diagonal of a square matrix if None. Rows and
            columns without one have no loss.
        hard_negative_weight: β.

    Returns:
        ½ (mean over rows + mean over columns), a scalar.

    Raises:
        ValueError: the shapes do not fit, β is negative, or no pair is true.
    """
    if hard_negative_weight < 0:
        raise ValueError(f"hard_negative_weight must not be negative, not {hard_negative_weight}")
    positives = true_pairs(scores, positives)
    logits = logit_scale * scores
    rows = one_way(logits, positives, hard_negative_weight)
    return (rows + one_way(logits.T, positives.T, hard_negative_weight)) / 2


def one_way(logits: Tensor, positives: Tensor, beta: float) -> Tensor:
    """Mean loss of the rows that have a true pair."""
    wrong = logits.masked_fill(positives, -torch.inf)
    if beta:
        number = (~positives).sum(1, keepdim=True).clamp(min=1).to(wrong.dtype)
        spread = (beta * wrong).logsumexp(1, keepdim=True).clamp(min=torch.finfo(wrong.dtype).min)
        wrong = wrong + (number.log() + beta * wrong - spread)  # zₙ + log wₙ
    against = wrong.logsumexp(1, keepdim=True)  # [Q,1]
    # log(e^z + e^a) − z, of the true pairs only: elsewhere `where` keeps zero gradients clean.
    each = torch.logaddexp(logits, against) - logits
    count = positives.sum(1)
    loss = torch.where(positives, each, 0.0).sum(1) / count.clamp(min=1)
    return loss.sum() / (count > 0).sum()


def sigmoid_loss(
    scores: Tensor,
    logit_scale: Tensor | float,
    bias: Tensor | float,
    positives: Tensor | None = None,
) -> Tensor:
    """Each pair by itself, true or not: SigLIP (Zhai et al. 2023, equation in section 3.2).

    −1/Q Σᵢⱼ log σ(yᵢⱼ (s·scoreᵢⱼ + b)), y = 1 for true pairs and −1 for the others.

    Args:
        scores: [Q,V], cosine-like, with gradient.
        logit_scale, bias: s and b; SigLIP began at 10 and −10.
        positives: bool [Q,V], every true pair; the diagonal of a square matrix if None.

    Raises:
        ValueError: the shapes do not fit, or no pair is true.
    """
    positives = true_pairs(scores, positives)
    logits = logit_scale * scores + bias
    return -logsigmoid(torch.where(positives, logits, -logits)).sum() / len(scores)


def true_pairs(scores: Tensor, positives: Tensor | None) -> Tensor:
    """The mask of true pairs, checked."""
    if scores.ndim != 2:
        raise ValueError(f"scores must be [Q,V], not {list(scores.shape)}")
    if positives is None:
        if scores.shape[0] != scores.shape[1]:
            raise ValueError(
                f"scores {list(scores.shape)} have no diagonal of true pairs; give positives"
            )
        return torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    if positives.dtype != torch.bool or positives.shape != scores.shape:
        raise ValueError(
            f"positives must be bool {list(scores.shape)}, not "
            f"{positives.dtype} {list(positives.shape)}"
        )
    if not positives.any():
        raise ValueError("no pair is true")
    return positives


def channel_decorrelation(
    texts: tuple[Tensor, ...],
    videos: tuple[Tensor, ...],
    *,
    on_diagonal: float = 1.0,
    off_diagonal: float = 0.06,
) -> Tensor:
    """DRL's regulariser: a channel of text and video should agree with its own, not with others.

    Wang et al. 2022 (arXiv 2203.07111), section 3.3; in its code (tvr/models/modeling.py) `cdcr` 1
    to 3. C is the correlation of the E channels of texts and videos over a batch,

        ℓ = on · Σᵢ (1 − Cᵢᵢ)² + off · Σ_{i≠j} Cᵢⱼ²

    For heads of one vector, over the pairs (DRL draws a word and a frame at random there). For `ti`
    and `wti`, over each word with its best frame, and each frame with its best word, the mean of
    the two; each pair of tokens counts alike, or by its weight.

    DRL's published runs add 0.001 of it with `on_diagonal` 0.11 to 0.16 and `off_diagonal` 0; the
    defaults here are those of its command line.

    Args:
        texts, videos: B pairs, as `FDACLIP.text_features` and `video_features` give them; the i-th
            text is the i-th video's.

    Returns:
        A scalar, with gradient.

    Raises:
        ValueError: they are not B ≥ 2 pairs.
    """
    if len(texts[0]) != len(videos[0]) or len(texts[0]) < 2:
        raise ValueError(
            f"channels are compared over 2 or more pairs, not {len(texts[0])} texts and "
            f"{len(videos[0])} videos"
        )
    if len(texts) == 1:
        c = correlation(texts[0], videos[0], None)
    else:
        c = correlation_of_tokens(texts, videos)
    diagonal = c.diagonal()
    off = c.square().sum() - diagonal.square().sum()
    return on_diagonal * (1 - diagonal).square().sum() + off_diagonal * off


def correlation_of_tokens(texts: tuple[Tensor, ...], videos: tuple[Tensor, ...]) -> Tensor:
    """C [E,E] over words with their best frames, and frames with their best words.

    As in DRL's code, the first is text by video and the second video by text.
    """
    words, mask, *word_weight = texts
    frames, *frame_weight = videos
    alike = torch.einsum("ble,bte->blt", words, frames)
    alike = alike.detach().masked_fill(~mask[..., None], -torch.inf)
    best_frame, best_word = alike.argmax(2), alike.argmax(1)  # [B,L], [B,T]
    width = words.shape[2]
    frame_of = frames.gather(1, best_frame[..., None].expand(-1, -1, width))[mask]
    word_of = words.gather(1, best_word[..., None].expand(-1, -1, width)).flatten(0, 1)
    a = word_weight[0][mask] / len(words) if word_weight else None
    b = frame_weight[0].flatten() / len(words) if frame_weight else None
    of_words = correlation(words[mask], frame_of, a)
    of_frames = correlation(frames.flatten(0, 1), word_of, b)
    return (of_words + of_frames) / 2


def correlation(one: Tensor, other: Tensor, weights: Tensor | None) -> Tensor:
    """[N,E] and [N,E] → [E,E]: channels of unit spread, each pair weighing 1/N or as `weights`."""
    scale = 1 / len(one) if weights is None else weights[:, None]
    return (standard(one) * scale).T @ standard(other)


def standard(x: Tensor) -> Tensor:
    """Each channel of [N,E] without its mean, and of a spread of one; constant ones are zero."""
    return (x - x.mean(0)) / x.var(0).clamp(min=1e-12).sqrt()
