"""Every weight is accounted for: none missing, none left over, none of another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from torch import Tensor, nn

from ..errors import BadCheckpoint

SHOWN = 8  # names of a kind in a message


def account(
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    source: Path,
    *,
    fits: Callable[[str, Tensor, Tensor], bool] | None = None,
    prefix: str = "",
) -> None:
    """Compare the weights of a file with those that a model has.

    Args:
        found, wanted: by name; of the wanted only the shapes matter.
        source: named in the error.
        fits: may a weight of this name and shape stand for the wanted one? Else shapes are equal.
        prefix: put before each name in the error, so that it is the file's own.

    Raises:
        BadCheckpoint: naming the keys.
    """
    wrong = [
        f"{prefix}{name} {list(found[name].shape)} for {list(wanted[name].shape)}"
        for name in wanted.keys() & found.keys()
        if not (
            fits(name, found[name], wanted[name])
            if fits
            else found[name].shape == wanted[name].shape
        )
    ]
    missing = [prefix + name for name in wanted.keys() - found.keys()]
    extra = [prefix + name for name in found.keys() - wanted.keys()]
    problems = [
        f"{what}: {listed(names)}"
        for what, names in (
            ("missing", missing),
            ("left over", extra),
            ("of another shape", wrong),
        )
        if names
    ]
    if problems:
        raise BadCheckpoint(f"the weights in {source} do not fit: {'; '.join(problems)}")


def listed(names: Iterable[str]) -> str:
    """The first names in alphabetical order, and how many there are more."""
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def load_exactly(module: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load weights of which none is missing, left over or of another shape.

    Position ids, which older versions of transformers saved and newer ones count out, may be there.

    Raises:
        BadCheckpoint: naming the keys.
    """
    state = {name: t for name, t in state.items() if not name.endswith(".position_ids")}
    account(state, module.state_dict(), source, fits=or_widened)
    module.load_state_dict(state)


def or_widened(name: str, found: Tensor, wanted: Tensor) -> bool:
    """Is a weight of the wanted shape, or a three-channel patch convolution to be widened?"""
    if name.endswith("patch_embedding.weight") and wanted.ndim == 4 and found.ndim == 4:
        return found.shape[1] in (3, 4) and (
            found.shape[0] == wanted.shape[0] and found.shape[2:] == wanted.shape[2:]
        )
    return found.shape == wanted.shape
