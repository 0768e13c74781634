"""Encoding for use: shapes, reproducibility, errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fdaclip.model import FDACLIP, Encoder
from fdaclip.model.heads import HeadConfig
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

TEXTS = ["a dog runs", "red", "the blue circle moves slowly to the left of the big square", ""]


@dataclass
class Shot:
    rgb: NDArray[np.uint8]
    partners: NDArray[np.uint8]


def moving_square(frames: int = 4, side: int = 96) -> Shot:
    """A bright square that goes right over fixed noise, the partner two pixels further."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 120, (side, side, 3), dtype=np.uint8)
    shown = []
    for x in range(10, 10 + 8 * frames, 8):
        pair = [ground.copy(), ground.copy()]
        for picture, at in zip(pair, (x, x + 4), strict=True):
            picture[30:54, at : at + 24] = 250
        shown.append(pair)
    return Shot(np.stack([p[0] for p in shown]), np.stack([p[1] for p in shown]))


@pytest.fixture(scope="module")
def model() -> FDACLIP:
    head = HeadConfig("temporal", layers=1)
    model = FDACLIP.small(head=head)
    torch.nn.init.normal_(model.head.out.weight, std=0.05)  # type: ignore[union-attr, arg-type]
    return model


def clips(random_rgba: Any, lengths: list[int]) -> list[NDArray[np.uint8]]:
    return [random_rgba(t, 4, 56, 56, seed=i) for i, t in enumerate(lengths)]


def test_it_is_an_encoder(model: FDACLIP) -> None:
    encoder: Encoder = model
    assert encoder.embedding_size == 128
    assert encoder.sampling == Sampling() and encoder.motion == MotionConfig()
    assert encoder.preprocess.size == 56
    assert len(encoder.fingerprint) == 64


def test_vectors_are_float32_of_unit_length(model: FDACLIP, random_rgba: Any) -> None:
    videos = model.encode_rgba(clips(random_rgba, [3, 1, 8]))
    texts = model.encode_texts(TEXTS)
    for vectors, count in ((videos, 3), (texts, 4)):
        assert vectors.shape == (count, 128) and vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert model.encode_rgba([]).shape == model.encode_texts([]).shape == (0, 128)
    similarity = model.similarity(texts, videos)
    assert similarity.shape == (4, 3)
    np.testing.assert_allclose(similarity, texts @ videos.T)
    as_tensors = model.similarity(torch.from_numpy(texts), torch.from_numpy(videos))
    np.testing.assert_allclose(as_tensors.numpy(), similarity, atol=1e-6)


@pytest.mark.parametrize("order", [[0], [4, 0], [3, 2, 1, 0], [0, 1, 2, 3, 4] * 3])
def test_a_clips_vector_is_the_same_in_any_company(
    order: list[int], model: FDACLIP, random_rgba: Any
) -> None:
    some = clips(random_rgba, [5, 12, 5, 1, 3])
    together = model.encode_rgba(some)
    np.testing.assert_array_equal(model.encode_rgba([some[i] for i in order]), together[order])


@pytest.mark.parametrize("order", [[0], [2, 0], [3, 2, 1, 0], [1, 1, 0, 2] * 3])
def test_a_sentences_vector_is_the_same_in_any_company(order: list[int], model: FDACLIP) -> None:
    together = model.encode_texts(TEXTS)
    np.testing.assert_array_equal(model.encode_texts([TEXTS[i] for i in order]), together[order])


@pytest.mark.parametrize("order", [[], [0], [2, 0, 2], [0, 1, 2, 3] * 5])
def test_sentences_encoded_together_are_the_same_but_for_rounding(
    order: list[int], model: FDACLIP
) -> None:
    some = [TEXTS[i] for i in order] + [f"{TEXTS[i]} dog" for i in order]
    together = model.encode_together(some)
    assert together.shape == (len(some), model.embedding_size)
    np.testing.assert_allclose(together, model.encode_texts(some), atol=1e-6)


def test_many_sentences_share_a_pass(model: FDACLIP, monkeypatch: pytest.MonkeyPatch) -> None:
    passes, encode = [], model.encode_tokens

    def counted(**tokens: torch.Tensor) -> torch.Tensor:
        passes.append(len(tokens["input_ids"]))
        return encode(**tokens)

    monkeypatch.setattr(model, "encode_tokens", counted)
    model.encode_together([f"dog {n}" for n in range(20)] * 2)
    assert passes == [16, 4]


def test_batches_with_gradient_agree_with_encoding_for_use(
    model: FDACLIP, random_rgba: Any
) -> None:
    """A padded batch of sentences and a joint batch of clips: equal but for rounding."""
    some = clips(random_rgba, [4, 4, 4])
    batch = model.encode_frames(torch.from_numpy(np.stack(some)))
    assert batch.requires_grad
    np.testing.assert_allclose(batch.detach(), model.encode_rgba(some), atol=1e-5)
    texts = model.encode_tokens(**model.tokenize(TEXTS))
    assert texts.requires_grad
    np.testing.assert_allclose(texts.detach(), model.encode_texts(TEXTS), atol=1e-5)


def test_encoding_for_use_leaves_the_mode_and_takes_no_gradient(
    model: FDACLIP, random_rgba: Any
) -> None:
    for training in (True, False):
        model.train(training)
        model.encode_rgba(clips(random_rgba, [2]))
        with pytest.raises(ValueError, match="uint8"):
            model.encode_rgba([random_rgba(2, 3, 56, 56)])
        assert model.training is training


def test_inputs_stay_as_they_were(model: FDACLIP, random_rgba: Any) -> None:
    clip = random_rgba(2, 4, 56, 56)
    copy = clip.copy()
    model.encode_rgba([clip])
    np.testing.assert_array_equal(clip, copy)
    clip.setflags(write=False)  # as from a cache file
    model.encode_rgba([clip, clip[:, ::-1]])


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(1, 2, 3, 56, 56, dtype=torch.uint8),
        torch.zeros(1, 2, 4, 56, 48, dtype=torch.uint8),
        torch.zeros(2, 4, 56, 56, dtype=torch.uint8),
        torch.zeros(1, 2, 4, 56, 56),
        torch.zeros(1, 0, 4, 56, 56, dtype=torch.uint8),
    ],
)
def test_wrong_frames_are_refused(wrong: torch.Tensor, model: FDACLIP) -> None:
    with pytest.raises(ValueError, match=r"rgba must be uint8 \[B,T,4,56,56\]"):
        model.encode_frames(wrong)


def test_one_sentence_is_not_a_list_of_letters(model: FDACLIP) -> None:
    with pytest.raises(TypeError, match="list of sentences"):
        model.encode_texts("a dog")


def test_clips_go_through_motion_and_preprocessing(model: FDACLIP) -> None:
    shot = moving_square()
    rgba = model.prepare(shot)
    assert rgba.shape == (4, 4, 56, 56)
    lit = rgba[:, 3] > 127
    assert 0.005 < lit.mean() < 0.4  # the square, not the picture
    np.testing.assert_array_equal(model.encode_clips([shot]), model.encode_rgba([rgba]))
    twin = FDACLIP.small(guidance="none")
    assert (twin.prepare(shot)[:, 3] == 255).all()


def test_videos_are_sampled_as_the_settings_say(tmp_path: Path) -> None:
    video = pytest.importorskip("fdaclip.video")
    shot = moving_square(frames=8)
    path = tmp_path / "a clip.mp4"
    video.write_video(path, np.repeat(shot.rgb, 4, 0), 16)
    model = FDACLIP.small(sampling=Sampling(frames=3))
    with video.open_video(path) as opened:
        clip = opened.clip(sampling=model.sampling, short_side=56)
    vectors = model.encode_videos([path, str(path)])
    np.testing.assert_array_equal(vectors, model.encode_clips([clip, clip]))


@pytest.mark.parametrize("sizes", [{"image_size": 50}, {"width": 100}])
def test_small_refuses_sizes_that_do_not_divide(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must divide"):
        FDACLIP.small(**sizes)  # type: ignore[arg-type]


def test_small_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    FDACLIP.small(1)
    assert torch.equal(torch.rand(3), expected)


def test_small_is_adjustable() -> None:
    model = FDACLIP.small(
        words=["one"], image_size=32, patch_size=16, width=64, layers=1, embedding_size=48
    )
    assert model.embedding_size == 48 and model.preprocess.size == 32
    assert len(model.backbone.vision_model.encoder.layers) == 1
    assert model.tokenize(["one two"])["input_ids"].tolist() == [[2, 4, 1, 3]]


def test_settings_that_came_later_leave_older_fingerprints_alone() -> None:
    """A library made before a setting existed still knows its model."""
    from fdaclip.model.settings import Settings

    assert Settings().identity()["head"] == {"kind": "mean", "layers": 4, "max_frames": 77}
    head = HeadConfig("temporal", form="clip4clip")
    assert Settings(head=head).identity()["head"]["form"] == "clip4clip"
    assert Settings(head=HeadConfig("ti", over_time=True)).identity()["head"]["over_time"] is True
