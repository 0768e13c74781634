"""Every form agrees with its own forward pass written out, and accounts for every weight."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fdaclip.model import FDACLIP, BadCheckpoint, HeadConfig, ModelNotFound, UnsupportedModel
from fdaclip.model.checkpoints import read
from fdaclip.model.checkpoints.open_clip import CONFIG

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
LAYER = "transformer.resblocks.1."


def images(model: FDACLIP, rgba: Tensor) -> tuple[Tensor, Tensor]:
    """What the tower is shown, and its features."""
    with torch.inference_mode():
        pixels = model.normalise(rgba.flatten(0, 1))
        return pixels, model.backbone.get_image_features(pixel_values=pixels).pooler_output


def texts(model: FDACLIP, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.backbone.get_text_features(input_ids=ids).pooler_output


def archive(state: dict[str, Tensor], path: Path) -> Path:
    """A TorchScript archive whose modules hold these weights."""
    root = nn.Module()
    for name, tensor in state.items():
        *places, last = name.split(".")
        at = root
        for place in places:
            if not hasattr(at, place):
                at.add_module(place, nn.Module())
            at = getattr(at, place)
        if tensor.is_floating_point():
            at.register_parameter(last, nn.Parameter(tensor))
        else:
            at.register_buffer(last, tensor)
    script = torch.jit.script(root)
    torch.jit.save(script, path)
    return path


# -- OpenAI ---------------------------------------------------------------------------------------


def test_openais_state_dict_gives_openais_vectors(
    ref: SimpleNamespace, ids: Tensor, rgba: Tensor, tmp_path: Path
) -> None:
    state = ref.openai_state()
    model = FDACLIP.from_pretrained(ref.save(state, tmp_path / "vit.pt"))
    pixels, got = images(model, rgba)
    torch.testing.assert_close(got, ref.image(state, pixels[:, :3]), **CLOSE)
    torch.testing.assert_close(texts(model, ids), ref.text(state, ids), **CLOSE)
    assert model.backbone.logit_scale.item() == 2.5
    assert model.preprocess.size == ref.SIDE and not model.training
    assert model.tokenize(["blue red circle moves", "blue"])["input_ids"].tolist() == [
        ids[0].tolist(),
        [*ids[1, :3].tolist(), 0, 0, 0],
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_archive_is_the_state_dict(
    ref: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In half precision, with the sizes beside, as OpenAI published it; nothing of it is run."""
    half = {name: tensor.half() for name, tensor in ref.openai_state().items()}
    sizes = {"input_resolution": ref.SIDE, "context_length": ref.CONTEXT, "vocab_size": ref.COUNT}
    whole = half | {name: torch.tensor(size) for name, size in sizes.items()}
    whole["transformer.resblocks.0.attn_mask"] = torch.zeros(3)
    path = archive(whole, tmp_path / "vit-archive.pt")
    plain = FDACLIP.from_pretrained(ref.save(half, tmp_path / "vit.pt"))
    monkeypatch.setattr(torch.jit, "load", None)
    parts = read(path)
    assert parts.format == "OpenAI, TorchScript archive" and len(parts.remarks) == 1
    assert FDACLIP.of(parts).fingerprint == plain.fingerprint


def test_a_distributed_runs_names_are_understood(ref: SimpleNamespace, tmp_path: Path) -> None:
    state = ref.openai_state()
    plain = FDACLIP.from_pretrained(ref.save(state, tmp_path / "plain.pt"))
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    other = FDACLIP.from_pretrained(ref.save(prefixed, tmp_path / "ddp.pt"))
    assert other.fingerprint == plain.fingerprint
    save_file(state, tmp_path / "vit.safetensors")
    assert FDACLIP.from_pretrained(tmp_path / "vit.safetensors").fingerprint == plain.fingerprint


# -- open_clip ------------------------------------------------------------------------------------


def test_open_clips_config_decides_activation_heads_and_pixels(
    ref: SimpleNamespace, ids: Tensor, rgba: Tensor, tmp_path: Path
) -> None:
    state = ref.openai_state(2)
    inside = {"epoch": 3, "state_dict": {f"module.{name}": t for name, t in state.items()}}
    for quick, head_width, heads, text_heads in ((False, 64, 2, 1), (True, 32, 4, 2)):
        folder = tmp_path / str(quick)
        folder.mkdir()
        path = ref.save(inside, folder / "epoch_3.pt")
        config = ref.open_clip_config(
            quick_gelu=quick, vision_cfg={"head_width": head_width}, text_cfg={"heads": text_heads}
        )
        ref.write_json(config, folder / CONFIG)
        model = FDACLIP.from_pretrained(path)
        act = ref.quick_gelu if quick else ref.gelu
        pixels, got = images(model, rgba)
        torch.testing.assert_close(
            got, ref.image(state, pixels[:, :3], heads=heads, act=act), **CLOSE
        )
        torch.testing.assert_close(
            texts(model, ids), ref.text(state, ids, heads=text_heads, act=act), **CLOSE
        )
        assert model.preprocess.mean == (0.5, 0.5, 0.5) and model.preprocess.std[0] == 0.25


def test_a_folder_of_open_clip_and_a_config_of_its_repository(
    ref: SimpleNamespace, tmp_path: Path
) -> None:
    ref.write_tokenizer(tmp_path)
    save_file(ref.openai_state(), tmp_path / "open_clip_model.safetensors")
    with pytest.raises(BadCheckpoint, match=r"which activation .* open_clip_config\.json"):
        FDACLIP.from_pretrained(tmp_path)
    assert read(tmp_path, activation="gelu").config.vision_config.hidden_act == "gelu"
    ref.write_json(ref.open_clip_config()["model_cfg"], tmp_path / CONFIG)
    parts = read(tmp_path)
    assert parts.format == "open_clip" and parts.config.vision_config.hidden_act == "gelu"
    assert parts.preprocess.mean[0] == pytest.approx(0.48145466)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vision_cfg": {"timm_model_name": "convnext_base"}}, "vision_cfg.timm_model_name"),
        ({"vision_cfg": {"layers": [3, 4, 6, 3]}}, "ResNet"),
        ({"vision_cfg": {"pool_type": "avg"}}, "vision_cfg.pool_type 'avg'"),
        ({"text_cfg": {"hf_model_name": "roberta-base"}}, "text_cfg.hf_model_name"),
        ({"text_cfg": {"no_causal_mask": True}}, "text_cfg.no_causal_mask True"),
        ({"custom_text": True}, "custom_text True"),
    ],
)
def test_what_open_clip_may_ask_for_and_is_not_done_is_named(
    changes: dict[str, Any], words: str, ref: SimpleNamespace, tmp_path: Path
) -> None:
    path = ref.save(ref.openai_state(), tmp_path / "model.pt")
    ref.write_json(ref.open_clip_config(**changes), tmp_path / CONFIG)
    with pytest.raises(UnsupportedModel, match=words):
        read(path)


def test_a_config_of_another_model_is_noticed(ref: SimpleNamespace, tmp_path: Path) -> None:
    path = ref.save(ref.openai_state(), tmp_path / "model.pt")
    ref.write_json(ref.open_clip_config(vision_cfg={"image_size": 64}), tmp_path / CONFIG)
    with pytest.raises(BadCheckpoint, match="image 64, the weights 48"):
        read(path)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(BadCheckpoint, match="no config of open_clip"):
        read(path)


# -- Alpha-CLIP -----------------------------------------------------------------------------------


def test_alpha_clips_tower_sees_the_mask_as_alpha_clip_does(
    ref: SimpleNamespace, ids: Tensor, rgba: Tensor, tmp_path: Path
) -> None:
    state, base = ref.alpha_state(), ref.openai_state()
    path = tmp_path / "alpha.pth"
    torch.save(state, path)
    clip = ref.save(base, tmp_path / "clip.pt")
    model = FDACLIP.from_pretrained(path, base=clip)
    pixels, got = images(model, rgba)
    names = {n.replace("in_proj.", "in_proj_"): t for n, t in state.items()}
    wanted = ref.image(names, pixels[:, :3], alpha=pixels[:, 3:], prefix="")
    torch.testing.assert_close(got, wanted, **CLOSE)
    unguided = ref.image(names, pixels[:, :3], alpha=torch.zeros(8, 1, 48, 48), prefix="")
    assert (wanted - unguided).abs().max() > 0.1
    torch.testing.assert_close(texts(model, ids), ref.text(base, ids), **CLOSE)

    FDACLIP.from_pretrained(clip).save_pretrained(tmp_path / "folder")
    for again in (
        FDACLIP.from_pretrained(clip, alpha=path),
        FDACLIP.from_pretrained(tmp_path / "folder", alpha=path),
        FDACLIP.from_pretrained(path, base=tmp_path / "folder"),
    ):
        assert again.fingerprint == model.fingerprint


def test_adapters_in_an_alpha_clip_are_merged(
    ref: SimpleNamespace, rgba: Tensor, tmp_path: Path
) -> None:
    """Against the adapters' own path: W·x + B·(A·x)/r, query and value of the joint projection."""
    state, rank, width = ref.alpha_state(), 4, ref.WIDTH
    shapes: dict[str, tuple[int, ...]] = {}
    for n in range(ref.LAYERS):
        at = f"transformer.resblocks.{n}"
        shapes |= {
            f"{at}.attn.in_proj.lora_A": (2 * rank, width),
            f"{at}.attn.in_proj.lora_B": (2 * width, rank),
            f"{at}.attn.out_proj.lora_A": (rank, width),
            f"{at}.attn.out_proj.lora_B": (width, rank),
            f"{at}.mlp.c_fc.lora_A": (rank, width),
            f"{at}.mlp.c_fc.lora_B": (4 * width, rank),
            f"{at}.mlp.c_proj.lora_A": (rank, 4 * width),
            f"{at}.mlp.c_proj.lora_B": (width, rank),
        }
    adapters = {name: 3 * tensor for name, tensor in ref.draw(shapes, 1).items()}
    torch.save(state | adapters, tmp_path / "lora.pth")
    clip = ref.save(ref.openai_state(), tmp_path / "clip.pt")
    model = FDACLIP.from_pretrained(tmp_path / "lora.pth", base=clip)
    assert "adapters merged" in read(clip, alpha=tmp_path / "lora.pth").format

    names = {n.replace("in_proj.", "in_proj_"): t.clone() for n, t in state.items()}
    probe = torch.eye(width)
    for n in range(ref.LAYERS):
        at = f"transformer.resblocks.{n}"
        a, b = adapters[f"{at}.attn.in_proj.lora_A"], adapters[f"{at}.attn.in_proj.lora_B"]
        hidden = probe @ a.T  # [D,2r]
        query = hidden[:, :rank] @ b[:width].T / rank
        value = hidden[:, rank:] @ b[width:].T / rank
        added = torch.cat([query, torch.zeros(width, width), value], 1)
        names[f"{at}.attn.in_proj_weight"] += added.T
        for part in ("attn.out_proj", "mlp.c_fc", "mlp.c_proj"):
            a, b = adapters[f"{at}.{part}.lora_A"], adapters[f"{at}.{part}.lora_B"]
            eye = torch.eye(a.shape[1])
            names[f"{at}.{part}.weight"] += ((eye @ a.T) @ b.T / rank).T
    pixels, got = images(model, rgba)
    wanted = ref.image(names, pixels[:, :3], alpha=pixels[:, 3:], prefix="")
    torch.testing.assert_close(got, wanted, **CLOSE)

    half = state | adapters
    del half[f"{LAYER}mlp.c_fc.lora_B"]
    torch.save(half, tmp_path / "half.pth")
    with pytest.raises(BadCheckpoint, match=r"mlp\.c_fc\.lora_A, but not all"):
        read(tmp_path / "half.pth", base=clip)
    torch.save(state | adapters | {f"{LAYER}mlp.c_fc.lora_B": torch.ones(3, 4)}, tmp_path / "b.pth")
    with pytest.raises(BadCheckpoint, match=r"adapter of .*mlp\.c_fc does not fit: \[4, 128\]"):
        read(tmp_path / "b.pth", base=clip)


def test_a_whole_alpha_clip_needs_no_base(
    ref: SimpleNamespace, ids: Tensor, rgba: Tensor, tmp_path: Path
) -> None:
    base, alpha = ref.openai_state(), ref.alpha_state()
    whole = {n: t for n, t in base.items() if not n.startswith("visual.")}
    whole |= {f"visual.{name}": tensor for name, tensor in alpha.items()}
    one = FDACLIP.from_pretrained(ref.save(whole, tmp_path / "whole.pt"))
    torch.save(alpha, tmp_path / "alpha.pth")
    other = FDACLIP.from_pretrained(
        tmp_path / "alpha.pth", base=ref.save(base, tmp_path / "clip.pt")
    )
    assert one.fingerprint == other.fingerprint


def test_an_alpha_clip_says_what_base_it_needs(
    ref: SimpleNamespace, siglip_folder: Path, clip_folder: Path, tmp_path: Path
) -> None:
    torch.save(ref.alpha_state(), tmp_path / "alpha.pth")
    with pytest.raises(ModelNotFound, match=r"text tower is its CLIP's.*as base"):
        read(tmp_path / "alpha.pth")
    published = {
        "conv1_alpha.weight": torch.zeros(768, 1, 16, 16),
        "positional_embedding": torch.zeros(197, 768),
    }
    torch.save(published, tmp_path / "b16.pth")
    with pytest.raises(ModelNotFound, match="here clip-b16"):
        read(tmp_path / "b16.pth")
    with pytest.raises(UnsupportedModel, match="goes with a CLIP"):
        read(siglip_folder, alpha=tmp_path / "alpha.pth")
    with pytest.raises(BadCheckpoint, match=r"of another shape: .* its base .* 64 wide"):
        read(clip_folder, alpha=tmp_path / "alpha.pth")
    with pytest.raises(ModelNotFound, match="no such file"):
        read(clip_folder, alpha=tmp_path / "missing.pth")
    clip = ref.save(ref.openai_state(), tmp_path / "clip.pt")
    with pytest.raises(UnsupportedModel, match="has QuickGELU"):
        read(clip, activation="gelu", alpha=tmp_path / "alpha.pth")
    with pytest.raises(BadCheckpoint, match=r"no vision tower of Alpha-CLIP"):
        read(clip, alpha=clip)


# -- CLIP4Clip ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequence", [False, True])
def test_clip4clips_similarities(
    sequence: bool, ref: SimpleNamespace, ids: Tensor, rgba: Tensor, tmp_path: Path
) -> None:
    state = ref.clip4clip_state(sequence)
    model = FDACLIP.from_pretrained(ref.save(state, tmp_path / "pytorch_model.bin.4"))
    expected = HeadConfig("temporal", 3, 10, "clip4clip") if sequence else HeadConfig("mean")
    assert model.settings.head == expected

    def scored(model: FDACLIP) -> Tensor:
        with torch.inference_mode():
            features = model.text_features(ids, ids > 0), model.video_features(rgba)
            return model.logit_scale() * model.score(*features)

    with torch.inference_mode():
        frames = model.normalise(rgba.flatten(0, 1))[:, :3].view(2, 4, 3, 48, 48)
    torch.testing.assert_close(scored(model), ref.clip4clip(state, frames, ids), **CLOSE)
    model.save_pretrained(tmp_path / "folder")
    assert torch.equal(scored(FDACLIP.from_pretrained(tmp_path / "folder")), scored(model))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lstm_visual.weight_ih_l0", "seqLSTM"),
        ("cross.embeddings.position_embeddings.weight", "tightTransf"),
        ("clip.visual.conv2.weight", "linear_patch 3d"),
    ],
)
def test_clip4clips_other_heads_are_refused_by_name(
    name: str, words: str, ref: SimpleNamespace, tmp_path: Path
) -> None:
    state = ref.clip4clip_state(False) | {name: torch.zeros(2)}
    with pytest.raises(UnsupportedModel, match=words):
        read(ref.save(state, tmp_path / "pytorch_model.bin.0"))


# -- every weight is accounted for ----------------------------------------------------------------


def forms(ref: SimpleNamespace) -> dict[str, dict[str, Tensor]]:
    return {
        "openai": ref.openai_state(),
        "alpha": ref.alpha_state(),
        "clip4clip": ref.clip4clip_state(True),
    }


@pytest.mark.parametrize("form", ["openai", "alpha", "clip4clip"])
def test_any_missing_weight_is_named_as_the_file_names_it(
    form: str, ref: SimpleNamespace, tmp_path: Path
) -> None:
    whole = forms(ref)[form]
    base = ref.save(ref.openai_state(), tmp_path / "clip.pt")
    more = {"base": base} if form == "alpha" else {}
    for name in whole:
        if name in ("conv1_alpha.weight", "token_embedding.weight") or ".1." in name:
            continue  # what tells the form; layers alike
        torch.save({n: t for n, t in whole.items() if n != name}, tmp_path / "less.pt")
        with pytest.raises(BadCheckpoint) as caught:
            read(tmp_path / "less.pt", **more)
        assert f"missing: {name}" in str(caught.value), str(caught.value)


@pytest.mark.parametrize("form", ["openai", "alpha", "clip4clip"])
def test_left_over_and_misshapen_weights_are_named(
    form: str, ref: SimpleNamespace, tmp_path: Path
) -> None:
    whole = forms(ref)[form]
    base = ref.save(ref.openai_state(), tmp_path / "clip.pt")
    more = {"base": base} if form == "alpha" else {}
    prefix = "clip.visual." if form == "clip4clip" else "visual." if form == "openai" else ""
    torch.save(whole | {f"{prefix}ln_surprise.weight": torch.zeros(2)}, tmp_path / "more.pt")
    with pytest.raises(BadCheckpoint, match=rf"left over: {prefix}ln_surprise\.weight"):
        read(tmp_path / "more.pt", **more)
    torch.save(whole | {f"{prefix}ln_post.bias": torch.zeros(7)}, tmp_path / "other.pt")
    with pytest.raises(BadCheckpoint, match=rf"another shape: {prefix}ln_post\.bias \[7\] for"):
        read(tmp_path / "other.pt", **more)
    if form == "clip4clip":
        torch.save(whole | {"text_weight_fc.0.weight": torch.zeros(2)}, tmp_path / "drl.bin")
        with pytest.raises(BadCheckpoint, match=r"left over: text_weight_fc\.0\.weight"):
            read(tmp_path / "drl.bin")


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"visual.layer1.0.conv1.weight": 0}, UnsupportedModel, "ResNet"),
        ({"visual.trunk.stem.weight": 0}, UnsupportedModel, "timm"),
        ({"text.transformer.weight": 0}, UnsupportedModel, "CustomTextCLIP"),
    ],
)
def test_towers_of_other_kinds_are_refused(
    state: dict[str, Any],
    error: type[Exception],
    words: str,
    ref: SimpleNamespace,
    tmp_path: Path,
) -> None:
    whole = ref.openai_state() | {name: torch.zeros(2) for name in state}
    with pytest.raises(error, match=words):
        read(ref.save(whole, tmp_path / "model.pt"))


def test_a_width_whose_heads_are_not_to_be_seen_is_refused(
    ref: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip.model.checkpoints import openai

    path = ref.save(ref.openai_state(), tmp_path / "model.pt")
    monkeypatch.setattr(openai, "WIDEST", 100)
    with pytest.raises(UnsupportedModel, match=r"128 wide.*open_clip_config\.json"):
        read(path)


def test_files_of_no_known_form_say_what_they_hold(clip_folder: Path, tmp_path: Path) -> None:
    def refused(value: Any, words: str) -> None:
        torch.save(value, tmp_path / "file.pt")
        with pytest.raises(BadCheckpoint, match=words):
            read(tmp_path / "file.pt")

    optimiser = {"epoch": 3, "optimizer_state_dict": {"state": {}, "param_groups": []}, "loss": 0.1}
    refused(optimiser, "no weights by name, but epoch, optimizer_state_dict, loss")
    refused([torch.zeros(2)], "no weights by name, but list")
    refused({"encoder.weight": torch.zeros(2)}, r"no known form .* holds encoder\.weight")
    with pytest.raises(BadCheckpoint, match="Hugging Face's form; hint: give its folder"):
        read(clip_folder / "model.safetensors")
    (tmp_path / "file.pt").write_bytes(b"")
    with pytest.raises(BadCheckpoint, match=r"file\.pt cannot be read"):
        read(tmp_path / "file.pt")
    for name in ("missing.pt", "missing/pytorch_model.bin.3"):
        with pytest.raises(ModelNotFound, match="no such file"):
            read(tmp_path / name)


class Exploit:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("exploited",))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_nothing_in_a_file_is_run(
    ref: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(ref.openai_state() | {"logit_scale": Exploit()}, "evil.pt")
    with pytest.raises(BadCheckpoint, match=r"evil\.pt cannot be read"):
        read("evil.pt")
    good = archive({"a.weight": torch.zeros(2)}, tmp_path / "good.pt")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile("worse.pt", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(
                name, pickle.dumps(Exploit()) if name.endswith("/data.pkl") else content
            )
    with pytest.raises(BadCheckpoint, match=r"it holds posix\.mkdir, which is no weight"):
        read("worse.pt")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile("less.pt", "w") as target:
        for name in source.namelist():
            if not name.endswith("/data/0"):
                target.writestr(name, source.read(name))
    with pytest.raises(BadCheckpoint, match=r"less\.pt cannot be read"):
        read("less.pt")
    assert not (tmp_path / "exploited").exists()
