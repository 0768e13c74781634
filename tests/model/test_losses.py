"""The loss in closed form, by brute force, and its gradient's direction."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch.nn.functional import normalize

from fdaclip.model import symmetric_infonce


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
