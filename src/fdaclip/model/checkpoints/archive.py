"""The weights in a TorchScript archive, without running anything that is in it.

OpenAI published CLIP so. `torch.jit.load` would build the program in the archive too, and
`torch.load(weights_only=True)` refuses such files. The archive is a zip: `data.pkl` describes a
tree of modules, `data/N` are the numbers. Here the tree alone is read, by an unpickler that knows
modules, containers and tensors, and nothing else.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from torch import Tensor

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def is_archive(path: Path) -> bool:
    """Is a file a TorchScript archive? `torch.save`'s zips hold no constants and no code."""
    if not is_zipfile(path):
        return False
    with ZipFile(path) as file:
        return any(name.endswith("/constants.pkl") for name in file.namelist())


def read_archive(path: Path) -> dict[str, Tensor]:
    """All tensors of the archive's modules, by the names that a state dict would give them.

    Raises:
        pickle.UnpicklingError: it holds something else than modules, containers and tensors.
        OSError, KeyError, ValueError, RuntimeError: it is damaged.
    """
    with ZipFile(path) as file:
        (pickled,) = (name for name in file.namelist() if name.count("/") == 1 and is_tree(name))
        folder = pickled.partition("/")[0]
        with file.open(pickled) as stream:
            tree = Tree(stream, lambda key: file.read(f"{folder}/data/{key}")).load()
    return dict(tensors(tree, ""))


def is_tree(name: str) -> bool:
    return name.endswith("/data.pkl")


class Node:
    """A module of the archive; its attributes are in its `__dict__`."""


def tensors(node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors below a module."""
    for name, value in vars(node).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, Node):
            yield from tensors(value, f"{prefix}{name}.")


class Tree(pickle.Unpickler):
    """Unpickles modules as `Node`s. Any other class or function is refused."""

    def __init__(self, stream: Any, read: Callable[[str], bytes]) -> None:
        super().__init__(stream)
        self.read_storage = read
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return Node
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return view
        if module == "torch.jit._pickle" and name in LISTS:
            return as_list
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no weight")

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, _, _ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to {kind!r}, which is no storage")
        if key not in self.storages:
            content = bytearray(self.read_storage(key))
            self.storages[key] = (
                torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            )
        return self.storages[key]


LISTS = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")


def as_list(values: Any) -> list[Any]:
    return list(values)


def view(storage: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    """A tensor of its storage; torch raises RuntimeError where it would reach beyond."""
    return storage.as_strided(size, stride, offset).clone()
