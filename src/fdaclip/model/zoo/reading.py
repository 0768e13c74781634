"""The files of the zoo, one a backbone, read and checked field by field.

A backbone is added by adding `NAME.toml` here; the fields are those of `Backbone`. Tables are
towers, figures and the like. `measured.json` is written by `benchmarks/zoo.py`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import ModelError
from .backbone import Backbone, Measured

FOLDER = Path(__file__).parent
MEASURED = "measured.json"
T = TypeVar("T")


class BadEntry(ModelError):
    """A file of the zoo is wrong; the message names it, the field and the value."""


def read_zoo(folder: Path = FOLDER) -> tuple[Backbone, ...]:
    """All backbones of a folder: free ones first, those that compute least first among them.

    Raises:
        BadEntry: a file is wrong, or two have the same name or hub id.
    """
    backbones = [read_entry(path) for path in sorted(folder.glob("*.toml"))]
    names = [name for b in backbones for name in (b.name, b.hub_id) if name]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadEntry(f"{folder}: more than one file has {', '.join(sorted(twice))}")
    known = {b.name for b in backbones}
    for b in backbones:
        if b.by_hand and b.by_hand.base not in known:
            raise BadEntry(f"{folder}: {b.name}.toml has base {b.by_hand.base}, which has no file")
    results = read_measured(folder / MEASURED)
    backbones = [replace(b, measured=results.get(b.name)) for b in backbones]
    return tuple(sorted(backbones, key=lambda b: (b.research_only, b.multiply_adds, b.name)))


def read_entry(path: Path) -> Backbone:
    """One file.

    Raises:
        BadEntry: it is no TOML, or a field is missing, unknown or of a wrong kind or value.
    """
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise BadEntry(f"{path} cannot be read: {error}") from error
    if "measured" in found:
        raise BadEntry(f"{path}: measured is written by benchmarks/zoo.py, not here")
    backbone: Backbone = built(Backbone, found, str(path))
    if backbone.name != path.stem:
        raise BadEntry(f"{path}: the name must be {path.stem!r}, not {backbone.name!r}")
    sizes = (backbone.parameters, backbone.image_size, backbone.patch, backbone.embedding)
    if min(sizes) < 1 or backbone.patch > backbone.image_size:
        raise BadEntry(f"{path}: sizes must be above 0 and the patch within the picture: {sizes}")
    for tower in (backbone.vision, backbone.text):
        if min(vars(tower).values()) < 1 or tower.width % tower.heads:
            raise BadEntry(f"{path}: these sizes make no tower: {tower}")
    return backbone


def read_measured(path: Path) -> dict[str, Measured]:
    """What `benchmarks/zoo.py` wrote, by name.

    Raises:
        BadEntry: it is no such file.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows, machine = found["backbones"].items(), {"machine": found["machine"]}
        return {name: built(Measured, row | machine, f"{path}: {name}") for name, row in rows}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadEntry(f"{path} cannot be read: {error!r}") from error


def built(kind: type[T], table: dict[str, Any], where: str) -> T:
    """A dataclass from a table, its fields checked against their annotations.

    Raises:
        BadEntry: a field is missing, unknown or of a wrong kind.
    """
    hints = get_type_hints(kind)
    own = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - set(own)):
        raise BadEntry(f"{where}: unknown: {', '.join(unknown)}; known are {', '.join(own)}")
    needed = [n for n, f in own.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in needed if name not in table]:
        raise BadEntry(f"{where}: missing: {', '.join(missing)}")
    return kind(**{n: checked(hints[n], value, f"{where}: {n}") for n, value in table.items()})


def checked(hint: Any, value: Any, where: str) -> Any:
    """The value, if it is of this annotation; tables become dataclasses, lists tuples."""
    origin = get_origin(hint)
    if origin is UnionType:  # of something and None
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
        return checked(hint, value, where)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise BadEntry(f"{where} must be one of {', '.join(get_args(hint))}, not {value!r}")
    if origin is tuple and isinstance(value, list):
        return tuple(checked(get_args(hint)[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if is_dataclass(hint) and isinstance(value, dict):
        return built(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is hint:
        return value
    raise BadEntry(f"{where} must be {getattr(hint, '__name__', hint)}, not {value!r}")
