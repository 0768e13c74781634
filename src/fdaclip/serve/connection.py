"""A connection to a server of ``fdaclip serve``: its errors as one kind, its "busy" waited out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from .wire import Error

try:
    import httpx2
except ImportError as error:
    raise ImportError(
        "httpx2 is not installed, which talks to servers\nhint: pip install 'fdaclip[client]'"
    ) from error

BASE = "/api/v1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST = 256 << 20  # bytes of an event: a job's report names every file that is bad
PAUSE = 1.0  # s until a busy server is asked again, if it does not say

File = str | os.PathLike[str] | bytes  # to send: where it lies, or what it holds
Query = Mapping[str, Any]


class ApiError(Exception):
    """The server refused, or did not answer.

    Attributes:
        status: of HTTP; 0 if there was no answer.
        code: a word for programs. message: a line for people. hint: what to do; may be empty.
    """

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(status, code, message, hint)
        self.status, self.code, self.message, self.hint = status, code, message, hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class Connection:
    """Requests to one server.

    Args:
        url: its address; of a link that carries a token, as the server prints it, that is taken.
        timeout: s without a sign of the server after which it is given up.
        patience: s for which a server that says it is busy is asked again.
        transport: what carries the requests, in place of the network.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        timeout: float,
        patience: float,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self.url = f"{parts.scheme}://{parts.netloc}"
        token = token or parse_qs(parts.query).get("token", [""])[0]
        self._timeout, self._patience = timeout, patience
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout,
            trust_env=parts.hostname not in LOOPBACK,  # no proxy reaches this machine itself
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Any = None,
        form: Query | None = None,
        sent: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
    ) -> Iterator[httpx2.Response]:
        """The answer to a request, its body still to be read.

        Args:
            path: below ``/api/v1``, or an address that the server told, which begins with it.
            query, form: values; those that are None are left out, lists give several.
            sent: files that the form carries.
            within: s that the server may take to say something; the usual ones if None.

        Raises:
            ApiError: the server refused, is busy for too long, or is not reached, also while the
                body is read.
        """
        address = path if path.startswith(f"{BASE}/") else BASE + path
        timeout = httpx2.Timeout(self._timeout, read=max(self._timeout, within or 0.0))
        until = time.monotonic() + self._patience
        with self._plainly():
            while True:
                with ExitStack() as opened:
                    request = self._http.build_request(
                        method,
                        address,
                        params=_given(query) or None,  # none at all leaves the address as it is
                        json=json,
                        data=_given(form) or None,
                        files=[(name, _opened(one, opened)) for name, one in (sent or {}).items()],
                        headers=headers,
                        timeout=timeout,
                    )
                    response = self._http.send(request, stream=True)
                pause = _pause(response)
                if response.status_code != 503 or time.monotonic() + pause > until:
                    break
                response.close()
                time.sleep(pause)
            try:
                if not response.is_success:
                    raise _refusal(response)
                yield response
            finally:
                response.close()

    def events(self, path: str, *, within: float) -> Iterator[tuple[str, str]]:
        """The names and data of server-sent events, as they come.

        Raises:
            ApiError: see `answer`.
        """
        with self.answer("GET", path, within=within) as response:
            for event in httpx2.EventSource(response, max_event_size=LARGEST):
                yield event.event, event.data

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """What goes wrong on the way, as the one kind of error."""
        try:
            yield
        except httpx2.TimeoutException as error:
            raise ApiError(
                0, "too_slow", f"{self.url} gave no sign for {self._timeout:g} s", "try again later"
            ) from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ApiError(
                0, "unreachable", f"{self.url} does not answer: {reason}", "is fdaclip serve up?"
            ) from error
        except ValidationError as error:
            raise ApiError(
                0,
                "not_understood",
                f"{self.url} answered what this client does not know",
                "is it fdaclip serve, of this version?",
            ) from error


def _given(values: Query | None) -> dict[str, Any]:
    """Without what is None; yes and no as JSON has them."""
    words = {True: "true", False: "false"}
    return {
        name: words[value] if isinstance(value, bool) else value
        for name, value in (values or {}).items()
        if value is not None
    }


def _opened(file: File, held: ExitStack) -> tuple[str, BinaryIO | bytes]:
    """Its name and content, as long as it is held."""
    if isinstance(file, bytes):
        return "file", file
    path = Path(file)
    return path.name, held.enter_context(path.open("rb"))


def _pause(response: httpx2.Response) -> float:
    """s until a server that is busy wants to be asked again."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isdecimal() else PAUSE


def _refusal(response: httpx2.Response) -> ApiError:
    response.read()
    try:
        told = Error.model_validate_json(response.content).error
    except ValidationError:
        status = response.status_code
        message = f"{response.url} answered {status} {response.reason_phrase}".strip()
        return ApiError(status, "not_understood", message, "is it fdaclip serve?")
    return ApiError(response.status_code, told.code, told.message, told.hint)


def several(one_or_more: str | Sequence[str]) -> list[str]:
    """A list, also of a single word."""
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)
