"""MSVD's pickle is read, and nothing in a pickle is ever run."""

from __future__ import annotations

import collections
import json
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from annotation_files import real

from fdaclip.data import DataError, load_dataset
from fdaclip.data.pickled import read_pickle


class Opens:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    plain = {"a_1_2": [["a", "man"], ["tüv"]], "n": [1, 2.5, None, True, (1, 2), b"x"]}
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(plain, protocol))
    if protocol < 3:  # bytes were no plain data of Python 2's protocols
        plain["n"].pop()
        path.write_bytes(pickle.dumps(plain, protocol))
    assert read_pickle(path) == plain


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "it ran"
    evil: list[Any] = [
        Opens(subprocess.call, ["touch", str(mark)]),
        Opens(eval, f"open({str(mark)!r}, 'w')"),
        Opens(Path.touch, mark),
        {"a": [Opens(exec, f"open({str(mark)!r}, 'w')")]},
        collections.OrderedDict(a=1),
    ]
    for number, value in enumerate(evil):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        with pytest.raises(DataError, match="nothing is run here"):
            read_pickle(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"junk", b"cos\nsystem\n(S'x'\ntR."])
def test_damage_is_an_error_of_the_data(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.pkl is not read"):
        read_pickle(path)


def test_msvd_from_the_pickle_is_msvd_from_json(tmp_path: Path) -> None:
    folder = real("msvd")
    shutil.copy(folder / "test_list.txt", tmp_path)
    content = json.loads((folder / "captions_msvd.json").read_text())
    words = {name: [sentence.split() for sentence in own] for name, own in content.items()}
    (tmp_path / "raw-captions.pkl").write_bytes(pickle.dumps(words, 2))
    pickled = load_dataset("msvd", tmp_path, "test", need_videos=False)
    plain = load_dataset("msvd", folder, "test", need_videos=False)
    assert pickled.queries == 27_763 and pickled.hash == plain.hash
    assert "raw-captions.pkl" in pickled.sources
