"""A hub on this machine: as much of huggingface.co's interface as fetching a model needs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 4_000  # bytes from which on a file is large, and has a SHA-256


@dataclass
class FakeHub:
    """Repositories by name, their files by name, and what was asked for.

    Attributes:
        repositories: contents.
        cut_after: bytes of a large file after which the connection is cut; None never.
        spoilt: names of files that are sent with a wrong byte.
        sent: name and first byte of each large file that was asked for.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cut_after: int | None = None
    spoilt: set[str] = field(default_factory=set)
    sent: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""
    cache: Path = Path()

    def add(self, repository: str, folder: Path) -> None:
        """Publish a folder's files."""
        files = {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file()}
        self.repositories[repository] = files

    def info(self, repository: str) -> dict[str, Any]:
        siblings = []
        for name, content in self.repositories[repository].items():
            row: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git(content)}
            if len(content) >= LARGE:
                sha = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 130}
            siblings.append(row)
        said = {"_id": "1", "id": repository, "modelId": repository, "sha": COMMIT}
        return said | {"private": False, "tags": [], "siblings": siblings}


def git(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/\w+)?", path)
            if asked and asked[1] in hub.repositories:
                self.answer(json.dumps(hub.info(asked[1])).encode())
                return
            asked = re.fullmatch(r"/([^/]+/[^/]+)/resolve/\w+/(.+)", path)
            content = hub.repositories.get(asked[1], {}).get(asked[2]) if asked else None
            if asked is None or content is None:
                known = asked is not None and asked[1] in hub.repositories
                code = "EntryNotFound" if known else "RepoNotFound"
                self.answer(b"", 404, {"X-Error-Code": code})
                return
            self.send_file(asked[2], content)

        def send_file(self, name: str, content: bytes) -> None:
            large = len(content) >= LARGE
            tag = hashlib.sha256(content).hexdigest() if large else git(content)
            headers = {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if name in hub.spoilt:
                content = bytes([content[0] ^ 1]) + content[1:]
            if self.command == "HEAD" or not large:
                self.answer(content, headers=headers)
                return
            begin = int((self.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
            hub.sent.append((name, begin))
            if begin:
                last = len(content) - 1
                headers["Content-Range"] = f"bytes {begin}-{last}/{len(content)}"
            self.answer(content[begin:], 206 if begin else 200, headers, hub.cut_after)

        def answer(
            self,
            body: bytes,
            status: int = 200,
            headers: dict[str, str] | None = None,
            cut_after: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:cut_after])
            if cut_after is not None and cut_after < len(body):
                self.close_connection = True  # a whole answer keeps it, as HTTP/1.1 promises

    return Handler


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """It is the hub for huggingface_hub, and the hub cache is an empty folder."""
    from huggingface_hub import constants, hf_api

    found = FakeHub(cache=tmp_path / "hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", found.url)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    place = template[template.index("/{repo_id}") :]
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", found.url + place)
    monkeypatch.setattr(hf_api.api, "endpoint", found.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(found.cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield found
    server.shutdown()
    server.server_close()
