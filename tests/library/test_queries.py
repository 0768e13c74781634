from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_films import FakeEncoder, unit

from fdaclip.library import Library, queries
from fdaclip.library.queries import FILE, Queries

SIZE = 16


def test_a_vector_comes_back_to_the_bit_in_another_process_too(tmp_path: Path) -> None:
    Queries(tmp_path).put("model", "ein Hund, 狗 \udc80", unit(b"a"))
    for known in (Queries(tmp_path), Queries(tmp_path)):
        found = known.get("model", "ein Hund, 狗 \udc80", SIZE)
        assert found is not None and found.tobytes() == unit(b"a").tobytes()
        assert known.get("other model", "ein Hund, 狗 \udc80", SIZE) is None
        assert known.get("model", "ein Hund", SIZE) is None
    assert Queries(tmp_path).get("model", "ein Hund, 狗 \udc80", SIZE + 1) is None


def test_both_stores_are_bounded_and_forget_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "ON_DISK", 5)
    monkeypatch.setattr(queries, "IN_MEMORY", 3)
    known = Queries(tmp_path)
    for number in range(12):
        known.put("m", str(number), unit(bytes([number])))
    assert len(known._near) == 3
    kept = [n for n in range(12) if Queries(tmp_path).get("m", str(n), SIZE) is not None]
    assert kept == [7, 8, 9, 10, 11]


def test_it_is_worth_no_error(tmp_path: Path) -> None:
    nowhere = Queries(tmp_path / "none")
    nowhere.put("m", "x", unit(b"x"))
    assert nowhere.get("m", "x", SIZE) is not None and not (tmp_path / "none").exists()
    (tmp_path / FILE).write_bytes(np.random.default_rng(0).bytes(5000))
    damaged = Queries(tmp_path)
    assert damaged.get("m", "x", SIZE) is None
    damaged.put("m", "x", unit(b"x"))
    assert Queries(tmp_path).get("m", "x", SIZE) is not None, "it was made anew"


def test_no_sentence_can_be_read_in_it(tmp_path: Path) -> None:
    Queries(tmp_path).put("m", "a private matter", unit(b"x"))
    assert b"private" not in (tmp_path / FILE).read_bytes()


def test_a_sentence_is_encoded_once(tmp_path: Path, films: Path) -> None:
    class Counting(FakeEncoder):
        asked = 0

        def encode_texts(self, texts):  # type: ignore[no-untyped-def]
            self.asked += list(texts).count("a dog")
            return super().encode_texts(texts)

    encoder = Counting()
    library = Library(tmp_path / "l", encoder)
    library.add(films)
    first = library.search("a dog")
    assert library.search("a dog") == first and encoder.asked == 1
    again = Library(library.folder)  # without a model
    assert again.search("a dog") == first and again._encoder is None
    assert np.isfinite([hit.score for hit in first]).all()
