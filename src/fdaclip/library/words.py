"""Words of sentences and of file names, so that they can be compared."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache

# ruff: noqa: SIM905, PTH122, PTH206 (paths are strings here; lists of words read better so)

# English words that say little of what is seen or said.
STOP = frozenset(
    "a an and are as at be but by do does for from had has have he her his i in into is it its me "
    "my no not of on or our she so some that the their them there they this to was we were what "
    "when where which who will with you your".split()
)
# What cameras, telephones and programs call their files.
DEVICES = frozenset(
    "avi c cam camera clip copy dji dsc dscf dscn edit export final full gh gopr gopro gp gx hd "
    "hevc image img m mah mah0 mov movie movies mp mpg mts mvi mvimg p pxl rec recording screen "
    "sequence take trim untitled uhd v vid video videos vlc webm whatsapp wa x".split()
)
FOLDERS = 2  # names of folders above a file that count as its own
_PART = re.compile(r"[^\W\d_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def folded(text: str) -> str:
    """Lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def content_words(text: str) -> list[str]:
    """The stems of its words, in order, each once; without those that say little."""
    words = (_stem(word) for word in _PART.findall(folded(text)) if word not in STOP)
    return list(dict.fromkeys(words))


@lru_cache(1 << 16)
def _stem(word: str) -> str:
    """An English word without its usual endings; the same for a word's usual forms.

    It is coarser than what a full-text index does, and only ever compared with itself.
    """
    for ending, left in (("ing", 3), ("ied", 2), ("ies", 2), ("ed", 3), ("es", 4), ("s", 3)):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= left:
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]  # running
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def name_words(path: str) -> str:
    """What a file's name and those of its folders say: ``beach day`` of ``IMG_2024-Beach_day.mp4``.

    Numbers and what devices write are left out, also the names of folders further above.

    Args:
        path: or key.
    """
    *folders, name = path.split(os.sep)
    parts = [*folders[-FOLDERS:], os.path.splitext(name)[0]]
    words = [word for part in parts for word in _PART.findall(_CAMEL.sub(" ", part))]
    return " ".join(word.lower() for word in words if folded(word) not in DEVICES)
