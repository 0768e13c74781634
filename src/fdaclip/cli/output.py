"""What the verbs share: exit codes, ``--json``, paths and times for people, errors in one line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from fdaclip.clock import clock as clock
from fdaclip.model.extras import not_installed

OK, ERROR, USAGE, SOME_BAD, INTERRUPTED = 0, 1, 2, 3, 130

DEFAULT_LIBRARY = "~/.local/share/fdaclip/library"

F = TypeVar("F", bound=Callable[..., Any])


class LibraryPlace(click.Path):
    """A folder, or an address in object storage (``s3://BUCKET/NAME.fdaclip``)."""

    name = "library"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, str) and "://" in value:
            from fdaclip.library.place import place_of

            return place_of(value)
        return super().convert(value, param, ctx)


class Fault(Exception):
    """An error of the command line, with the next step as a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NothingChosen(Exception):
    """The user must choose first: a text of several lines for people, exit code 2."""


def json_option(command: F) -> F:
    """Adds ``--json``: the result as JSON on stdout; the verb's parameter is ``as_json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the result as JSON, for programs."
    )(command)


def library_option(command: F) -> F:
    """Adds ``--library``; the verb's parameter is ``library``, a `fdaclip.library.place.Place`."""
    return click.option(
        "--library",
        type=LibraryPlace(file_okay=False, path_type=Path),
        metavar="FOLDER|ADDRESS",
        envvar="FDACLIP_LIBRARY",
        default=DEFAULT_LIBRARY,
        show_default=True,
        show_envvar=True,
        help="Folder of the library, or its address in object storage: s3://BUCKET/NAME.fdaclip.",
    )(command)


def partner_option(command: F) -> F:
    """Adds ``--partner``: how far off a frame's partner is, s."""
    return click.option(
        "--partner",
        type=click.FloatRange(0.01, 10),
        default=1 / 6,
        show_default="0.167",
        metavar="SECONDS",
        help="Compare each frame with the one shown this much later.",
    )(command)


def print_json(value: Any) -> None:
    """JSON on stdout. Bytes of a path that are not UTF-8 appear as surrogates (``\\udcXX``)."""
    click.echo(json.dumps(value, default=_plain, indent=2))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)


def is_terminal() -> bool:
    """Is stderr watched by a person?"""
    return sys.stderr.isatty()


def printable(path: str | os.PathLike[str]) -> str:
    """A path on one line: control characters and undecodable bytes are escaped as ``\\xNN``."""

    def shown(char: str) -> str:
        if char.isprintable():
            return char
        code = ord(char)
        return (
            f"\\x{code & 0xFF:02x}"
            if code < 0x100 or 0xDC80 <= code <= 0xDCFF
            else ascii(char)[1:-1]
        )

    return "".join(shown(char) for char in os.fspath(path))


def span(start: float, end: float) -> str:
    """``1:02–1:10``; with hours and tenths where they matter."""
    return f"{clock(start)}–{clock(end)}"


def size(count: float) -> str:
    """``1.2 GB``: decimal, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def explain(error: Exception) -> str:
    """An error as one line: what is wrong, and the next step where it is known."""
    text, hint = str(error) or type(error).__name__, getattr(error, "hint", "")
    if isinstance(error, click.UsageError):
        text = error.format_message()
        hint = f"{error.ctx.command_path} --help" if error.ctx else ""
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror.lower() + (f": {error.filename}" if error.filename else "")
    elif isinstance(error, ModuleNotFoundError) and (told := not_installed(error)):
        text = str(told)
    elif not type(error).__module__.startswith("fdaclip"):
        text, hint = f"{type(error).__name__}: {text}", "FDACLIP_TRACEBACK=1 shows where"
    if hint and hint not in text:
        text = f"{text}; hint: {hint}"
    return "error: " + printable(" ".join(text.split()))
