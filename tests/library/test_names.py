from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from fdaclip.library.names import from_key, to_key

path_bytes = st.binary(min_size=1).filter(lambda raw: b"\0" not in raw)


@given(path_bytes)
def test_any_bytes_survive(raw: bytes) -> None:
    path = os.fsdecode(raw)
    key = to_key(path)
    key.encode("utf-8")  # a table can hold it
    assert from_key(key) == path


@given(path_bytes, path_bytes)
def test_two_paths_never_share_a_key(one: bytes, other: bytes) -> None:
    assert (to_key(os.fsdecode(one)) == to_key(os.fsdecode(other))) == (one == other)


def test_ordinary_names_stay_readable() -> None:
    assert to_key("/ferie/Ærø 100 % sjov\n.mp4") == "/ferie/Ærø 100 %25 sjov\n.mp4"
    assert to_key(os.fsdecode(b"/a/\xff.mp4")) == "/a/%FF.mp4"
