"""Uploads: the vector that the library itself would make, and files that are no such thing."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.datastructures import UploadFile
from tiny_films import FakeEncoder, film

from fdaclip.library.examples import vector_of_clip, vector_of_image
from fdaclip.serve import uploads
from fdaclip.serve.guard import Refused
from fdaclip.serve.uploads import asked_with, kept, vector_of


def upload(data: bytes, name: str = "a.bin") -> UploadFile:
    return UploadFile(io.BytesIO(data), filename=name)


def test_a_picture_is_encoded_as_the_library_encodes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    encoder = FakeEncoder()
    query = asyncio.run(asked_with(upload(path.read_bytes(), "../x/a.png"), "image", encoder, 8.0))
    assert str(query) == "a.png" and query.parts[0].vector is not None
    np.testing.assert_allclose(query.parts[0].vector, vector_of_image(pixels, encoder), atol=1e-6)


def test_a_clip_is_encoded_as_the_library_encodes_it(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", colour=3, seconds=2)
    encoder = FakeEncoder()
    wanted = vector_of_clip(str(path), 0.0, np.inf, 1.0, encoder)
    np.testing.assert_allclose(vector_of(path, "clip", encoder, 1.0), wanted, atol=1e-6)


def test_what_is_no_picture_or_clip_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tmp_path / "words"
    words.write_text("no picture " * 100)
    for kind in ("image", "clip"):
        with pytest.raises(Refused) as refused:
            vector_of(words, kind, FakeEncoder(), 1.0)  # type: ignore[arg-type]
        assert refused.value.status == 400 and str(tmp_path) not in refused.value.message


def test_a_list_of_other_files_is_not_followed(tmp_path: Path) -> None:
    secret = film(tmp_path / "secret.mp4")
    named = tmp_path / "named"
    named.write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    with pytest.raises(Refused):
        vector_of(named, "clip", FakeEncoder(), 1.0)


def test_pictures_that_unpack_to_too_much_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with pytest.raises(Refused, match="million pixels"):
        vector_of(path, "image", FakeEncoder(), 1.0)


def test_nothing_is_left_and_no_more_is_taken_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def take(data: bytes, most: int) -> bytes:
        async with kept(upload(data), most) as path:
            return path.read_bytes()

    assert asyncio.run(take(b"abc", 3)) == b"abc"
    for data, status in ((b"abcd", 413), (b"", 400)):
        with pytest.raises(Refused) as refused:
            asyncio.run(take(data, 3))
        assert refused.value.status == status
    assert list(tmp_path.iterdir()) == []


def test_decoding_ends_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "TOTAL", 0.0)
    with pytest.raises(Refused, match="takes longer"):
        vector_of(film(tmp_path / "a.mp4"), "clip", FakeEncoder(), 1.0)
