"""SigLIP 2: Gemma's tokenizer as it was trained with it, and its preprocessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from fdaclip.model import FDACLIP, Preprocess
from fdaclip.model.tokens import read_tokens

CONTEXT = 8
PIECES = ["a", "r", "e", "d", "o", "g", "A", "R", "E", "D", "O", "G", "▁", "re", "do"]


def write_gemma(folder: Path) -> None:
    """`tokenizer.json` of Gemma's kind: capitals kept, no end; ids 0 to 4 as Gemma has them."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    vocab = {piece: i for i, piece in enumerate([*special, *PIECES, "red", "dog"])}
    merges = [("r", "e"), ("d", "o"), ("re", "d"), ("do", "g")]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny SigLIP 2 as the hub has them: its config names SigLIP's padding, its files Gemma's."""
    from transformers.models.siglip.configuration_siglip import SiglipConfig
    from transformers.models.siglip.modeling_siglip import SiglipModel

    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    tower["num_attention_heads"] = 2
    text = tower | {"vocab_size": 5 + len(PIECES) + 2, "max_position_embeddings": CONTEXT}
    vision = tower | {"image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    place = tmp_path / "siglip2"
    SiglipModel(SiglipConfig(vision_config=vision, text_config=text)).save_pretrained(place)
    half = (0.5, 0.5, 0.5)
    Preprocess(32, square=True, resample=2, mean=half, std=half).write(place)
    write_gemma(place)
    return place


def test_sentences_are_as_in_training(folder: Path) -> None:
    """transformers' own tokenizer lowers capitals; an end follows, and padding is Gemma's."""
    from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

    said = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges: Any = [tuple(pair) for pair in said["merges"]]
    reference = Siglip2Tokenizer(vocab=said["vocab"], merges=merges)
    tokens = FDACLIP.from_pretrained(folder).tokens
    for sentence in ("a red dog", "A Red DOG", "DOG", "x dog"):
        ids = reference(sentence, add_special_tokens=False)["input_ids"]
        expected = [*ids, reference.eos_token_id][:CONTEXT]
        padding = [reference.pad_token_id] * (CONTEXT - len(expected))
        assert tokens.ids([sentence]) == [expected + padding]
    assert tokens.ids([""]) == [[1] + [0] * (CONTEXT - 1)]
    (long,) = tokens.ids(["red dog " * 9])
    assert len(long) == CONTEXT and long[-1] == 1


def test_saved_files_say_it_to_every_reader(folder: Path, tmp_path: Path) -> None:
    model = FDACLIP.from_pretrained(folder)
    model.save_pretrained(tmp_path / "saved")
    plain = Tokenizer.from_file(str(tmp_path / "saved" / "tokenizer.json"))
    assert plain.encode("Red").ids == plain.encode("red").ids == [*plain.encode("red").ids[:-1], 1]
    again = FDACLIP.from_pretrained(tmp_path / "saved")
    assert again.fingerprint == model.fingerprint and not again.tokens.adapted
    words = ["A red DOG", ""]
    assert np.array_equal(again.encode_texts(words), model.encode_texts(words))
    assert np.array_equal(model.encode_texts(["a RED dog"]), model.encode_texts(words[:1]))


def test_other_tokenizers_are_left_as_they_are(siglip_folder: Path) -> None:
    tokens = read_tokens(siglip_folder, 16, 0, fixed=True)
    assert not tokens.adapted
    clip = read_tokens(siglip_folder, 16, 0, fixed=False)
    assert tokens.tokenizer.to_str() == clip.tokenizer.to_str()


def test_frames_are_squeezed_to_a_square_by_the_folders_filter(folder: Path) -> None:
    preprocess = FDACLIP.from_pretrained(folder).preprocess
    assert preprocess.square and preprocess.resample == 2 and preprocess.decode_short_side is None
    assert preprocess.mean == preprocess.std == (0.5, 0.5, 0.5)
