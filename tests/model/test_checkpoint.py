"""Folders: plain ones are widened, ours come back identical, and every weight is accounted for."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fdaclip.model import FDACLIP, BadCheckpoint, UnsupportedModel
from fdaclip.model.heads import HeadConfig
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

PATCH = "vision_model.embeddings.patch_embedding.weight"
TEXTS = ["a red circle moves left", "dog"]


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> Path:
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def trained(**options: Any) -> FDACLIP:
    """A small model whose alpha slice and head are not at their start."""
    model = FDACLIP.small(3, head=HeadConfig("temporal", layers=1, max_frames=8), **options)
    torch.manual_seed(1)
    nn.init.normal_(model.backbone.vision_model.embeddings.patch_embedding.alpha, std=0.05)
    nn.init.normal_(model.head.out.weight, std=0.05)  # type: ignore[union-attr, arg-type]
    return model


# -- plain folders ------------------------------------------------------------------------------


def test_a_plain_clip_folder_is_widened(clip: Any, clip_folder: Path, random_rgba: Any) -> None:
    model = FDACLIP.from_pretrained(clip_folder)
    assert model.backbone.config.vision_config.num_channels == 4
    weight = model.backbone.state_dict()[PATCH]
    assert torch.equal(weight[:, :3], clip.state_dict()[PATCH]) and not weight[:, 3].any()
    assert model.embedding_size == 32 and model.guidance == "alpha" and not model.training
    batch = model.tokenize(TEXTS)
    with torch.inference_mode():
        expected = clip.get_text_features(**batch).pooler_output
        assert torch.equal(model.backbone.get_text_features(**batch).pooler_output, expected)


def test_a_plain_siglip_folder_is_widened(
    siglip: Any, siglip_folder: Path, random_rgba: Any
) -> None:
    model = FDACLIP.from_pretrained(siglip_folder)
    assert model.embedding_size == 64
    rgba = random_rgba(5, 4, 48, 48)
    pixels = model.normalise(torch.from_numpy(rgba))
    with torch.inference_mode():
        expected = siglip.get_image_features(pixel_values=pixels[:, :3]).pooler_output
        got = model.backbone.get_image_features(pixel_values=pixels).pooler_output
        batch = model.tokenize(TEXTS)
        texts = siglip.get_text_features(input_ids=batch["input_ids"]).pooler_output
    assert torch.equal(got, expected)
    assert batch["input_ids"].shape == (2, 16)  # always the whole context, as it was trained
    np.testing.assert_allclose(
        model.encode_texts(TEXTS), nn.functional.normalize(texts, dim=-1), atol=1e-5
    )


def test_a_siglip_trains_and_goes_round(
    siglip_folder: Path, random_rgba: Any, tmp_path: Path
) -> None:
    model = FDACLIP.from_pretrained(siglip_folder)
    for mode in ("frozen", "lora", "full"):
        model.set_trainable(mode)  # type: ignore[arg-type]
        groups = model.parameter_groups(backbone_lr=1, alpha_lr=1, new_lr=1, weight_decay=0)
        videos = model.encode_frames(torch.from_numpy(random_rgba(2, 3, 4, 48, 48)))
        texts = model.encode_tokens(**model.tokenize(TEXTS))
        (model.logit_scale() * (videos * texts).sum()).backward()
        assert sum(p.grad is not None for g in groups for p in g["params"]) > 0
    rgba = [random_rgba(3, 4, 48, 48)]
    model.save_pretrained(tmp_path / "saved")
    again = FDACLIP.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(again.encode_rgba(rgba), model.encode_rgba(rgba))
    np.testing.assert_array_equal(again.encode_texts(TEXTS), model.encode_texts(TEXTS))
    assert again.fingerprint == model.fingerprint


def test_pickled_half_precision_and_sharded_weights_load(clip_folder: Path, tmp_path: Path) -> None:
    state = load_file(clip_folder / "model.safetensors")
    expected = FDACLIP.from_pretrained(clip_folder).encode_texts(TEXTS)

    pickled = copied(clip_folder, tmp_path / "pickled")
    (pickled / "model.safetensors").unlink()
    old_ids = {"text_model.embeddings.position_ids": torch.arange(16)[None]}
    torch.save(state | old_ids, pickled / "pytorch_model.bin")
    np.testing.assert_array_equal(FDACLIP.from_pretrained(pickled).encode_texts(TEXTS), expected)

    half = copied(clip_folder, tmp_path / "half")
    save_file({n: t.half() for n, t in state.items()}, half / "model.safetensors")
    config = json.loads((half / "config.json").read_text()) | {"dtype": "float16"}
    (half / "config.json").write_text(json.dumps(config))
    loaded = FDACLIP.from_pretrained(half)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    np.testing.assert_allclose(loaded.encode_texts(TEXTS), expected, atol=1e-2)

    sharded = copied(clip_folder, tmp_path / "sharded")
    (sharded / "model.safetensors").unlink()
    names = sorted(state)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, members in parts.items():
        save_file({n: state[n] for n in members}, sharded / file)
    index = {"weight_map": {n: file for file, members in parts.items() for n in members}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    np.testing.assert_array_equal(FDACLIP.from_pretrained(sharded).encode_texts(TEXTS), expected)


class Exploit:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("exploited",))


def test_pickles_that_run_code_are_refused(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = copied(clip_folder, tmp_path / "evil")
    (folder / "model.safetensors").unlink()
    torch.save({"logit_scale": Exploit()}, folder / "pytorch_model.bin")
    with pytest.raises(BadCheckpoint, match=r"pytorch_model\.bin cannot be read"):
        FDACLIP.from_pretrained(folder)
    assert not (tmp_path / "exploited").exists()


# -- every key is accounted for -----------------------------------------------------------------


def test_missing_and_left_over_weights_are_named(clip_folder: Path, tmp_path: Path) -> None:
    def spoil(state: dict[str, Tensor]) -> None:
        state["visual_projection.waits"] = state.pop("visual_projection.weight")
        state["text_projection.weight"] = torch.zeros(31, 64)

    folder = rewrite(copied(clip_folder, tmp_path / "clip"), spoil)
    with pytest.raises(BadCheckpoint) as caught:
        FDACLIP.from_pretrained(folder)
    message = str(caught.value)
    assert "missing: visual_projection.weight" in message
    assert "left over: visual_projection.waits" in message
    assert "of another shape: text_projection.weight [31, 64] for [32, 64]" in message
    assert str(folder) in message and "\n" not in message


def test_damaged_weights_are_one_clear_error(clip_folder: Path, tmp_path: Path) -> None:
    folder = copied(clip_folder, tmp_path / "clip")
    whole = (folder / "model.safetensors").read_bytes()
    for content in (b"", whole[:1000], b"not weights at all"):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(BadCheckpoint, match=r"model\.safetensors cannot be read"):
            FDACLIP.from_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model_type": "bert"}, UnsupportedModel, "'bert'; clip, siglip, pe run here"),
        ({"vision_config": {"num_channels": 5}}, UnsupportedModel, "5 channels"),
        ({"vision_config": {"hidden_size": "x"}}, BadCheckpoint, "config.json"),
        ({"vision_config": {"hidden_size": 96}}, BadCheckpoint, "of another shape"),
    ],
)
def test_bad_configs_are_one_clear_error(
    change: dict[str, Any], error: type[Exception], words: str, clip_folder: Path, tmp_path: Path
) -> None:
    folder = copied(clip_folder, tmp_path / "clip")
    config = json.loads((folder / "config.json").read_text())
    for key, value in change.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(error, match=words):
        FDACLIP.from_pretrained(folder)


def test_a_size_mismatch_with_the_preprocessing_is_named(clip_folder: Path, tmp_path: Path) -> None:
    from fdaclip.model import Preprocess

    folder = copied(clip_folder, tmp_path / "clip")
    Preprocess(64).write(folder)
    with pytest.raises(BadCheckpoint, match="sees 48 px, the preprocessing gives 64"):
        FDACLIP.from_pretrained(folder)


# -- our own folders ----------------------------------------------------------------------------


@pytest.mark.parametrize("guidance", ["alpha", "none"])
def test_a_saved_model_comes_back_identical(
    guidance: Any, random_rgba: Any, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "sampling": Sampling(frames=5, partner="sampled"),
        "motion": MotionConfig(floor=11.0, soft=False),
        "guidance": guidance,
    }
    model = trained(**settings)
    model.save_pretrained(tmp_path / "model")
    again = FDACLIP.from_pretrained(tmp_path / "model")
    assert again.settings == model.settings
    assert again.preprocess == model.preprocess
    assert again.fingerprint == model.fingerprint
    rgba = [random_rgba(5, 4, 56, 56), random_rgba(2, 4, 56, 56, seed=1)]
    np.testing.assert_array_equal(again.encode_rgba(rgba), model.encode_rgba(rgba))
    texts = ["a red dog", "unseen wörds, 123"]
    np.testing.assert_array_equal(again.encode_texts(texts), model.encode_texts(texts))
    again.save_pretrained(tmp_path / "twice")
    for file in (tmp_path / "model").iterdir():
        assert file.read_bytes() == (tmp_path / "twice" / file.name).read_bytes(), file.name


def test_what_is_given_takes_the_place_of_what_was_saved(tmp_path: Path) -> None:
    trained().save_pretrained(tmp_path / "model")
    model = FDACLIP.from_pretrained(
        tmp_path / "model", guidance="none", head=HeadConfig(), sampling=Sampling(frames=2)
    )
    assert model.guidance == "none" and model.sampling.frames == 2
    assert not list(model.head.parameters())


def test_an_untrained_head_is_the_same_each_time(clip_folder: Path) -> None:
    head = HeadConfig("temporal", layers=1)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, other = (FDACLIP.from_pretrained(clip_folder, head=head) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    assert torch.equal(torch.rand(2), expected)


def test_transformers_reads_a_saved_model(random_rgba: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, CLIPModel

    model = trained()
    model.save_pretrained(tmp_path / "model")
    plain, info = CLIPModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert plain.config.vision_config.num_channels == 4
    pixels = model.normalise(torch.from_numpy(random_rgba(3, 4, 56, 56)))
    batch = AutoTokenizer.from_pretrained(tmp_path / "model")(
        ["a red dog", "blue"], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model.backbone.get_image_features(pixel_values=pixels).pooler_output
        got = plain.eval().get_image_features(pixel_values=pixels).pooler_output
        torch.testing.assert_close(got, expected)
        texts = plain.get_text_features(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).pooler_output
    texts = nn.functional.normalize(texts, dim=-1)
    np.testing.assert_allclose(texts, model.encode_texts(["a red dog", "blue"]), atol=1e-5)


def test_a_three_channel_model_of_a_saved_one(random_rgba: Any, tmp_path: Path) -> None:
    """The recipe of docs/model.md: exact for a mask that is one flat level."""
    from transformers import CLIPConfig, CLIPModel

    model = trained()
    model.save_pretrained(tmp_path / "model")

    level = (1.0 - 0.5) / 0.26
    state = load_file(tmp_path / "model" / "model.safetensors")
    weight = state[PATCH]
    state[PATCH] = weight[:, :3].contiguous()
    position = "vision_model.embeddings.position_embedding.weight"
    state[position][1:] += level * weight[:, 3].sum((1, 2))
    config = CLIPConfig.from_pretrained(tmp_path / "model")
    config.vision_config.num_channels = 3
    plain = CLIPModel(config).eval()
    plain.load_state_dict(state)

    rgba = random_rgba(3, 4, 56, 56)
    rgba[:, 3] = 255
    pixels = model.normalise(torch.from_numpy(rgba))
    with torch.inference_mode():
        expected = model.backbone.get_image_features(pixel_values=pixels).pooler_output
        got = plain.get_image_features(pixel_values=pixels[:, :3]).pooler_output
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_a_bad_fdaclip_json_is_one_clear_error(tmp_path: Path) -> None:
    trained().save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "fdaclip.json"
    good = json.loads(path.read_text())
    for change, words in [
        ({"format": 9}, "format 9"),
        ({"guidance": "beta"}, "'beta'"),
        ({"motion": {"speed": 1}}, "knows no speed"),
        ({"surprise": 1}, "surprise"),
        ({"sampling": None}, "cannot be read"),
    ]:
        path.write_text(json.dumps(good | change))
        with pytest.raises(BadCheckpoint, match=words):
            FDACLIP.from_pretrained(tmp_path / "model")
    path.write_text("{")
    with pytest.raises(BadCheckpoint, match=r"fdaclip\.json"):
        FDACLIP.from_pretrained(tmp_path / "model")


def test_a_head_without_its_weights_is_an_error(tmp_path: Path) -> None:
    trained().save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "head.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match=r"head\.safetensors"):
        FDACLIP.from_pretrained(tmp_path / "model")


# -- saving -------------------------------------------------------------------------------------


def test_saving_replaces_a_model_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    trained().save_pretrained(folder)
    plainer = FDACLIP.small(4)
    plainer.save_pretrained(folder)
    assert not (folder / "head.safetensors").exists()
    assert FDACLIP.from_pretrained(folder).fingerprint == plainer.fingerprint
    assert [p.name for p in folder.parent.iterdir()] == ["model"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        plainer.save_pretrained(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError, match="is a file"):
        plainer.save_pretrained(folder / "notes.txt")


def test_a_failed_save_leaves_the_old_model_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FDACLIP.small(4)
    model.save_pretrained(tmp_path / "model")

    def full(*args: Any) -> None:
        raise OSError("no space left on device")

    other = FDACLIP.small(5)
    monkeypatch.setattr("fdaclip.model.settings.Settings.write", full)
    with pytest.raises(OSError, match="no space"):
        other.save_pretrained(tmp_path / "model")
    with pytest.raises(OSError, match="no space"):
        other.save_pretrained(tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert FDACLIP.from_pretrained(tmp_path / "model").fingerprint == model.fingerprint


def test_saved_files_have_the_usual_permissions(tmp_path: Path) -> None:
    FDACLIP.small().save_pretrained(tmp_path / "model")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "model").iterdir()}
    (tmp_path / "other").write_text("")
    assert modes == {stat.S_IMODE((tmp_path / "other").stat().st_mode)}


# -- fingerprint --------------------------------------------------------------------------------


def test_the_fingerprint_follows_all_that_decides_a_vector() -> None:
    base = FDACLIP.small(3).fingerprint
    assert FDACLIP.small(3).fingerprint == base
    others = [
        FDACLIP.small(4),
        FDACLIP.small(3, guidance="none"),
        FDACLIP.small(3, words=["a", "dog"]),
        FDACLIP.small(3, context=24),
        FDACLIP.small(3, sampling=Sampling(frames=11)),
        FDACLIP.small(3, motion=MotionConfig(floor=9.0)),
        FDACLIP.small(3, head=HeadConfig("temporal")),
        FDACLIP.small(3, image_size=64),
    ]
    assert len({base, *(m.fingerprint for m in others)}) == 1 + len(others)


def test_the_fingerprint_is_cached_until_a_weight_is_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FDACLIP.small(3)
    base = model.fingerprint
    with monkeypatch.context() as patch:
        patch.setattr("fdaclip.model.fdaclip.fingerprint", None)  # would fail if called
        assert model.fingerprint == base
    for parameter in model.parameters():
        with torch.no_grad():
            parameter.add_(1e-3)
        changed = model.fingerprint
        assert changed != base
        base = changed
    model.settings = FDACLIP.small(guidance="none").settings
    assert model.fingerprint != base
