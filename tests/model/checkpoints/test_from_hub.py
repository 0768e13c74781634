"""What the hub has in other forms than Hugging Face's, fetched and read."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fdaclip.model import FDACLIP, ModelNotFound, at_hand
from fdaclip.model.hub import by_hand, check, fetch
from fdaclip.model.zoo import known, place_by_hand

NAME = "openai/clip-vit-base-patch32"


def test_open_clips_files_are_fetched_and_read(
    hub: Any, ref: SimpleNamespace, tmp_path: Path
) -> None:
    """A repository of open_clip alone, even with a config.json that has no weights to it."""
    folder = tmp_path / "open_clip"
    folder.mkdir()
    ref.save(ref.openai_state(), folder / "open_clip_pytorch_model.bin")
    ref.write_json(ref.open_clip_config(), folder / "open_clip_config.json")
    ref.write_json({"model_type": "clip"}, folder / "config.json")
    repository = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
    hub.add(repository, folder)
    model = FDACLIP.from_pretrained("datacomp-b32-256", download=True)
    assert at_hand(repository) == at_hand("datacomp-b32-256") is not None
    assert model.fingerprint == FDACLIP.from_pretrained(folder).fingerprint
    assert model.backbone.config.vision_config.hidden_act == "gelu"


def test_perception_encoder_comes_with_the_tokenizer_of_another(
    hub: Any, ref: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip.model.checkpoints import vocabulary

    folder, other = tmp_path / "pe", tmp_path / "clip"
    ref.save(ref.perception_state(), make(folder) / "PE-Core-B16-224.pt")
    shutil.move(folder / "tokenizer.json", make(other) / "tokenizer.json")
    hub.add("facebook/PE-Core-B16-224", folder)
    hub.add(NAME, other)
    monkeypatch.setattr(vocabulary, "COUNT", ref.COUNT)
    model = FDACLIP.from_pretrained("pe-b16", download=True)
    assert model.backbone.config.model_type == "pe"
    checked, bad = check("pe-b16") or ([], [])
    assert sorted(checked) == ["PE-Core-B16-224.pt", "tokenizer.json"] and not bad
    assert at_hand("clip-b32") is None  # its tokenizer alone is no model


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_tower_that_no_hub_has_is_asked_for_by_hand(
    hub: Any, ref: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FDACLIP_CACHE", str(tmp_path / "own"))
    backbone = known("alpha-clip-b16")
    assert backbone is not None
    with pytest.raises(ModelNotFound) as caught:
        FDACLIP.from_pretrained("alpha-clip-b16")
    assert str(caught.value) == by_hand(backbone)
    for part in ("RESEARCH ONLY", "clip_b16_grit+mim_fultune_4xe.pth", "github.com/SunzeY"):
        assert part in str(caught.value)
    plain = FDACLIP.from_pretrained(ref.save(ref.openai_state(), tmp_path / "ViT-B-16.pt"))
    plain.save_pretrained(tmp_path / "base")
    hub.add("openai/clip-vit-base-patch16", tmp_path / "base")
    with pytest.raises(ModelNotFound, match="by hand"):
        fetch("alpha-clip-b16")
    assert at_hand("clip-b16") is not None and at_hand("alpha-clip-b16") is None
    place = place_by_hand(backbone)
    assert place.parent == tmp_path / "own" / "weights"
    place.parent.mkdir(parents=True)
    ref.save(ref.alpha_state(), place)
    assert at_hand("alpha-clip-b16") == fetch("alpha-clip-b16") == place
    model = FDACLIP.from_pretrained("alpha-clip-b16")
    assert model.backbone.vision_model.embeddings.patch_embedding.alpha.any()  # type: ignore[union-attr]
    same = FDACLIP.from_pretrained("clip-b16", alpha=place)
    assert same.fingerprint == model.fingerprint
