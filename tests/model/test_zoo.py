"""What is known, what is at hand, and that nothing is fetched or printed unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from fdaclip.model import FDACLIP, ZOO, ModelNotFound, at_hand
from fdaclip.model.zoo import Backbone, known


def architecture(backbone: Backbone) -> Any:
    """The published architecture, on no device: shapes alone."""
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.modeling_clip import CLIPModel
    from transformers.models.siglip.configuration_siglip import SiglipConfig
    from transformers.models.siglip.modeling_siglip import SiglipModel

    picture = {"image_size": backbone.image_size, "patch_size": backbone.patch}
    with torch.device("meta"):
        if "siglip" in backbone.name:
            return SiglipModel(SiglipConfig(vision_config=picture, text_config={}))
        if "l14" in backbone.name:
            vision: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 4096}
            vision |= {"num_hidden_layers": 24, "num_attention_heads": 16}
            text = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
            config = CLIPConfig(vision_config=vision | picture, text_config=text)
            config.projection_dim = 768
            return CLIPModel(config)
        return CLIPModel(CLIPConfig(vision_config=picture, text_config={}))


@pytest.mark.parametrize("backbone", ZOO, ids=lambda b: b.name)
def test_parameters_are_those_of_the_architecture(backbone: Backbone) -> None:
    model = architecture(backbone)
    assert sum(p.numel() for p in model.parameters()) == backbone.parameters
    size = model.config.vision_config.hidden_size
    assert backbone.embedding == getattr(model.config, "projection_dim", size)


def test_names_are_distinct() -> None:
    assert len({b.name for b in ZOO} | {b.hub_id for b in ZOO}) == 2 * len(ZOO)
    assert known("clip-b32") is known("openai/clip-vit-base-patch32") is ZOO[0]
    assert known("nobody/nothing") is None


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    return cache


def put_into_cache(cache: Path, hub_id: str, folder: Path) -> Path:
    """A snapshot as huggingface_hub lays it out."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        (snapshot / file.name).symlink_to(file)
    return snapshot


@pytest.mark.usefixtures("no_network")
def test_a_cached_model_loads_without_network(empty_cache: Path, clip_folder: Path) -> None:
    assert at_hand("clip-b32") is None
    snapshot = put_into_cache(empty_cache, "openai/clip-vit-base-patch32", clip_folder)
    for name in ("clip-b32", "openai/clip-vit-base-patch32"):
        assert at_hand(name) == snapshot
        assert FDACLIP.from_pretrained(name).embedding_size == 32
    (snapshot / "model.safetensors").unlink()  # a fetch that was broken off
    assert at_hand("clip-b32") is None
    index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / "1.safetensors").write_bytes(b"")
    assert at_hand("clip-b32") is None
    (snapshot / "2.safetensors").write_bytes(b"")
    assert at_hand("clip-b32") == snapshot


@pytest.mark.usefixtures("no_network", "empty_cache")
def test_a_model_not_at_hand_says_what_would_be_fetched() -> None:
    for name in ("clip-b32", "openai/clip-vit-base-patch32"):
        with pytest.raises(ModelNotFound) as caught:
            FDACLIP.from_pretrained(name)
        message = str(caught.value)
        for part in (
            *["openai/clip-vit-base-patch32 is not on this machine", "about 605 MB", "MIT"],
            *["https://huggingface.co/openai/clip-vit-base-patch32", "download=True"],
        ):
            assert part in message
        assert "\n" not in message
    with pytest.raises(ModelNotFound, match="of unknown size"):
        FDACLIP.from_pretrained("nobody/nothing")


@pytest.mark.usefixtures("no_network", "empty_cache")
@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere", Path("nowhere")])
def test_a_missing_folder_is_not_taken_for_a_hub_id(name: str | Path) -> None:
    assert at_hand(name) is None
    with pytest.raises(ModelNotFound, match="is no model folder"):
        FDACLIP.from_pretrained(name, download=True)


@pytest.mark.usefixtures("no_network", "empty_cache")
@pytest.mark.parametrize("name", ["", "a b", "a/b/c", "--", "x" * 200])
def test_names_that_no_model_can_have(name: str) -> None:
    assert at_hand(name) is None
    with pytest.raises(ModelNotFound):
        FDACLIP.from_pretrained(name)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    assert at_hand(tmp_path) is None
    with pytest.raises(ModelNotFound, match=r"it needs config\.json and model\.safetensors"):
        FDACLIP.from_pretrained(tmp_path, download=True)


@pytest.mark.usefixtures("empty_cache")
def test_offline_is_honoured_and_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match=r"^openai/clip-\S+ could not be fetched.*[^\n]*$"):
        FDACLIP.from_pretrained("clip-b32", download=True)


LIGHT = """
import sys
import fdaclip.model
from fdaclip.model import Encoder, Preprocess, ModelNotFound, ZOO, at_hand
heavy = {"torch", "transformers", "huggingface_hub", "tokenizers", "av", "cv2"} & set(sys.modules)
assert not heavy, heavy
"""


def test_light_parts_import_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


ELSEWHERE = """
import sys
import numpy as np
from fdaclip.model import FDACLIP
for name in sys.argv[2:]:
    model = FDACLIP.from_pretrained(name)
    size = model.preprocess.size
    model.encode_rgba([np.zeros((2, 4, size, size), np.uint8)])
    model.encode_texts(["a dog", "one word too many " * 60])
    model.set_trainable("lora")
    model.save_pretrained(sys.argv[1])
    print(model.fingerprint)
print(FDACLIP.small(3, words=set("a red dog runs fast".split())).fingerprint)
"""


def test_another_process_has_the_same_fingerprints_and_prints_nothing_else(
    clip_folder: Path, siglip_folder: Path, tmp_path: Path
) -> None:
    """Its set of words is in another order, since hashes of strings are salted."""
    names = [str(clip_folder), str(siglip_folder)]
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path / "out"), *names],
        capture_output=True,
        text=True,
    )
    models = [FDACLIP.from_pretrained(name) for name in names]
    models.append(FDACLIP.small(3, words=["fast", "runs", "dog", "red", "a"]))
    assert done.stderr == ""
    assert done.stdout.split() == [model.fingerprint for model in models]
