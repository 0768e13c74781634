"""Token heads against loops over words and frames, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fdaclip.model import FDACLIP, HeadConfig, NeedsOneVector
from fdaclip.model.interaction import TokenHead

WIDTH = 32
TEXTS = ["a red dog", "blue", "a circle moves left and right"]


def features(seed: int = 0, sentences: int = 4, videos: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Words [Q,9,E], which are words [Q,9], frames [V,5,E]."""
    source = torch.Generator().manual_seed(seed)
    words = torch.randn(sentences, 9, WIDTH, generator=source)
    lengths = torch.tensor([3, 7, 1, 5])[:sentences]
    mask = torch.arange(9) < lengths[:, None]
    return words, mask, torch.randn(videos, 5, WIDTH, generator=source)


def drawn(weighted: bool) -> TokenHead:
    """A head whose weights are not at their start."""
    head = TokenHead(WIDTH, weighted=weighted)
    torch.manual_seed(2)
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.4)
    return head


def by_hand(head: TokenHead, words: Tensor, mask: Tensor, frames: Tensor) -> Tensor:
    """The docstring's sum, a pair of tokens at a time."""
    out = torch.zeros(len(words), len(frames))
    for q in range(len(words)):
        own = words[q][mask[q]]
        for v in range(len(frames)):
            a = torch.full((len(own),), 1 / len(own))
            b = torch.full((5,), 1 / 5)
            if head.word_weight is not None and head.frame_weight is not None:
                a = torch.softmax(head.word_weight(own)[:, 0], 0)
                b = torch.softmax(head.frame_weight(frames[v])[:, 0], 0)
            for i, word in enumerate(own):
                cosines = [torch.cosine_similarity(word, frame, 0) for frame in frames[v]]
                out[q, v] += a[i] * max(cosines) / 2
            for j, frame in enumerate(frames[v]):
                cosines = [torch.cosine_similarity(word, frame, 0) for word in own]
                out[q, v] += b[j] * max(cosines) / 2
    return out


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_the_sum_over_words_and_frames(weighted: bool) -> None:
    words, mask, frames = features()
    head = drawn(weighted)
    with torch.inference_mode():
        scores = head.score(head.text(words, mask), head.video(frames))
        torch.testing.assert_close(scores, by_hand(head, words, mask, frames))


@pytest.mark.parametrize("weighted", [False, True])
def test_padding_changes_nothing(weighted: bool) -> None:
    words, mask, frames = features()
    head = drawn(weighted)
    with torch.inference_mode():
        scores = head.score(head.text(words, mask), head.video(frames))
        noise = words.masked_fill(~mask[..., None], 9.0)
        torch.testing.assert_close(head.score(head.text(noise, mask), head.video(frames)), scores)
        one = slice(0, 1)
        torch.testing.assert_close(
            head.score(head.text(words[one, :3], mask[one, :3]), head.video(frames)), scores[one]
        )


def test_an_untrained_weighted_head_weighs_all_alike() -> None:
    words, mask, frames = features()
    plain, weighted = TokenHead(WIDTH, weighted=False), TokenHead(WIDTH, weighted=True)
    with torch.inference_mode():
        _, _, weights = weighted.text(words, mask)
        torch.testing.assert_close(weights.sum(1), torch.ones(4))
        assert not weights[~mask].any()
        torch.testing.assert_close(
            weighted.score(weighted.text(words, mask), weighted.video(frames)),
            plain.score(plain.text(words, mask), plain.video(frames)),
        )


@pytest.mark.parametrize("kind", ["mean", "temporal", "ti", "wti"])
def test_every_head_scores_and_learns(kind: Any, random_rgba: Any) -> None:
    model = FDACLIP.small(3, head=HeadConfig(kind, layers=1, max_frames=8))
    model.set_trainable("full")
    model.train()
    rgba = torch.from_numpy(random_rgba(2, 4, 4, 56, 56))
    text, video = model.text_features(**model.tokenize(TEXTS)), model.video_features(rgba)
    assert all(len(t) == 3 for t in text) and all(len(v) == 2 for v in video)
    scores = model.score(text, video)
    assert scores.shape == (3, 2) and scores.abs().max() <= 1 + 1e-6
    (scores * torch.randn(3, 2)).sum().backward()
    for name, parameter in model.head.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    with torch.no_grad():  # the same, whatever the company
        alone = model.score(
            model.text_features(**model.tokenize(TEXTS[1:2])), model.video_features(rgba[1:])
        )
    torch.testing.assert_close(alone[0, 0], scores[1, 1].detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["ti", "wti"])
def test_shapes_are_fixed_and_one_vector_is_refused_by_name(kind: Any, random_rgba: Any) -> None:
    model = FDACLIP.small(3, head=HeadConfig(kind))
    context, width = model.tokens.context, model.embedding_size
    shapes = [tuple(t.shape) for t in model.text_features(**model.tokenize(TEXTS))]
    assert shapes == [(3, context, width), (3, context), (3, context)][: len(shapes)]
    assert len(shapes) == (3 if kind == "wti" else 2)
    words, mask, *_ = model.text_features(**model.tokenize(TEXTS))
    assert mask.dtype == torch.bool and mask.sum(1).tolist() == [5, 3, 8]  # with begin and end
    torch.testing.assert_close(words.norm(dim=2), mask.float())
    rgba = random_rgba(4, 4, 56, 56)
    for call in (
        lambda: model.encode_rgba([rgba]),
        lambda: model.encode_texts(["dog"]),
        lambda: model.encode_frames(torch.from_numpy(rgba)[None]),
        lambda: model.encode_tokens(**model.tokenize(["dog"])),
    ):
        with pytest.raises(NeedsOneVector, match=f"the head {kind} keeps"):
            call()


def test_the_last_word_feature_is_the_sentences_vector() -> None:
    """CLIP reads a sentence at its end token: its own feature is the pooled one."""
    model = FDACLIP.small(3)
    tokens = model.tokenize(TEXTS)
    with torch.inference_mode():
        words, mask = model.word_features(**tokens)
        ends = words[torch.arange(3), mask.sum(1) - 1]
        torch.testing.assert_close(normalize(ends, dim=-1), model.encode_tokens(**tokens))


def test_siglips_padding_is_no_word(siglip_folder: Any) -> None:
    model = FDACLIP.from_pretrained(siglip_folder, head=HeadConfig("wti"))
    with torch.inference_mode():
        _, mask, weights = model.text_features(**model.tokenize(["red dog", ""]))
    assert mask.sum(1).tolist() == [4, 2] and not weights[~mask].any()


def test_frames_may_go_through_the_transformer_first(random_rgba: Any) -> None:
    plain = FDACLIP.small(3, head=HeadConfig("ti"))
    over = FDACLIP.small(3, head=HeadConfig("ti", layers=1, over_time=True))
    rgba = torch.from_numpy(random_rgba(2, 4, 4, 56, 56))
    with torch.inference_mode():
        (one,), (other,) = plain.video_features(rgba), over.video_features(rgba)
        assert torch.equal(one, other)  # it begins at the frames themselves
        nn.init.normal_(over.head.transformer.out.weight, std=0.1)  # type: ignore[union-attr, arg-type]
        assert not torch.allclose(over.video_features(rgba)[0], one, atol=1e-3)


def test_a_token_head_goes_round(tmp_path: Any, random_rgba: Any) -> None:
    model = FDACLIP.small(3, head=HeadConfig("wti", layers=1, over_time=True))
    torch.manual_seed(0)
    for parameter in model.head.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(tmp_path / "model")
    again = FDACLIP.from_pretrained(tmp_path / "model")
    assert again.settings == model.settings and again.fingerprint == model.fingerprint
    rgba = torch.from_numpy(random_rgba(1, 4, 4, 56, 56))
    with torch.inference_mode():
        for ours, theirs in zip(
            model.video_features(rgba), again.video_features(rgba), strict=True
        ):
            assert torch.equal(ours, theirs)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "weighted token interaction" in card and "model.text_features" in card
