"""The tokenizer of a checkpoint that carries none.

OpenAI's files, and all that were made from them, hold weights alone. They share one vocabulary of
49,408 tokens; it is looked for beside the file, then in what else is on this machine.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

from ..errors import BadCheckpoint, ModelNotFound
from ..tokens import Tokens, clip_tokens, read_tokens
from ..zoo import ZOO, cached_file

BPE = "bpe_simple_vocab_16e6.txt.gz"  # the merges, in OpenAI's repository and in open_clip's
PACKAGES = ("open_clip", "clip")  # that carry it
COUNT = 49_408  # tokens of that vocabulary
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def find_tokens(source: Path, base: Path | None, context: int, count: int) -> tuple[Tokens, str]:
    """The tokenizer of a CLIP in OpenAI's form, and where it was found.

    Looked for in this order: beside the file (`tokenizer.json`, `vocab.json` with `merges.txt`, or
    OpenAI's `bpe_simple_vocab_16e6.txt.gz`); in the folder `base`; and if the text tower has
    OpenAI's 49,408 tokens, in the hub cache's copy of any CLIP of the zoo, and in the packages
    open_clip and clip.

    Args:
        source: the file of the weights.
        base: a folder with a tokenizer.
        context, count: tokens a sentence, and that the text tower knows.

    Raises:
        ModelNotFound: there is none; the message says what is needed.
        BadCheckpoint: one was found that is damaged, or is not this text tower's.
    """
    beside = source.parent
    places = [beside, *([base] if base else [])]
    for folder in places:
        if has_tokenizer(folder):
            return fitting(read_tokens(folder, context, 0, fixed=False), folder, count), str(folder)
        if (folder / BPE).is_file():
            return fitting(read_bpe(folder / BPE, context), folder / BPE, count), str(folder / BPE)
    if count == COUNT:
        for hub_id in (b.hub_id for b in ZOO if b.hub_id and b.family == "clip"):
            at = tokenizer_in_cache(hub_id)
            if at:
                return fitting(read_tokens(at, context, 0, fixed=False), at, count), hub_id
        for package in PACKAGES:
            file = packaged(package)
            if file:
                return fitting(read_bpe(file, context), file, count), f"the package {package}"
    others = "; or `pip install open_clip_torch`, which carries it" if count == COUNT else ""
    raise ModelNotFound(
        f"{source} holds weights but no vocabulary, as all files of this form; hint: put into "
        f"{beside} the tokenizer.json of any Hugging Face folder of this CLIP, or OpenAI's {BPE}; "
        f"or name a CLIP on this machine as base{others}"
    )


def tokenizer_in_cache(hub_id: str) -> Path | None:
    """The hub cache's folder of a model whose tokenizer is there, its weights or not."""
    for name in ("tokenizer.json", "vocab.json"):
        file = cached_file(hub_id, name)
        if file and has_tokenizer(file.parent):
            return file.parent
    return None


def has_tokenizer(folder: Path) -> bool:
    """Does a folder hold a tokenizer of Hugging Face?"""
    whole = (folder / "tokenizer.json").is_file()
    return whole or all((folder / name).is_file() for name in ("vocab.json", "merges.txt"))


def packaged(package: str) -> Path | None:
    """The merges that an installed package carries; the package is not imported."""
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return next((Path(f) / BPE for f in folders if (Path(f) / BPE).is_file()), None)


def read_bpe(path: Path, context: int) -> Tokens:
    """CLIP's tokenizer from OpenAI's file of merges.

    As `SimpleTokenizer` in clip/simple_tokenizer.py builds its vocabulary: the 256 bytes, the same
    ending a word, the merges in order, begin and end.

    Raises:
        BadCheckpoint: it cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    wanted = lines[1 : COUNT - 2 * 256 - 2 + 1]
    merges = [tuple(line.split()) for line in wanted if line]
    if not merges or not all(len(pair) == 2 for pair in merges):
        raise BadCheckpoint(f"{path} is no file of merges")
    characters = byte_characters()
    words = [*characters, *(c + "</w>" for c in characters), *map("".join, merges), BEGIN, END]
    return clip_tokens({word: i for i, word in enumerate(words)}, merges, context)


def byte_characters() -> list[str]:
    """A printable character for each byte, in the order of GPT-2's vocabulary, which CLIP's has.

    Bytes that print stand for themselves and come first; the others, in order, are the characters
    from 256 on.
    """
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [*map(chr, prints), *(chr(256 + n) for n in range(256 - len(prints)))]


def fitting(tokens: Tokens, source: Path, count: int) -> Tokens:
    """The tokenizer, if a text tower in OpenAI's form can be read with it.

    Raises:
        BadCheckpoint: it knows more tokens, or ends a sentence with another than the
            last.
    """
    known = tokens.tokenizer.get_vocab_size()
    if known > count:
        raise BadCheckpoint(
            f"the tokenizer in {source} knows {known} tokens, the text tower {count}"
        )
    ends = tokens.tokenizer.encode("").ids[-1:]
    if ends != [count - 1]:
        raise BadCheckpoint(
            f"the tokenizer in {source} ends a sentence with token {ends}; the text tower reads it "
            f"at the last of its {count}"
        )
    return tokens
