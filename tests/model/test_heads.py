"""Frames to video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from fdaclip.model import FDACLIP, BadCheckpoint
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
    [
        {"kind": "max"},
        {"layers": 0},
        {"layers": 1.5},
        {"max_frames": -1},
        {"layers": True},
        {"form": "lstm"},
        {"over_time": 1},
    ],
)
def test_bad_configs_quote_the_value(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=repr(next(iter(values.values())))):
        HeadConfig(**values)  # type: ignore[arg-type]


def test_a_width_that_does_not_split_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not split"):
        TemporalHead(200, 4, 77, "zero")


def test_a_transformer_before_the_mean_is_temporal_itself() -> None:
    with pytest.raises(ValueError, match="over_time is for ti and wti, not for mean"):
        HeadConfig("mean", over_time=True)


def test_clip4clips_form_begins_at_the_text_tower(
    clip: Any, clip_folder: Path, siglip_folder: Path, save_plain: Any, tmp_path: Path
) -> None:
    """Its layers are the text tower's first ones: the same steps without the causal mask."""
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.modeling_clip import CLIPModel

    from fdaclip.model import Preprocess

    config = CLIPConfig.from_dict(clip.config.to_dict())
    config.projection_dim = config.text_config.projection_dim = 64  # as wide as the text tower
    config.vision_config.projection_dim = 64
    config.text_config.hidden_act = "quick_gelu"
    config.text_config.intermediate_size = 256
    config.text_config.num_attention_heads = 1
    torch.manual_seed(3)
    wide = CLIPModel(config)
    folder = save_plain(wide, tmp_path / "clip", Preprocess(48))
    head = HeadConfig("temporal", 2, 10, "clip4clip")
    model = FDACLIP.from_pretrained(folder, head=head)
    frames = torch.randn(2, 6, 64)
    with torch.inference_mode():
        text: Any = model.backbone.text_model
        x = frames + text.embeddings.position_embedding.weight[:6]
        for layer in text.encoder.layers:
            x = layer(x, attention_mask=None)
        torch.testing.assert_close(
            model.head(frames), mean_of_frames(frames + x), atol=1e-5, rtol=1e-4
        )
    for place, wrong, words in (
        (folder, HeadConfig("temporal", 3, 10, "clip4clip"), "has 2 and 16, not 3 and 10"),
        (folder, HeadConfig("temporal", 2, 20, "clip4clip"), "has 2 and 16, not 2 and 20"),
        (clip_folder, head, "as wide as the vectors: 32 and 128 within, not 64 and 128"),
        (siglip_folder, head, "begins with a CLIP's text tower"),
    ):
        with pytest.raises(BadCheckpoint, match=words):
            FDACLIP.from_pretrained(place, head=wrong)
