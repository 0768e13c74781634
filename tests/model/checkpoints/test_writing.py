"""OpenAI's state dict goes out as it came in; the card says what was measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from fdaclip.model import FDACLIP, HeadConfig, UnsupportedModel, convert


def masked(model: FDACLIP) -> FDACLIP:
    """With an alpha slice that is not zero."""
    torch.manual_seed(1)
    nn.init.normal_(model.backbone.vision_model.embeddings.patch_embedding.alpha, std=0.05)
    return model


def features(model: FDACLIP, rgba: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.video_features(rgba)[0]


def test_openais_weights_go_round(ref: SimpleNamespace, tmp_path: Path) -> None:
    state = ref.openai_state()
    model = FDACLIP.from_pretrained(ref.save(state, tmp_path / "vit.pt"))
    model.save_openai(tmp_path / "back.pt")
    back = torch.load(tmp_path / "back.pt", weights_only=True)
    sizes = {"input_resolution": 48, "context_length": 12, "vocab_size": ref.COUNT}
    assert {n: back.pop(n).item() for n in sizes} == sizes
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
    again = FDACLIP.from_pretrained(tmp_path / "back.pt")
    assert again.fingerprint == model.fingerprint
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_trained_mask_is_kept_or_fixed(
    ref: SimpleNamespace, rgba: Tensor, tmp_path: Path
) -> None:
    model = masked(FDACLIP.from_pretrained(ref.save(ref.openai_state(), tmp_path / "vit.pt")))
    model.save_openai(tmp_path / "kept.pt")
    kept = FDACLIP.from_pretrained(tmp_path / "kept.pt")
    assert kept.fingerprint == model.fingerprint

    model.save_openai(tmp_path / "ones.pt", mask="ones")
    assert "visual.conv1_alpha.weight" not in torch.load(tmp_path / "ones.pt", weights_only=True)
    plain = FDACLIP.from_pretrained(tmp_path / "ones.pt")
    torch.testing.assert_close(features(plain, rgba), features(plain, rgba.flip(-1).flip(-1)))
    full = rgba.clone()
    full[:, :, 3] = 255
    torch.testing.assert_close(features(plain, rgba), features(model, full), atol=1e-5, rtol=1e-5)
    assert (features(plain, rgba) - features(model, rgba)).abs().max() > 1e-2

    unguided = FDACLIP.from_pretrained(tmp_path / "kept.pt", guidance="none")
    unguided.save_openai(tmp_path / "unguided.pt")
    assert "visual.conv1_alpha.weight" not in torch.load(
        tmp_path / "unguided.pt", weights_only=True
    )
    with pytest.raises(ValueError, match="keep or ones"):
        model.save_openai(tmp_path / "x.pt", mask="half")  # type: ignore[arg-type]


def test_what_openais_form_cannot_hold_is_refused(
    ref: SimpleNamespace, siglip_folder: Path, tmp_path: Path
) -> None:
    path = ref.save(ref.openai_state(), tmp_path / "vit.pt")

    def refused(model: FDACLIP, words: str) -> None:
        with pytest.raises(UnsupportedModel, match=words):
            model.save_openai(tmp_path / "out.pt")
        assert not (tmp_path / "out.pt").exists()

    refused(FDACLIP.from_pretrained(siglip_folder), "it is a siglip")
    refused(FDACLIP.from_pretrained(path, activation="gelu"), "its activation is gelu")
    refused(FDACLIP.from_pretrained(path, head=HeadConfig("ti")), "its head is ti")
    narrow = FDACLIP.from_pretrained(path)
    narrow.backbone.config.vision_config.num_attention_heads = 4
    refused(narrow, "not 64 wide")
    ended = FDACLIP.from_pretrained(path)
    ended.backbone.config.text_config.vocab_size += 1
    refused(ended, "end token")


RESULT: dict[str, Any] = {
    "headline": {
        "label": "ours",
        "text_to_video": {
            "r1": 45.4,
            "r5": 72.25,
            "r10": 81.0,
            "median_rank": 2.0,
            "mean_rank": 15.3,
            "ci95": {"r1": [42.1, 48.6]},
        },
        "video_to_text": {
            "r1": 44.0,
            "r5": 71.0,
            "r10": 80.0,
            "median_rank": 2.0,
            "mean_rank": 11.8,
            "ci95": {},
        },
    },
    "data": {"name": "msrvtt", "split": "test", "protocol": "1k-A 9k", "describe": "1,000 videos"},
    "seed": 3,
    "code": {"fdaclip": "0.1.0", "commit": "abcdef0123456789"},
    "selected": {"step": 7000, "by": "text_to_video.r1 on validation"},
}


def test_the_card_shows_the_results(ref: SimpleNamespace, tmp_path: Path) -> None:
    path = ref.save(ref.openai_state(), tmp_path / "vit.pt")
    model = FDACLIP.from_pretrained(path)
    theirs = RESULT | {"model": {"fingerprint": "0" * 64}}
    ours = RESULT | {"model": {"fingerprint": model.fingerprint}}
    convert(path, tmp_path / "out", results=[ours, theirs])
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, block, body = text.split("---\n", 2)
    head = yaml.safe_load(block)
    (one, _) = head["model-index"][0]["results"]
    assert one["dataset"] == {"name": "msrvtt test (1k-A 9k)", "type": "msrvtt", "split": "test"}
    assert {m["type"]: m["value"] for m in one["metrics"]} == {"r1": 45.4, "r5": 72.25, "r10": 81.0}
    assert "| msrvtt test (1k-A 9k) | text to video | 45.4 | 72.2 | 81.0 | 2.0 | 15.3 |" in body
    said = "95 % interval of R@1 42.1–48.6; weights of step 7000, chosen by text_to_video.r1 on "
    assert said in body and "seed 3" in body and "fdaclip 0.1.0 abcdef012" in body
    assert body.count("fingerprints differ") == 1
    again = FDACLIP.from_pretrained(tmp_path / "out")
    assert again.fingerprint == model.fingerprint
    again.save_pretrained(tmp_path / "out")
    plain = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "No result was given" in plain
    with pytest.raises(ValueError, match=r"no result\.json"):
        convert(path, tmp_path / "out", results=[{"ranks": []}])
    assert (tmp_path / "out" / "README.md").read_text(encoding="utf-8") == plain


def test_convert_goes_both_ways(ref: SimpleNamespace, tmp_path: Path) -> None:
    path = ref.save(ref.clip4clip_state(True), tmp_path / "pytorch_model.bin.2")
    made = convert(path, tmp_path / "folder")
    assert FDACLIP.from_pretrained(tmp_path / "folder").fingerprint == made.fingerprint
    convert(tmp_path / "folder", tmp_path / "out.pt", to="openai", head=HeadConfig("mean"))
    state = ref.clip4clip_state(True)
    back = torch.load(tmp_path / "out.pt", weights_only=True)
    assert torch.equal(back["text_projection"], state["clip.text_projection"])
    with pytest.raises(ValueError, match="folder or openai"):
        convert(path, tmp_path / "x", to="onnx")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no card"):
        convert(path, tmp_path / "x", to="openai", results=[RESULT])
