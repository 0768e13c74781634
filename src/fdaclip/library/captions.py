"""Captions files: .srt, .vtt, .ass and .ssa, as they are found, which is often not quite as meant.

What cannot be understood is passed over and counted. Nothing here trusts a file: how much is read
of it, how many cues are taken and how long each may be is bounded.
"""

from __future__ import annotations

import html
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
LARGEST = 16 << 20  # bytes of a file that are read; hours of speech are less than one
MOST = 50_000  # cues of a file
LONGEST = 1000  # characters of a cue

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}")
_ASS_TIME = re.compile(r"^\s*(\d{1,4}):(\d{1,2}):(\d{1,2})(?:[.:](\d{1,3}))?\s*$")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<[\d:.]+>|</?>")
_OVERRIDE = re.compile(r"\{[^{}\n]{0,500}\}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}")
_ESCAPED = re.compile(r"\\[Nnh]")
_SPECIAL = re.compile(r"^(WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")


@dataclass(frozen=True)
class Cue:
    """Words that are shown from ``start`` to ``end``, s."""

    start: float
    end: float
    text: str


def read_captions(path: str) -> tuple[list[Cue], int]:
    """The cues of a file, in order of time, and how many could not be understood.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - paths are strings
        text = decoded(file.read(LARGEST))
    if os.path.splitext(path)[1].lower() in (".ass", ".ssa"):  # noqa: PTH122
        found = list(_dialogue(text))
    else:
        found = list(_timed(text))
    cues = [cue for cue in found[:MOST] if cue is not None and cue.text]
    broken = sum(cue is None for cue in found) + max(0, len(found) - MOST)
    return sorted(cues, key=lambda cue: (cue.start, cue.end)), broken


def decoded(content: bytes) -> str:
    """Text of bytes: what a byte order mark says, else UTF-8 if it is that, UTF-16 if every other
    byte is zero, else Windows-1252, in which every byte means something.
    """
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\x00\x00", "utf-32-le"),
        (b"\x00\x00\xfe\xff", "utf-32-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    some = content[:4096]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(some) > 3 and some[first::2].count(0) > 0.4 * len(some[first::2]):
            return content.decode(name, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(content) - 3 and len(content) == LARGEST:  # cut within a character
            return content.decode("utf-8", "replace")
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def plain(text: str) -> str:
    """Words alone: tags, overrides and entities of captions removed, on one line."""
    if _DRAWING.search(text):
        return ""
    text = _TAG.sub("", _OVERRIDE.sub("", _ESCAPED.sub(" ", text)))
    text = html.unescape(text)
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST])
    return " ".join(shown.split())[:LONGEST]


def _timed(text: str) -> Iterator[Cue | None]:
    """Of SRT and WebVTT; None for what is no cue and should be one."""
    block: list[str] = []
    for line in (*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""):
        if line.strip():
            if _TIMING.match(line) and any(_TIMING.match(earlier) for earlier in block):
                yield from _cue(block[:-1] if block[-1].strip().isdigit() else block)
                block = []  # the empty line between two cues is missing
            block.append(line)
        elif block:
            yield from _cue(block)
            block = []


def _cue(block: list[str]) -> Iterator[Cue | None]:
    """One or none of the lines between two empty ones."""
    for number, line in enumerate(block[:2]):  # a number or name may come before
        if found := _TIMING.match(line):
            start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
            sound = start < end < math.inf
            yield Cue(start, end, plain("\n".join(block[number + 1 :]))) if sound else None
            return
    if not _SPECIAL.match(block[0].lstrip("\ufeff")):
        yield None


def _dialogue(text: str) -> Iterator[Cue | None]:
    """Of ASS and SSA; None for what is no cue and should be one."""
    columns = ["layer", "start", "end", "style", "name", "l", "r", "v", "effect", "text"]
    in_events = False
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(":")
        if kind.startswith("["):
            in_events = kind.lower().startswith("[events]")
        elif in_events and kind == "Format":
            named = [name.strip().lower() for name in rest.split(",")]
            if {"start", "end"} <= set(named) and named[-1] == "text":
                columns = named
        elif in_events and kind == "Dialogue":
            fields = rest.split(",", len(columns) - 1)
            if len(fields) < len(columns):
                yield None
                continue
            row = dict(zip(columns, fields, strict=True))
            times = [_ASS_TIME.match(row[name]) for name in ("start", "end")]
            if times[0] is None or times[1] is None:
                yield None
                continue
            start, end = (_seconds(found.groups()) for found in times if found)
            yield Cue(start, end, plain(row["text"])) if start < end else None


def _seconds(parts: tuple[str | None, ...]) -> float:
    """Of hours, minutes, seconds, and what follows the point."""
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + float(f"0.{fraction or 0}")
