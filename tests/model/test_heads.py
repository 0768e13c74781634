"""Frames to video."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from fdaclip.model.heads import HeadConfig, MeanHead, TemporalHead, build_head, mean_of_frames


def test_mean_is_of_directions() -> None:
    frames = torch.randn(3, 7, 16)
    lengths = torch.rand(3, 7, 1) * 9 + 0.1
    by_hand = torch.stack([(f / f.norm(dim=1, keepdim=True)).sum(0) for f in frames])
    got = mean_of_frames(frames)
    torch.testing.assert_close(got, by_hand / by_hand.norm(dim=1, keepdim=True))
    torch.testing.assert_close(mean_of_frames(frames * lengths), got)
    torch.testing.assert_close(mean_of_frames(frames[:, torch.randperm(7)]), got)


def test_one_frame_is_itself() -> None:
    frames = torch.randn(3, 1, 16)
    torch.testing.assert_close(mean_of_frames(frames), normalize(frames[:, 0], dim=-1))


@pytest.mark.parametrize("width", [32, 128, 512])
def test_an_untrained_temporal_head_is_the_mean_to_the_bit(width: int) -> None:
    frames = torch.randn(4, 12, width)
    head = TemporalHead(width, 2, 77, "zero")
    assert torch.equal(head(frames), MeanHead()(frames))


def test_a_trained_temporal_head_knows_order_and_nothing_of_other_videos() -> None:
    torch.manual_seed(0)
    head = TemporalHead(64, 2, 77, "zero").eval()
    nn.init.normal_(head.out.weight, std=0.1)
    frames = torch.randn(3, 6, 64)
    together = head(frames)
    assert (head(frames.flip(1)) - together).abs().max() > 1e-3
    torch.testing.assert_close(head(frames[1:2]), together[1:2])
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))


def test_every_part_of_a_temporal_head_learns() -> None:
    head = TemporalHead(64, 2, 77, "zero")
    target = torch.randn(3, 64)
    for step in range(2):  # first `out` alone has a gradient, then what feeds it
        head.zero_grad()
        (head(torch.randn(3, 6, 64)) * target).sum().backward()
        if not step:
            with torch.no_grad():
                assert head.out.weight.grad is not None
                head.out.weight -= 0.1 * head.out.weight.grad
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


def test_more_frames_than_positions_is_an_error() -> None:
    head = build_head(32, HeadConfig("temporal", layers=1, max_frames=4))
    assert head(torch.randn(1, 4, 32)).shape == (1, 32)
    with pytest.raises(ValueError, match="knows 4 frames a clip, not 5"):
        head(torch.randn(1, 5, 32))


@pytest.mark.parametrize(
    "values",
    [{"kind": "max"}, {"layers": 0}, {"layers": 1.5}, {"max_frames": -1}, {"layers": True}],
)
def test_bad_configs_quote_the_value(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=repr(next(iter(values.values())))):
        HeadConfig(**values)  # type: ignore[arg-type]


def test_a_width_that_does_not_split_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not split"):
        TemporalHead(200, 4, 77, "zero")
