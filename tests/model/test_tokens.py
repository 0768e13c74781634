"""The tokenizers: a word-level one of our own, and CLIP's from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from fdaclip.model import FDACLIP, BadCheckpoint
from fdaclip.model.tokens import read_tokens, word_level


def test_words_get_the_same_ids_in_any_order() -> None:
    one = word_level(["zebra", "ant", "Ant", "été"], 8)
    other = word_level({"ete", "ant", "zebra"}, 8)
    assert one.identity() == other.identity()
    assert one.tokenizer.get_vocab() == {
        name: i for i, name in enumerate(["<pad>", "<unk>", "<s>", "</s>", "ant", "ete", "zebra"])
    }


def test_case_accents_and_punctuation_do_not_matter() -> None:
    tokens = word_level(["an", "ant", "ete"], 8)
    assert tokens.ids(["An ANT, été!", " an-ant  ete"]) == [[2, 4, 5, 6, 3]] * 2


def test_unknown_words_and_markup_are_unknown() -> None:
    tokens = word_level(["ant"], 8)
    assert tokens.ids(["ant xyz", ""]) == [[2, 4, 1, 3], [2, 3]]
    assert word_level(["s", "pad"], 8).ids(["s"]) == [[2, 5, 3]]


def test_long_sentences_keep_their_end() -> None:
    tokens = word_level(["ant"], 6)
    assert tokens.ids(["ant " * 50]) == [[2, 4, 4, 4, 4, 3]]


def test_fixed_padding_fills_the_context() -> None:
    tokens = word_level(["ant"], 6)
    fixed = type(tokens)(tokens.tokenizer, 6, pad_id=9, fixed=True)
    assert fixed.ids(["ant"]) == [[2, 4, 3, 9, 9, 9]]


def test_transformers_reads_what_is_written(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokens = word_level(["a", "red", "circle", "moves"], 7)
    tokens.write(tmp_path)
    texts = ["A red circle moves!", "circle", "red " * 20, "unseen"]
    theirs = AutoTokenizer.from_pretrained(tmp_path)(texts, truncation=True)["input_ids"]
    assert theirs == tokens.ids(texts)
    assert read_tokens(tmp_path, 7, 0, False).ids(texts) == tokens.ids(texts)


def test_tokenize_pads_on_the_right_and_masks_it() -> None:
    batch = FDACLIP.small().tokenize(["a dog runs", "dog"])
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch["input_ids"].dtype == torch.int64
    assert batch["input_ids"][1, 3:].tolist() == [0, 0]
    assert FDACLIP.small().tokenize([])["input_ids"].shape == (0, 0)


CLIP_VOCAB = ["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]


@pytest.mark.parametrize("first_line", ["#version: 0.2\n", ""])
def test_clips_older_files_are_read(first_line: str, tmp_path: Path) -> None:
    """vocab.json and merges.txt, as OpenAI's models had before tokenizer.json."""
    vocab = {word: i for i, word in enumerate(CLIP_VOCAB)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text(first_line + "a b</w>\n")
    tokens = read_tokens(tmp_path, 6, 0, False)
    assert tokens.ids(["AB a", "ab ab ab ab ab ab"]) == [[5, 4, 2, 6], [5, 4, 4, 4, 4, 6]]
    target = tmp_path / "copy"
    target.mkdir()
    tokens.write(target)
    assert sorted(p.name for p in target.iterdir()) == [
        *["merges.txt", "tokenizer.json", "vocab.json"]
    ]
    assert read_tokens(target, 6, 0, False).ids(["AB a"]) == [[5, 4, 2, 6]]


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_no_or_bad_files_are_one_clear_error(content: Any, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(BadCheckpoint, match=r"tokenizer"):
        read_tokens(tmp_path, 6, 0, False)
