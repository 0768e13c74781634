"""The loss in closed form, by brute force, and its gradient's direction."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fdaclip.model import channel_decorrelation, infonce, sigmoid_loss, symmetric_infonce
from fdaclip.model.losses import one_way


def test_perfect_orthogonal_pairs_in_closed_form() -> None:
    """B orthonormal pairs: every row of logits is s once and 0 elsewhere."""
    for count, scale in [(2, 1.0), (5, 3.0), (8, 20.0)]:
        expected = -log(exp(scale) / (exp(scale) + count - 1))
        same = torch.eye(count)
        assert symmetric_infonce(same, same, scale).item() == pytest.approx(
            expected, rel=1e-5, abs=1e-6
        )


def test_collapsed_embeddings_cost_log_b() -> None:
    same = torch.ones(6, 4) / 2
    assert symmetric_infonce(same, same, 100.0).item() == pytest.approx(log(6), rel=1e-5)


def test_brute_force() -> None:
    torch.manual_seed(0)
    q, v = (normalize(torch.randn(7, 5, dtype=torch.float64), dim=-1) for _ in range(2))
    scale = 9.0
    total = 0.0
    for i in range(7):
        to_video = sum(exp(scale * float(q[i] @ v[j])) for j in range(7))
        to_text = sum(exp(scale * float(v[i] @ q[j])) for j in range(7))
        right = exp(scale * float(q[i] @ v[i]))
        total -= (log(right / to_video) + log(right / to_text)) / 2
    assert symmetric_infonce(q, v, scale).item() == pytest.approx(total / 7, rel=1e-9)


def test_directions_and_order_do_not_matter() -> None:
    torch.manual_seed(0)
    q, v = (normalize(torch.randn(7, 5), dim=-1) for _ in range(2))
    order = torch.randperm(7)
    loss = symmetric_infonce(q, v, 9.0)
    torch.testing.assert_close(symmetric_infonce(v, q, 9.0), loss)
    torch.testing.assert_close(symmetric_infonce(q[order], v[order], 9.0), loss)


def test_gradient_reaches_all_three() -> None:
    q, v = (normalize(torch.randn(4, 5), dim=-1).requires_grad_() for _ in range(2))
    scale = torch.tensor(3.0, requires_grad=True)
    loss = symmetric_infonce(q, v, scale)
    loss.backward()
    assert all(t.grad is not None and t.grad.abs().sum() > 0 for t in (q, v, scale))


@pytest.mark.parametrize("shapes", [((3, 4), (4, 4)), ((4,), (4,)), ((3, 4), (3, 5))])
def test_other_shapes_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="one shape"):
        symmetric_infonce(torch.ones(shapes[0]), torch.ones(shapes[1]), 1.0)


# -- over a matrix of scores ----------------------------------------------------------------------


def scores_and_pairs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Six sentences of four videos: each of one video, the first two of the same."""
    source = torch.Generator().manual_seed(seed)
    owner = torch.tensor([0, 0, 1, 2, 3, 3])
    scores = torch.rand(6, 4, generator=source, dtype=torch.float64) * 2 - 1
    return scores, owner[:, None] == torch.arange(4)


def by_hand(scores: Tensor, positives: Tensor, scale: float, beta: float) -> float:
    """The docstring's formula, a pair at a time."""
    total = 0.0
    for s, p in ((scores, positives), (scores.T, positives.T)):
        rows = []
        for i in range(len(s)):
            z = [scale * float(x) for x in s[i]]
            wrong = [z[j] for j in range(len(z)) if not p[i, j]]
            spread = sum(exp(beta * x) for x in wrong)
            against = sum(len(wrong) * exp(beta * x) / spread * exp(x) for x in wrong)
            right = [z[j] for j in range(len(z)) if p[i, j]]
            rows.append(sum(-log(exp(x) / (exp(x) + against)) for x in right) / len(right))
        total += sum(rows) / len(rows) / 2
    return total


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_infonce_is_the_formula(beta: float) -> None:
    scores, positives = scores_and_pairs()
    loss = infonce(scores, 7.0, positives, beta)
    assert loss.item() == pytest.approx(by_hand(scores, positives, 7.0, beta), rel=1e-9)


def test_infonce_of_pairs_is_the_symmetric_one() -> None:
    torch.manual_seed(4)
    q, v = (normalize(torch.randn(7, 16), dim=-1) for _ in range(2))
    expected = symmetric_infonce(q, v, 20.0)
    torch.testing.assert_close(infonce(q @ v.T, 20.0), expected)
    diagonal = torch.eye(7, dtype=torch.bool)
    torch.testing.assert_close(infonce(q @ v.T, 20.0, diagonal), expected)


def test_true_pairs_are_no_negatives_of_each_other() -> None:
    """Raising one true pair's score leaves the other's loss as it was, and its gradient zero."""
    scores = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    positives = torch.tensor([[True, True, False]])
    one_way(scores, positives, 0.0).backward()
    assert scores.grad is not None
    half = -1 / 4  # of −log(1/(1+1)), averaged over two
    torch.testing.assert_close(scores.grad[0], torch.tensor([half, half, 0.5], dtype=torch.float64))


def test_hard_negatives_weigh_more() -> None:
    for beta, share in ((0.0, exp(1) / (exp(1) + 1)), (1.0, exp(2) / (exp(2) + 1))):
        scores = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64, requires_grad=True)
        wrong = torch.tensor([[True, False, False]])
        weights = torch.softmax((1 + beta) * scores[0, 1:].detach(), 0)
        assert weights[0].item() == pytest.approx(share)
        one_way(scores, wrong, beta).backward()
        assert scores.grad is not None and scores.grad[0, 1] > scores.grad[0, 2]


def test_rows_without_negatives_or_true_pairs_are_finite() -> None:
    scores = torch.randn(3, 2, requires_grad=True)
    for positives in ([[1, 1], [1, 0], [0, 0]], [[1, 1], [1, 1], [1, 1]]):
        for beta in (0.0, 1.0):
            scores.grad = None
            loss = infonce(scores, 100.0, torch.tensor(positives, dtype=torch.bool), beta)
            loss.backward()
            assert loss.isfinite() and scores.grad is not None and scores.grad.isfinite().all()


def test_the_sigmoid_loss_is_the_formula() -> None:
    scores, positives = scores_and_pairs(2)
    total = 0.0
    for i in range(6):
        for j in range(4):
            sign = 1 if positives[i, j] else -1
            total += log(1 + exp(-sign * (10 * float(scores[i, j]) - 3)))
    assert sigmoid_loss(scores, 10.0, -3.0, positives).item() == pytest.approx(total / 6, rel=1e-9)
    square = scores[:4]
    diagonal = torch.eye(4, dtype=torch.bool)
    assert sigmoid_loss(square, 10, -3) == sigmoid_loss(square, 10, -3, diagonal)


def test_wrong_matrices_are_errors() -> None:
    scores = torch.zeros(3, 2)
    some = torch.ones(3, 2, dtype=torch.bool)
    for call, words in (
        (lambda: infonce(torch.zeros(3), 1.0), "scores must be"),
        (lambda: infonce(scores, 1.0), "no diagonal"),
        (lambda: infonce(scores, 1.0, some.T), "positives must be bool"),
        (lambda: sigmoid_loss(scores, 1.0, 0.0, some.float()), "positives must be bool"),
        (lambda: infonce(scores, 1.0, ~some), "no pair is true"),
        (lambda: infonce(scores, 1.0, some, -1.0), "must not be negative"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


# -- channel decorrelation ------------------------------------------------------------------------


def correlation_by_hand(pairs: list[tuple[Tensor, Tensor, float]]) -> Tensor:
    """[E,E] from pairs of vectors and their weights, a channel at a time."""
    one = torch.stack([pair[0] for pair in pairs])
    other = torch.stack([pair[1] for pair in pairs])
    c = torch.zeros(one.shape[1], other.shape[1], dtype=one.dtype)
    for i in range(len(c)):
        for j in range(len(c)):
            x = (one[:, i] - one[:, i].mean()) / one[:, i].std()
            y = (other[:, j] - other[:, j].mean()) / other[:, j].std()
            c[i, j] = sum(w * x[n] * y[n] for n, (_, _, w) in enumerate(pairs))
    return c


def penalty(c: Tensor, on: float, off: float) -> float:
    return sum(
        on * float(1 - c[i, j]) ** 2 if i == j else off * float(c[i, j]) ** 2
        for i in range(len(c))
        for j in range(len(c))
    )


def test_decorrelation_of_vectors() -> None:
    torch.manual_seed(0)
    q, v = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    c = correlation_by_hand([(a, b, 1 / 5) for a, b in zip(q, v, strict=True)])
    loss = channel_decorrelation((q,), (v,), on_diagonal=0.3, off_diagonal=0.2)
    assert loss.item() == pytest.approx(penalty(c, 0.3, 0.2), rel=1e-9)
    same = channel_decorrelation((q,), (q,), off_diagonal=0.0)
    assert same.item() == pytest.approx(4 * (1 / 5) ** 2)  # n against n − 1 in the spread


@pytest.mark.parametrize("weighted", [False, True])
def test_decorrelation_of_tokens(weighted: bool) -> None:
    torch.manual_seed(1)
    words = normalize(torch.randn(3, 4, 5, dtype=torch.float64), dim=-1)
    frames = normalize(torch.randn(3, 2, 5, dtype=torch.float64), dim=-1)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    a = torch.rand(3, 4, dtype=torch.float64) * mask
    b = torch.rand(3, 2, dtype=torch.float64)
    texts = (words, mask, a) if weighted else (words, mask)
    videos = (frames, b) if weighted else (frames,)
    of_words, of_frames = [], []
    for n in range(3):
        own = words[n][mask[n]]
        for i, word in enumerate(own):
            best = max(frames[n], key=lambda frame: float(word @ frame))
            of_words.append((word, best, float(a[n, i]) / 3 if weighted else 1 / 7))
        for j, frame in enumerate(frames[n]):
            best = max(own, key=lambda word: float(word @ frame))
            of_frames.append((frame, best, float(b[n, j]) / 3 if weighted else 1 / 6))
    c = (correlation_by_hand(of_words) + correlation_by_hand(of_frames)) / 2
    loss = channel_decorrelation(texts, videos, on_diagonal=0.14, off_diagonal=0.06)
    assert loss.item() == pytest.approx(penalty(c, 0.14, 0.06), rel=1e-9)


def test_decorrelation_of_constant_channels_is_finite() -> None:
    q = torch.ones(3, 4, requires_grad=True)
    loss = channel_decorrelation((q,), (torch.randn(3, 4),))
    loss.backward()
    assert loss.isfinite() and q.grad is not None and q.grad.isfinite().all()
    with pytest.raises(ValueError, match="2 or more pairs"):
        channel_decorrelation((q[:1],), (q[:1],))
