"""Sentences become token ids. Needs `tokenizers` alone, not transformers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from .errors import BadCheckpoint

FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
)
GEMMA_PAD, GEMMA_END = "<pad>", "<eos>"  # of SigLIP 2's tokenizer
PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<s>", "</s>"  # ids 0 to 3 of the word-level tokenizer


@dataclass(frozen=True)
class Tokens:
    """A backbone's tokenizer, cut to what its text tower takes.

    Attributes:
        tokenizer: adds the special tokens and truncates to `context`, keeping the last one.
        context: tokens that the text tower has positions for.
        pad_id: fills up shorter sentences.
        fixed: sentences are always padded to `context` and the padding is attended to (SigLIP was
            trained so); else only to the longest of a batch, and it is not.
        source: folder that the tokenizer's files came from; None if it was made here.
        adapted: it differs from the source's `tokenizer.json`.
        config: what `tokenizer_config.json` says of one that was made here.
    """

    tokenizer: Tokenizer
    context: int
    pad_id: int
    fixed: bool = False
    source: Path | None = None
    adapted: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.context)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each sentence, padded only if `fixed`."""
        # One by one: encode_batch starts threads, and warns on stderr when the process forks later.
        rows = [self.tokenizer.encode(text).ids for text in texts]
        if self.fixed:
            rows = [row + [self.pad_id] * (self.context - len(row)) for row in rows]
        return rows

    def identity(self) -> Any:
        """What decides the ids, as JSON values."""
        return [json.loads(self.tokenizer.to_str()), self.context, self.pad_id, self.fixed]

    def write(self, folder: Path) -> None:
        """The files that transformers' `AutoTokenizer` reads: the source's own, or new ones."""
        if self.source is not None:
            for name in FILES:
                if (self.source / name).is_file():
                    shutil.copyfile(self.source / name, folder / name)
            if (folder / "tokenizer.json").exists() and not self.adapted:
                return
        self.tokenizer.save(str(folder / "tokenizer.json"))
        if self.source is None:
            config = {**self.config, "model_max_length": self.context}
            text = json.dumps(config, indent=2, sort_keys=True) + "\n"
            (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def read_tokens(folder: Path, context: int, pad_id: int, fixed: bool) -> Tokens:
    """From a folder's `tokenizer.json`, or CLIP's older `vocab.json` and `merges.txt`.

    Args:
        context, pad_id, fixed: see `Tokens`. SigLIP 2's padding is known by name, whatever `pad_id`
            says: its text tower's config gives SigLIP's.

    Raises:
        BadCheckpoint: neither is there, or they cannot be read.
    """
    file = folder / "tokenizer.json"
    try:
        if file.is_file():
            tokenizer = Tokenizer.from_file(str(file))
        elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            tokenizer = clip_tokenizer(folder)
        else:
            raise BadCheckpoint(
                f"{folder} holds no tokenizer: neither tokenizer.json nor vocab.json and merges.txt"
            )
    except BadCheckpoint:
        raise
    except Exception as error:  # tokenizers raises bare Exception
        raise BadCheckpoint(f"the tokenizer in {folder} cannot be read: {error}") from error
    if fixed and tokenizer.token_to_id(GEMMA_END) is not None:
        before = tokenizer.to_str()
        pad_id = as_trained(tokenizer)
        return Tokens(tokenizer, context, pad_id, fixed, folder, before != tokenizer.to_str())
    return Tokens(tokenizer, context, pad_id, fixed, folder)


def as_trained(tokenizer: Tokenizer) -> int:
    """Make Gemma's tokenizer what SigLIP 2 was trained with, in place; the id that pads.

    Lower case, an end and no beginning (Tschannen et al. 2025; transformers' `Siglip2Tokenizer`).
    The hub's `tokenizer.json` is Gemma's own and keeps capitals.
    """
    end, pad = tokenizer.token_to_id(GEMMA_END), tokenizer.token_to_id(GEMMA_PAD)
    own = tokenizer.normalizer
    if own is None or own.normalize_str("A") != own.normalize_str("a"):
        lower = normalizers.Lowercase()
        tokenizer.normalizer = normalizers.Sequence([lower, own]) if own else lower
    if tokenizer.encode("").ids != [end]:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {GEMMA_END}", special_tokens=[(GEMMA_END, end)]
        )
    return int(pad or 0)


def clip_tokenizer(folder: Path) -> Tokenizer:
    """CLIP's byte-pair tokenizer from its vocabulary and merges."""
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
    return byte_pairs(vocab, merges)


def byte_pairs(vocab: Mapping[str, int], merges: Sequence[tuple[str, ...]]) -> Tokenizer:
    """CLIP's tokenizer, as transformers builds it."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    # Not the class's tokenizer itself: its `decode` is patched in Python and cannot be copied.
    built: Any = CLIPTokenizer(vocab=dict(vocab), merges=list(merges))  # type: ignore[arg-type]
    return Tokenizer.from_str(built._tokenizer.to_str())


def clip_tokens(
    vocab: Mapping[str, int], merges: Sequence[tuple[str, ...]], context: int
) -> Tokens:
    """CLIP's tokenizer made from its vocabulary and merges."""
    begin, end = "<|startoftext|>", "<|endoftext|>"
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "pad_token": end,
        "unk_token": end,
        "bos_token": begin,
        "eos_token": end,
    }
    return Tokens(byte_pairs(vocab, merges), context, 0, config=config)


def word_level(words: Iterable[str], context: int) -> Tokens:
    """A tokenizer that knows these words, lower-cased and without accents and punctuation.

    Ids 0 to 3 are padding, unknown, begin and end; the words follow in alphabetical order,
    whatever order they came in.
    """
    normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("removed")]
    )
    known = {
        part
        for word in words
        for part, _ in splitter.pre_tokenize_str(normalizer.normalize_str(word))
    }
    vocab = {word: i for i, word in enumerate([PAD, UNKNOWN, BEGIN, END, *sorted(known)])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, vocab[BEGIN]), (END, vocab[END])]
    )
    tokenizer.add_special_tokens(
        [tokenizers.AddedToken(t, special=True) for t in (PAD, UNKNOWN, BEGIN, END)]
    )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "bos_token": BEGIN,
        "eos_token": END,
    }
    return Tokens(tokenizer, context, vocab[PAD], config=config)
