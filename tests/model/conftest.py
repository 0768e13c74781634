"""Tiny plain dual encoders in Hugging Face folders, with random weights: nothing is downloaded."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fdaclip.model import Preprocess
from fdaclip.model.tokens import word_level

WORDS = ["a", "red", "blue", "circle", "square", "moves", "left", "right", "dog", "runs"]
TOWER: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


def build_clip(**vision: Any) -> Any:
    """transformers' own CLIPModel with three channels; the text tower fits `WORDS`."""
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.modeling_clip import CLIPModel

    tokens = word_level(WORDS, 16)
    text = TOWER | {
        "vocab_size": tokens.tokenizer.get_vocab_size(),
        "max_position_embeddings": 16,
        "eos_token_id": 3,
        "bos_token_id": 2,
        "pad_token_id": 0,
    }
    config = CLIPConfig(
        vision_config=TOWER | {"image_size": 48, "patch_size": 16} | vision,
        text_config=text,
        projection_dim=32,
    )
    torch.manual_seed(11)
    return CLIPModel(config).eval()


def build_siglip() -> Any:
    """transformers' own SiglipModel with three channels."""
    from transformers.models.siglip.configuration_siglip import SiglipConfig
    from transformers.models.siglip.modeling_siglip import SiglipModel

    tokens = word_level(WORDS, 16)
    text = TOWER | {
        "vocab_size": tokens.tokenizer.get_vocab_size(),
        "max_position_embeddings": 16,
        "pad_token_id": 0,
    }
    config = SiglipConfig(
        vision_config=TOWER | {"image_size": 48, "patch_size": 16}, text_config=text
    )
    torch.manual_seed(12)
    return SiglipModel(config).eval()


def build_pe() -> Any:
    """A Perception Encoder with three channels, as `fdaclip.model.perception` has it."""
    from fdaclip.model.perception import PEConfig, PEModel

    tokens = word_level(WORDS, 16)
    tower = TOWER | {"hidden_act": "gelu", "projection_dim": 32}
    text = tower | {
        "vocab_size": tokens.tokenizer.get_vocab_size(),
        "max_position_embeddings": 16,
        "eos_token_id": 3,
        "bos_token_id": 2,
        "pad_token_id": 0,
    }
    config = PEConfig(
        vision_config=tower | {"image_size": 48, "patch_size": 16},
        text_config=text,
        projection_dim=32,
    )
    torch.manual_seed(13)
    return PEModel(config).eval()


def save(model: Any, folder: Path, preprocess: Preprocess) -> Path:
    """A folder as transformers saves it, with a tokenizer and an image processor's config."""
    model.save_pretrained(folder)
    word_level(WORDS, 16).write(folder)
    preprocess.write(folder)
    return folder


@pytest.fixture
def plain_clip() -> Callable[..., Any]:
    return build_clip


@pytest.fixture
def save_plain() -> Callable[[Any, Path, Preprocess], Path]:
    return save


@pytest.fixture
def random_rgba() -> Callable[..., NDArray[np.uint8]]:
    def draw(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return draw


@pytest.fixture(scope="session")
def clip() -> Any:
    return build_clip()


@pytest.fixture(scope="session")
def clip_folder(clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(clip, tmp_path_factory.mktemp("plain") / "clip", Preprocess(48))


@pytest.fixture(scope="session")
def siglip() -> Any:
    return build_siglip()


@pytest.fixture(scope="session")
def siglip_folder(siglip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess(48, square=True, mean=half, std=half)
    return save(siglip, tmp_path_factory.mktemp("plain") / "siglip", preprocess)


@pytest.fixture(scope="session")
def pe() -> Any:
    return build_pe()


@pytest.fixture(scope="session")
def pe_folder(pe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    half = (0.5, 0.5, 0.5)
    preprocess = Preprocess(48, square=True, resample=2, mean=half, std=half)
    return save(pe, tmp_path_factory.mktemp("plain") / "pe", preprocess)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to connect fails the test."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
