"""What is known, what is at hand, and that nothing is fetched or printed unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch

from fdaclip.cli.encoders import DEFAULT
from fdaclip.model import FDACLIP, ZOO, ModelNotFound, at_hand
from fdaclip.model.backbone import build_backbone, embedding_size, towers, widen
from fdaclip.model.families import family_of
from fdaclip.model.families.configs import config_of
from fdaclip.model.zoo import Backbone, known


@pytest.mark.parametrize("backbone", ZOO, ids=lambda b: b.name)
def test_parameters_are_those_of_the_architecture(backbone: Backbone) -> None:
    """The true shapes, on no device."""
    with torch.device("meta"):
        model = build_backbone(config_of(backbone))
        if backbone.by_hand:  # Alpha-CLIP is published with its alpha slice
            widen(model, "alpha")
    assert sum(p.numel() for p in model.parameters()) == backbone.parameters
    assert embedding_size(model) == backbone.embedding
    assert len(family_of(model).positions) == backbone.patches


def test_the_small_one_is_the_one_that_is_made() -> None:
    made, said = FDACLIP.small(), known("small")
    assert said is not None and said.made_here
    assert sum(p.numel() for p in made.backbone.parameters()) == said.parameters + 128 * 8 * 8
    vision, text = towers(made.backbone)
    for tower, sizes in ((vision, said.vision), (text, said.text)):
        assert (tower.hidden_size, tower.num_hidden_layers) == (sizes.width, sizes.layers)
        assert (tower.num_attention_heads, tower.intermediate_size) == (sizes.heads, sizes.hidden)
    assert (text.max_position_embeddings, text.vocab_size) == (40, said.text.vocabulary)
    assert made.embedding_size == said.embedding and said.download_bytes == 0
    with pytest.raises(ModelNotFound, match=r"hint: FDACLIP\.small\(\)"):
        FDACLIP.from_pretrained("small", download=True)


def test_names_are_distinct_and_the_default_is_free() -> None:
    assert known("clip-b32") is known("openai/clip-vit-base-patch32") is not None
    assert known("nobody/nothing") is known("") is None
    default = known(DEFAULT)
    assert default is not None and not default.research_only
    assert [b.research_only for b in ZOO] == sorted(b.research_only for b in ZOO)


def test_work_is_what_published_counts_say() -> None:
    """Of ViT-B/16 and L/14 in OpenCLIP's table, 41.09 and 175.33 GFLOP with the text tower's share.

    The text tower of B/16 is that of B/32, whose share is what is left of its 14.78.
    """
    work = {b.name: 2 * b.multiply_adds / 1e9 for b in ZOO}
    text = 14.78 - work["clip-b32"]
    assert work["clip-b16"] + text == pytest.approx(41.09, rel=0.01)


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
