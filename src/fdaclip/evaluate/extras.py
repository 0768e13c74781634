"""Ways to rank better after the encoding: separate rows of a report, never its headline.

All work strip by strip. Scores are s[i,j] of row i and column j; R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.blocks import Answers, Progress, Ranking, rank_blocks
from fdaclip.evaluate.embeddings import Embeddings
from fdaclip.evaluate.errors import EvaluationError
from fdaclip.evaluate.scores import Scores, Strip

DSL_SHARPNESS = 100.0  # inverse temperature: the field's evaluation code, sim * softmax(sim * 100)
BANK_SHARPNESS = 20.0  # inverse temperature of QB-Norm's reference implementation
FRAME_SHARPNESS = 10.0  # inverse temperature of the attention to frames


def dsl(scores: Scores, answers: Answers, progress: Progress | None = None) -> dict[str, Ranking]:
    """Dual softmax: each score times its share among all queries of its candidate.

    s'[i,j] = s[i,j] · exp(100 s[i,j]) / Σᵢ exp(100 s[i,j])   (Cheng et al. 2021, arXiv 2109.04290,
    as the field's evaluation code has it, `sim * softmax(sim * 100, axis=0)`). Each direction takes
    the softmax over its own queries; much of that code uses text-to-video's for both.

    It uses all test queries at once and assumes that each candidate has one query: a search engine
    can do neither.
    """

    def ranked(side: Scores, right: Answers) -> Ranking:
        prior = log_sum_exp(side.transposed, DSL_SHARPNESS)  # [C]
        return rank_blocks(dual(side.strips(), prior), side.shape, right, progress)

    return {
        "text_to_video": ranked(scores, answers),
        "video_to_text": ranked(scores.transposed, answers.transposed),
    }


def dual(strips: Iterator[Strip], prior: NDArray[np.float64]) -> Iterator[Strip]:
    """Strips of s'[i,j], in float64: a share as small as e⁻²⁰⁰ must not become a tie at zero."""
    for start, stop, scores in strips:
        share = np.exp(DSL_SHARPNESS * scores.astype(np.float64) - prior)
        yield Strip(start, stop, share * scores)


def log_sum_exp(scores: Scores, sharpness: float) -> NDArray[np.float64]:
    """log Σⱼ exp(sharpness · s[i,j]) of every row, float64 [R]."""
    return np.concatenate(
        [summed(sharpness * strip.scores.astype(np.float64), 1) for strip in scores.strips()]
    )


def summed(x: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """log Σ exp(x) along an axis, without overflow."""
    top = x.max(axis=axis, keepdims=True)
    total: NDArray[np.float64] = np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def qb_norm(
    scores: Scores, bank: Scores, answers: Answers, progress: Progress | None = None
) -> dict[str, Ranking]:
    """Querybank normalisation with the dynamic inverted softmax, text to video.

    log η[i,j] = 20 s[i,j] − log Σ_b exp(20 p[b,j]), p being the scores of the querybank; only rows
    whose best column is also the best of some sentence of the bank are changed (Bogolin et al.
    2022, arXiv 2112.12777; the authors' `dynamic_inverted_softmax.py` with k = 1 and beta = 20).
    The logarithm ranks a row alike and cannot overflow.

    The bank holds training sentences, so that a search engine can do the same. The other direction
    would need a bank of training videos.

    Args:
        scores: sentences [Q] against videos [V]. bank: sentences [B] against the same videos.
    """
    if bank.shape[1] != scores.shape[1]:
        raise ValueError(f"bank over {bank.shape[1]} videos, scores over {scores.shape[1]}")
    sums = np.full(scores.shape[1], -np.inf)  # [V]
    hubs = np.zeros(scores.shape[1], bool)  # [V], the best of some sentence of the bank
    for strip in bank.strips():
        hubs[strip.scores.argmax(axis=1)] = True
        sums = np.logaddexp(sums, summed(BANK_SHARPNESS * strip.scores.astype(np.float64), 0))

    def normalised() -> Iterator[Strip]:
        for start, stop, strip in scores.strips():
            changed = strip.astype(np.float64)
            rows = np.flatnonzero(hubs[strip.argmax(axis=1)])
            changed[rows] = BANK_SHARPNESS * changed[rows] - sums
            yield Strip(start, stop, changed)

    return {"text_to_video": rank_blocks(normalised(), scores.shape, answers, progress)}


def rerank(
    scores: Scores, embeddings: Embeddings, short_list: int, progress: Progress | None = None
) -> dict[str, Ranking]:
    """The best candidates of each query once more, by a video pooled for that very query.

    The pooled video is Σₜ wₜ fₜ with w = softmax(10 q·f) over the frames f of unit length, and its
    score the cosine with the sentence q. This is X-Pool's text-conditioned pooling (Gorti et al.
    2022, arXiv 2203.15086) without its learned projections, known as query scoring (Bain et al.
    2022, arXiv 2205.08508). No index can hold such a video, hence the short list; what lies below
    it keeps its place. A right answer that ties with the last of the list does not enter it.

    Args:
        short_list: candidates of each query that are re-ranked.

    Raises:
        EvaluationError: the embeddings hold no frames.
    """
    if embeddings.frames is None:
        raise EvaluationError(
            "re-ranking needs every frame's own vector, and these embeddings hold none",
            "encode with the frames kept",
        )
    if short_list < 1:
        raise ValueError(f"a short list of {short_list} cannot be re-ranked")
    texts, frames = embeddings.texts[0], embeddings.frames

    def ranked(side: Scores, answers: Answers) -> Ranking:
        def changed() -> Iterator[Strip]:
            for start, stop, strip in side.strips():
                here = answers.within(start, stop)
                chosen = best_columns(strip, here, short_list)  # [R',K]
                one = np.repeat(np.arange(start, stop), chosen.shape[1])
                other = chosen.ravel()
                queries, videos = (other, one) if side.flipped else (one, other)
                again = pooled_cosine(texts, frames, queries, videos, side.cells)
                placed = strip.astype(np.float64)  # cosines, so that all are below 4 − 1
                np.put_along_axis(placed, chosen, 4.0 + again.reshape(chosen.shape), axis=1)
                yield Strip(start, stop, placed)

        return rank_blocks(changed(), side.shape, answers, progress)

    return {
        "text_to_video": ranked(scores, embeddings.answers),
        "video_to_text": ranked(scores.transposed, embeddings.answers.transposed),
    }


def best_columns(scores: NDArray[np.floating], answers: Answers, count: int) -> NDArray[np.intp]:
    """The best `count` columns of each row, in no order; right answers lose ties: int [R,K]."""
    count = min(count, scores.shape[1])
    own = answers.rows, answers.columns
    lowered = scores.copy()
    lowered[own] = np.nextafter(lowered[own], -np.inf)
    return np.argpartition(lowered, -count, axis=1)[:, -count:]


def pooled_cosine(
    texts: NDArray[np.float32],
    frames: NDArray[np.float32],
    queries: NDArray[np.intp],
    videos: NDArray[np.intp],
    floats: int,
) -> NDArray[np.float64]:
    """Cosine of sentences and of videos pooled for them, float64 [P].

    Args:
        texts: [Q,E]. frames: [V,T,E]. Both of unit length.
        queries, videos: int [P], which of them.
        floats: of frames that may be held at once.
    """
    scores = np.empty(len(queries))
    size = max(1, floats // frames[0].size)
    for at in range(0, len(queries), size):
        q = texts[queries[at : at + size]]  # [P',E]
        f = frames[videos[at : at + size]]  # [P',T,E]
        fit = np.einsum("pte,pe->pt", f, q)
        weights = np.exp(FRAME_SHARPNESS * (fit - fit.max(axis=1, keepdims=True)))
        pooled = np.einsum("pt,pte->pe", weights, f)
        scores[at : at + size] = np.einsum("pe,pe->p", pooled, q) / np.linalg.norm(pooled, axis=1)
    return scores
