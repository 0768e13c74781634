"""A library in object storage: its small files and the state of its tables, through fsspec.

An object appears whole or not at all, so a small file needs no other care than one upload. The
client, its credentials and its endpoint are what the storage's own tools use: for ``s3://`` the
variables ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``,
or a profile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CannotWrite, LibraryError, NotInstalled, Unreachable

if TYPE_CHECKING:
    from .remote_lock import Lease

PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}
EXTRAS = {"s3fs": "s3", "gcsfs": "gs", "adlfs": "az"}
PATIENCE = 10  # s to connect
ATTEMPTS = 3


class Remote:
    """The address of a library in object storage: ``s3://bucket/name.fdaclip``.

    Args:
        uri: its address; a slash at its end counts for nothing.

    Raises:
        LibraryError: there is no object storage of that scheme, or no bucket is named.
    """

    def __init__(self, uri: str) -> None:
        scheme, _, rest = uri.partition("://")
        if scheme.lower() not in PACKAGES:
            raise LibraryError(
                f"no library can lie at {uri}",
                "name a folder, or an address that begins with s3://, gs:// or az://",
            )
        bucket, _, name = rest.strip("/").partition("/")
        if not bucket or not name:
            raise LibraryError(
                f"{uri} names no library in a bucket",
                f"as in {scheme}://BUCKET/videos.fdaclip",
            )
        self.scheme = scheme.lower()
        self.uri = f"{self.scheme}://{bucket}/{name}"
        self.bucket, self.name = bucket, name.rpartition("/")[2]
        self.lease: Lease | None = None  # held while this process writes

    def __str__(self) -> str:
        return self.uri

    def __repr__(self) -> str:
        return f"Remote({self.uri!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other.uri == self.uri

    def __hash__(self) -> int:
        return hash(self.uri)

    def __reduce__(self) -> tuple[Any, ...]:
        return Remote, (self.uri,)

    def expanduser(self) -> Remote:
        """Itself: as of a ``Path``."""
        return self

    def beside(self, name: str) -> Remote:
        """Another library in the same place."""
        return Remote(f"{self.uri.rpartition('/')[0]}/{name}")

    # --- how it is reached -----------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """Of the storage, where it is not its provider's own; empty if it is."""
        if self.scheme not in ("s3", "s3a"):
            return ""
        return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""

    @property
    def storage_options(self) -> dict[str, str]:
        """What Lance is told besides what it finds in the environment."""
        options = {"connect_timeout": f"{PATIENCE}s", "client_max_retries": str(ATTEMPTS)}
        if self.endpoint:
            options["aws_endpoint"] = self.endpoint
            options["allow_http"] = str(self.endpoint.startswith("http://")).lower()
        return options

    @property
    def cache(self) -> Path:
        """A folder of this machine for what is derived from the library.

        It goes by the address alone. Should another library come to lie there, nothing of the first
        is taken for its own: takes are random numbers.
        """
        base = os.environ.get("XDG_CACHE_HOME")
        caches = Path(base).expanduser() if base else Path.home() / ".cache"
        key = hashlib.blake2b(f"{self.endpoint}\0{self.uri}".encode(), digest_size=12).hexdigest()
        return caches / "fdaclip" / "libraries" / f"{self.name}-{key}"

    @cached_property
    def files(self) -> Any:
        """The storage as fsspec gives it.

        Raises:
            NotInstalled: its package is missing.
        """
        package = PACKAGES[self.scheme]
        try:
            import fsspec

            fsspec.get_filesystem_class(self.scheme)
        except ImportError as error:
            raise NotInstalled(
                f"libraries at {self.scheme}:// need {package}, which is not installed",
                f"pip install 'fdaclip[{EXTRAS[package]}]'"
                if package == "s3fs"
                else f"pip install {package}",
            ) from error
        options: dict[str, Any] = {"use_listings_cache": False}
        if package == "s3fs":
            options["config_kwargs"] = {
                "connect_timeout": PATIENCE,
                "retries": {"max_attempts": ATTEMPTS, "mode": "standard"},
            }
            if self.endpoint:
                options["endpoint_url"] = self.endpoint
        return fsspec.filesystem(self.scheme, **options)

    def _at(self, name: str) -> str:
        return f"{self.uri.partition('://')[2]}/{name}"

    # --- small files -----------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """A small file; None if it is not there."""
        with self.told():
            try:
                data: bytes = self.files.cat_file(self._at(name))
            except FileNotFoundError:
                self._check_bucket()
                return None
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a small file: a reader sees the old one or the new one."""
        with self.told():
            self.files.pipe_file(self._at(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if there is none; False if there is. One of several that try does."""
        with self.told():
            try:
                self.files.pipe_file(self._at(name), data, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if "recondition" in str(error) or "ConditionalRequestConflict" in str(error):
                    return False
                raise
        return True

    def written(self, name: str) -> float | None:
        """Unix time, s, of its writing by the storage's clock; None if it is not there."""
        with self.told():
            try:
                facts = self.files.info(self._at(name))
            except FileNotFoundError:
                return None
        return _when(facts)

    def tag(self, name: str) -> str | None:
        """Another one for every version of a small file; None if it is not there."""
        with self.told():
            try:
                return _tag(self.files.info(self._at(name)))
            except FileNotFoundError:
                return None

    def discard(self, name: str) -> None:
        """Delete a file, or all below a name; nothing if there is nothing."""
        with self.told():
            try:
                self.files.rm(self._at(name), recursive=True)
            except FileNotFoundError:
                return

    def names(self, below: str = "") -> list[str]:
        """Of files and folders that lie directly there, or below a name."""
        return [_name(facts) for facts in self._list(below)]

    def size(self) -> int:
        """Of all its files, bytes."""
        with self.told():
            found = self.files.find(self._at("").rstrip("/"), detail=True)
        return sum(int(facts.get("size") or 0) for facts in found.values())

    def newest(self, tables: tuple[str, ...]) -> list[tuple[str, float]] | None:
        """Name and tag of each table's newest manifest, and when it was written: Unix time, s.

        None where one of them has none.
        """
        with ThreadPoolExecutor(len(tables)) as pool:
            listed = list(pool.map(lambda table: self._list(f"{table}.lance/_versions"), tables))
        newest: list[tuple[str, float]] = []
        for found in listed:
            manifests = [facts for facts in found if _name(facts).endswith(".manifest")]
            if not manifests:
                return None
            last = min(manifests, key=lambda facts: _age(_name(facts)))
            newest.append((f"{_name(last)}:{_tag(last)}", _when(last)))
        return newest

    def _list(self, below: str) -> list[dict[str, Any]]:
        with self.told():
            try:
                found: list[dict[str, Any]] = self.files.ls(self._at(below).rstrip("/"), True)
            except FileNotFoundError:
                return []
        return found

    def _check_bucket(self) -> None:
        """Raises FileNotFoundError if the bucket itself is not there."""
        if not self.files.exists(self.bucket):
            raise FileNotFoundError("The specified bucket does not exist")

    # --- what can go wrong -----------------------------------------------------------------------

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what the storage's client raises into one clear line.

        Raises:
            Unreachable: no such bucket, wrong credentials, or nobody answers.
        """
        try:
            yield
        except (LibraryError, FileExistsError):
            raise
        except Exception as error:
            clear = self.unreachable(error)
            if clear is None:
                raise
            raise clear from error

    def unreachable(self, error: Exception) -> LibraryError | None:
        """The clear line for what fsspec, its client or Lance raised; None for other errors."""
        text = f"{type(error).__name__}: {error}"
        for words, what, hint in TROUBLES:
            if any(word in text for word in words):
                told = what.format(bucket=self.bucket, endpoint=self.endpoint or "its provider")
                return Unreachable(f"cannot reach {self.uri}: {told}", hint)
        if isinstance(error, OSError | RuntimeError):
            return Unreachable(
                f"cannot reach {self.uri}: {' '.join(str(error).split())[:200]}",
                "check the address, the credentials and the network",
            )
        return None

    @contextmanager
    def writing_told(self) -> Iterator[None]:
        """As `told`, for writing to the tables: only while the write lock is ours.

        Raises:
            LibraryBusy: another process has taken the lock over. CannotWrite: it cannot be written.
        """
        if self.lease is not None:
            self.lease.check()
        try:
            yield
        except LibraryError:
            raise
        except (OSError, RuntimeError, ValueError) as error:
            clear = self.unreachable(error)
            told = str(clear).partition(": ")[2] if clear else " ".join(str(error).split())[:200]
            raise CannotWrite(
                f"cannot write to the library {self.uri}: {told}",
                (clear.hint if clear else "run the same command again")
                + "; what was written before is kept",
            ) from error


TROUBLES = (
    (
        ("NoSuchBucket", "bucket does not exist"),
        "there is no bucket {bucket}",
        "create it, or mend the address",
    ),
    (
        ("NoCredentials", "Unable to locate credentials", "CredentialsNotLoaded"),
        "no credentials were found",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    ),
    (
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "PermissionError",
            "AccessDenied",
            "Access Denied",
            "Forbidden",
            "ExpiredToken",
            "InvalidToken",
        ),
        "the credentials are wrong, or may not do this",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and what they are allowed",
    ),
    (
        (
            "EndpointConnectionError",
            "Could not connect",
            "ConnectTimeout",
            "ConnectionClosed",
            "ConnectError",
            "ClientConnectorError",
            "Connection refused",
        ),
        "{endpoint} does not answer",
        "check AWS_ENDPOINT_URL and the network",
    ),
)


def _name(facts: dict[str, Any]) -> str:
    return str(facts["name"]).rstrip("/").rpartition("/")[2]


def _tag(facts: dict[str, Any]) -> str:
    tag = facts.get("ETag") or facts.get("etag") or facts.get("generation")
    return f"{facts.get('size')}:{str(tag).strip(chr(34))}"


def _when(facts: dict[str, Any]) -> float:
    when: Any = facts.get("LastModified") or facts.get("mtime") or facts.get("last_modified")
    return float(when.timestamp() if hasattr(when, "timestamp") else when or 0.0)


def _age(name: str) -> int:
    """Smallest for the newest manifest: Lance counts down from 2⁶⁴ − 1, in 20 digits."""
    stem = name.partition(".")[0]
    if not stem.isdecimal():
        return 1 << 65
    return int(stem) if len(stem) == 20 else (1 << 64) - 1 - int(stem)
