"""Fixtures of the library's tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import ingest as ingest_module
from fdaclip.library.remote import Remote
from fdaclip.video import VideoError
from fdaclip.video.isolated import Finished, Result


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of five different films, one of them in a folder below."""
    folder = tmp_path / "films"
    for number in range(4):
        film(folder / f"{number}.mp4", colour=number)
    film(folder / "below" / "4.mp4", colour=4)
    return folder


@pytest.fixture
def decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of their own, which take longer to start than to decode these films."""

    def here(work: Callable[[Path], Iterator[object]], paths: Iterator[str], **_: object) -> object:
        for path in paths:
            try:
                for value in work(Path(path)):
                    yield Result(Path(path), value)
            except VideoError as error:
                yield Finished(Path(path), error)
            else:
                yield Finished(Path(path))

    monkeypatch.setattr(ingest_module, "work_isolated", here)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Endpoint of an object storage that is empty but for the bucket ``films``."""
    for package in ("moto", "flask", "flask_cors", "boto3", "s3fs"):
        pytest.importorskip(package)
    import boto3

    script = Path(__file__).with_name("storage.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    endpoint = f"http://127.0.0.1:{process.stdout.readline().strip()}"
    try:
        known = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **known)
        s3.create_bucket(Bucket="films")
        yield endpoint
    finally:
        process.communicate("")


@pytest.fixture
def reached(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says where the storage is, also to processes that a test starts."""
    import fsspec

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", server),
        ("XDG_CACHE_HOME", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def place(request: pytest.FixtureRequest, reached: None) -> Remote:
    """Where nothing is yet."""
    return Remote(f"s3://films/{request.node.name}.fdaclip")
