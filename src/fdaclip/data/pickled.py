"""Reads a pickle of plain data, and nothing that could run.

A pickle is a program: it names functions, which are then called. Every such name is looked up by
`find_class`, and here none is found, so what can be read is what needs no name at all:
dictionaries, lists, tuples, sets, strings, bytes, numbers, booleans and None.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from fdaclip.data.errors import DataError

LARGEST = 512 * 2**20  # bytes: MSVD's has 8 million


class PlainUnpickler(pickle.Unpickler):
    """Refuses every name."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")  # strings of Python 2

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and nothing is run here")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside of itself")


def read_pickle(path: Path) -> Any:
    """The plain data of a pickle file.

    Raises:
        DataError: it holds anything else, is damaged, or is larger than plain data of this field.
    """
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path} is larger than {LARGEST // 2**20} MiB and is not read as a pickle")
    with path.open("rb") as file:
        try:
            return PlainUnpickler(file).load()
        except Exception as error:  # a damaged pickle raises nearly anything
            raise DataError(
                f"{path} is not read: {error or type(error).__name__}",
                "only pickles of plain data are; captions_msvd.json holds the same captions",
            ) from None
