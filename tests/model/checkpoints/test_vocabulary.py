"""Where a tokenizer is looked for, and OpenAI's merges against a plain byte-pair encoder."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fdaclip.model import FDACLIP, BadCheckpoint, ModelNotFound
from fdaclip.model.checkpoints import read
from fdaclip.model.checkpoints.vocabulary import BPE, byte_characters, find_tokens, read_bpe

MERGES = ["t h", "th e</w>", "r e", "re d</w>", "i n", "in g</w>", "d o", "do g</w>", "Ã ©</w>"]


@pytest.fixture
def merges(tmp_path: Path) -> Path:
    with gzip.open(tmp_path / BPE, "wt", encoding="utf-8") as file:
        file.write("\n".join(['"bpe_simple_vocab_16e6.txt#version: 0.2', *MERGES, ""]))
    return tmp_path / BPE


def plain(word: str) -> list[int]:
    """Byte-pair encoding of one word: the earliest merge first, until none applies."""
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printing]
    shown = {b: chr(b) for b in printing} | {b: chr(256 + i) for i, b in enumerate(others)}
    single = list(shown.values())
    vocab = [*single, *(c + "</w>" for c in single), *(m.replace(" ", "") for m in MERGES)]
    parts = [shown[b] for b in word.encode()]
    parts[-1] += "</w>"
    for merge in MERGES:  # in this list, an earlier one never becomes possible again by a later one
        left, right = merge.split()
        i = 0
        while i < len(parts) - 1:
            if (parts[i], parts[i + 1]) == (left, right):
                parts[i : i + 2] = [left + right]
            i += 1
    return [vocab.index(part) for part in parts]


def test_openais_merges_make_openais_tokens(merges: Path) -> None:
    tokens = read_bpe(merges, 12)
    begin, end = 512 + len(MERGES), 513 + len(MERGES)
    assert tokens.tokenizer.get_vocab_size() == end + 1
    for word in ("the", "red", "dog", "doing", "café", "x"):
        assert tokens.ids([word]) == [[begin, *plain(word), end]], word
    assert tokens.ids(["The  RED dog"]) == [
        [begin, *plain("the"), *plain("red"), *plain("dog"), end]
    ]
    assert len(tokens.ids(["the dog " * 20])[0]) == 12
    assert len(set(byte_characters())) == 256


def test_a_model_read_with_merges_saves_a_tokenizer_that_transformers_reads(
    merges: Path, ref: SimpleNamespace, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    state = ref.openai_state()
    state["token_embedding.weight"] = torch.randn(514 + len(MERGES), ref.TEXT_WIDTH)
    torch.save(state, tmp_path / "vit.pt")
    model = FDACLIP.from_pretrained(tmp_path / "vit.pt")
    model.save_pretrained(tmp_path / "folder")
    said = ["the red dog", "café"]
    ours = model.tokens.ids(said)
    assert AutoTokenizer.from_pretrained(tmp_path / "folder")(said)["input_ids"] == ours
    assert FDACLIP.from_pretrained(tmp_path / "folder").fingerprint == model.fingerprint


def test_without_a_tokenizer_it_is_said_what_is_needed(
    ref: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "alone").mkdir()
    path = tmp_path / "alone" / "vit.pt"
    torch.save(ref.openai_state(), path)
    with pytest.raises(ModelNotFound, match=r"no vocabulary.*tokenizer\.json.*bpe_simple.*base"):
        read(path)
    FDACLIP.from_pretrained(ref.save(ref.openai_state(), tmp_path / "vit.pt")).save_pretrained(
        tmp_path / "folder"
    )
    parts = read(path, base=tmp_path / "folder")
    assert parts.tokens.ids(["red dog"]) == [[ref.BEGIN, 1, 4, ref.END]]
    assert str(tmp_path / "folder") in parts.remarks[-1]


def test_openais_vocabulary_is_found_on_this_machine(
    merges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip.model.checkpoints import vocabulary

    (tmp_path / "alone").mkdir()
    monkeypatch.setattr(vocabulary, "COUNT", 514 + len(MERGES))
    monkeypatch.setattr(vocabulary, "tokenizer_in_cache", lambda name: None)
    monkeypatch.setattr(vocabulary, "packaged", lambda name: merges if name == "clip" else None)
    tokens, where = find_tokens(tmp_path / "alone" / "vit.pt", None, 12, 514 + len(MERGES))
    assert where == "the package clip" and len(tokens.ids(["the"])[0]) == 3
    assert vocabulary.packaged is not None


def test_a_tokenizer_of_another_model_is_refused(ref: SimpleNamespace, tmp_path: Path) -> None:
    from fdaclip.model.tokens import word_level

    path = ref.save(ref.openai_state(), tmp_path / "vit.pt")
    word_level(ref.WORDS[:4], 12).write(tmp_path)
    with pytest.raises(BadCheckpoint, match="ends a sentence with token"):
        read(path)
    word_level(map("word{}".format, range(99)), 12).write(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"knows \d+ tokens, the text tower 11"):
        read(path)
    (tmp_path / "tokenizer.json").unlink()
    for content in (b"not gzip", gzip.compress(b"header\nthree words here")):
        (tmp_path / BPE).write_bytes(content)
        with pytest.raises(BadCheckpoint, match=BPE):
            read(path)
