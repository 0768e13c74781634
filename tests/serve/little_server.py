"""A server over a library of little films, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from tiny_films import FakeEncoder, film

from fdaclip.library import Library
from fdaclip.serve.app import create_app

HERE = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Little:
    """A library, its folder of films, and a secret beside them that is none of the library's."""

    library: Path
    films: Path
    secret: Path

    def app(self, **how: Any) -> Any:
        return create_app(Library(self.library, FakeEncoder()), **how)

    def client(self, base: str = HERE, raises: bool = True, **how: Any) -> TestClient:
        return TestClient(
            self.app(**how),
            base_url=base,
            follow_redirects=False,
            raise_server_exceptions=raises,
        )


def made(folder: Path) -> Little:
    """Three films of two moments or more, one file that is none, and a secret."""
    films = folder / "films"
    for number, name in enumerate(("a.mp4", "b.mp4", "sub/c d%é.mp4")):
        film(films / name, number, seconds=2.5)
    (films / "bad.mp4").write_bytes(b"no film at all")
    secret = folder / "secret.mp4"
    secret.write_bytes(b"TOP SECRET " * 100)
    library = Library(folder / "films.fdaclip", FakeEncoder(), window=1.0)
    library.add(films)
    return Little(folder / "films.fdaclip", films, secret)
