"""A recipe from YAML and `key=value`, every name and type checked; and back to YAML."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fdaclip.train.recipe import Recipe

# Mappings with names of the user's own, say `data.scenes.train`.
FREE = ("data.scenes", "model.after", "ablation.vary", "ablation.against")


class RecipeError(ValueError):
    """A recipe says something that is not understood; the message says where and what."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_recipe(
    path: str | Path,
    overrides: Sequence[str] = (),
    more: Sequence[tuple[str, Any]] = (),
) -> Recipe:
    """The recipe in a YAML file, with `key=value` of the command line in place of what it says.

    Args:
        overrides: such as `training.batch=64`.
        more: the same as (dotted key, plain value), after those.

    Raises:
        RecipeError: the file cannot be read, or it or an override names what no recipe has (the
            nearest name is given), leaves out what it must have, or has a value of a wrong kind.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}") from error
    found = parse(text, str(path))
    if not isinstance(found, dict):
        raise RecipeError(f"{path} holds no recipe: it is to be `name: …`, `data: …` and so on")
    return build(found, [*map(pair_of, overrides), *more], str(path))


def parse(text: str, source: str) -> Any:
    """YAML as plain values.

    Raises:
        RecipeError: it is none.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{source} is no YAML: {' '.join(str(error).split())}") from error


def pair_of(override: str) -> tuple[str, Any]:
    """`training.batch=64` → ("training.batch", 64); the value is read as YAML is."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(
            f"{override!r} is no key=value", "for example training.batch=64; null stands for none"
        )
    return key.strip(), parse(value, override)


def build(
    values: Mapping[str, Any], overrides: Sequence[tuple[str, Any]] = (), source: str = "recipe"
) -> Recipe:
    """A recipe from nested plain values and (dotted key, value) that replace them."""
    nested = _copied(values)
    for key, value in overrides:
        _put(nested, key, value, source)
    recipe = _as(Recipe, nested, "", source)
    assert isinstance(recipe, Recipe)
    return recipe


def vary(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The same recipe with other values, `{"training.batch": 64, …}`."""
    return build(plain(recipe), list(changes.items()), recipe.name)


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as nested plain values that `build` takes."""
    values = _copied(asdict(recipe))
    assert isinstance(values, dict)
    return values


def to_yaml(recipe: Recipe) -> str:
    """A recipe, every value spelled out, as YAML that `read_recipe` takes."""
    import yaml

    text: str = yaml.safe_dump(plain(recipe), sort_keys=False, allow_unicode=True, width=100)
    return text


def differences(a: Recipe, b: Recipe) -> list[str]:
    """The dotted keys in which two recipes differ."""
    one, other = _flat(plain(a)), _flat(plain(b))
    return [key for key in {**one, **other} if one.get(key) != other.get(key)]


def keys(kind: type = Recipe, prefix: str = "") -> list[str]:
    """Every dotted key that a recipe has, sections among them."""
    found = []
    for name, hint in _hints(kind).items():
        found.append(prefix + name)
        inner = _section(hint)
        if inner:
            found += keys(inner, f"{prefix}{name}.")
    return found


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(part) for part in value]
    return value


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + str(key)] = value
    return flat


def _put(nested: dict[str, Any], key: str, value: Any, source: str) -> None:
    free = next((free for free in FREE if key.startswith(f"{free}.")), None)
    if key not in keys() and not free:
        raise _unknown(key, keys(), source)
    if free:  # what follows is one name, dots and all: ablation.vary.model.head.kind
        path, last = free.split("."), key.removeprefix(f"{free}.")
    else:
        *path, last = key.split(".")
    for name in path:
        if nested.get(name) is None:
            nested[name] = {}
        nested = nested[name]
        if not isinstance(nested, dict):
            raise RecipeError(f"{source}: {name} is {nested!r}, and so has no {last}")
    nested[last] = value


def _unknown(key: str, known: Sequence[str], source: str) -> RecipeError:
    """The error about a key that no recipe has, with the nearest that one has."""
    last = key.rpartition(".")[2]
    same_end = [name for name in keys() if name.rpartition(".")[2] == last]
    near = same_end or get_close_matches(key, [*known, *keys()], 1, 0.6)
    near = near or [n for n in keys() if get_close_matches(last, [n.rpartition(".")[2]], 1, 0.75)]
    return RecipeError(
        f"{source}: a recipe has no {key}",
        f"did you mean {' or '.join(near[:2])}?" if near else "docs/training.md lists what it has",
    )


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _section(hint: Any) -> type | None:
    """The dataclass that a hint stands for, also where it may be None."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and is_dataclass(part):
            return part
    return None


def _as(hint: Any, value: Any, key: str, source: str) -> Any:
    """A plain value as the type hint wants it; a wrong kind is an error that names the key."""
    section, may_be_none = _section(hint), type(None) in get_args(hint)
    if value is None and (may_be_none or hint is Any):
        return None
    if section:
        return _build_section(section, value, key, source)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _as_one_of(
            [part for part in arguments if part is not type(None)], value, key, source
        )
    if origin is Literal:
        if value in arguments:
            return value
        raise _wrong(key, f"{', '.join(map(str, arguments))}", value, source)
    if origin is tuple and isinstance(value, list | tuple):
        inner = arguments[0]
        if Ellipsis not in arguments and len(value) != len(arguments):
            raise _wrong(key, f"a list of {len(arguments)}", value, source)
        return tuple(_as(inner, part, key, source) for part in value)
    if origin is dict and isinstance(value, dict):
        return {str(k): _as(arguments[1], part, f"{key}.{k}", source) for k, part in value.items()}
    if hint is Any:
        return value
    if hint is float and not isinstance(value, bool):
        try:
            return float(value)  # YAML 1.1 takes 1e-7 for a word
        except (TypeError, ValueError):
            raise _wrong(key, "a number", value, source) from None
    if isinstance(hint, type) and type(value) is hint:
        return value
    names = {int: "a whole number", bool: "true or false", str: "a word", float: "a number"}
    raise _wrong(key, names.get(hint, "a list" if origin is tuple else "a mapping"), value, source)


def _as_one_of(choices: list[Any], value: Any, key: str, source: str) -> Any:
    first: RecipeError | None = None
    for choice in choices:
        try:
            return _as(choice, value, key, source)
        except RecipeError as error:
            first = first or error
    assert first is not None
    raise first


def _build_section(kind: type, values: Any, key: str, source: str) -> Any:
    if not isinstance(values, dict):
        raise _wrong(key or "a recipe", "a section of `key: value`", values, source)
    hints = _hints(kind)
    prefix = f"{key}." if key else ""
    for name in values:
        if name not in hints:
            raise _unknown(f"{prefix}{name}", [prefix + known for known in hints], source)
    given = {n: _as(hints[n], value, prefix + n, source) for n, value in values.items()}
    needed = [
        f.name
        for f in fields(kind)
        if f.default is MISSING and f.default_factory is MISSING and f.name not in given
    ]
    if needed:
        raise RecipeError(f"{source}: {', '.join(prefix + name for name in needed)} must be given")
    try:
        return kind(**given)
    except (ValueError, TypeError) as error:
        where = f"{key}: " if key else ""
        raise RecipeError(f"{source}: {where}{error}") from error


def _wrong(key: str, wanted: str, value: Any, source: str) -> RecipeError:
    return RecipeError(f"{source}: {key} is to be {wanted}, not {value!r}")
