"""Who may ask, and how much: hosts, origins, the token, sizes; and headers on every answer.

A server on one's own machine is reachable by every page that one's browser has open. So it answers
only to its own names (DNS rebinding), only to its own pages (cross-site requests), and, where other
machines can reach it, only to those who know the token.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from time import monotonic
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "::1")
COOKIE = "fdaclip_pass"
YEAR = 365 * 24 * 3600  # s that a browser keeps it
OPEN = {"/api/v1/health"}  # needs no token: it tells nothing but that the server is up
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range",
    "Access-Control-Max-Age": "600",
}
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Refused(Exception):
    """A request that gets no further; carries what the client is told."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.hint = status, code, message, hint


def error_body(code: str, message: str, hint: str = "") -> dict[str, dict[str, str]]:
    """The one form that every error has."""
    return {"error": {"code": code, "message": message, "hint": hint}}


class Guard:
    """Stands before the app.

    Args:
        app: what is guarded.
        hosts: names by which the server may be called, besides this machine's own.
        token: who does not know it gets no answer; empty if none is needed.
        origins: other sites whose pages may ask, as ``https://films.example``; with the token, if
            there is one, as a header.
        largest: bytes of a request's body that carries files; largest_text: of any other.
        sending: s that a body may take to come.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str] = (),
        token: str = "",
        origins: Iterable[str] = (),
        largest: int,
        largest_text: int | None = None,
        sending: float = 120.0,
    ) -> None:
        self._app, self._token, self._sending = app, token, sending
        self._largest = largest
        self._largest_text = largest if largest_text is None else largest_text
        # What a browser keeps is not the token itself, which may also open other doors.
        self._pass = hashlib.sha256(f"fdaclip page {token}".encode()).hexdigest()
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._hosts = {host.lower().strip("[]") for host in (*LOCAL, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    told.setdefault(name, value)
                told.update(self._granted(headers))
            await send(message)

        headers = Headers(scope=scope)

        try:
            self._check_host(headers)
            if self._granted(headers):
                if scope["method"] == "OPTIONS":
                    await Response(None, 204, PREFLIGHT)(scope, receive, answer)
                    return
            else:
                self._check_origin(scope, headers)
            if self._token and await self._let_in(scope, headers, receive, answer):
                return
            await self._app(scope, self._measured(headers, receive), answer)
        except Refused as refused:  # here; what is raised inside the app it answers itself
            response = await refusal(Request(scope), refused)
            await response(scope, receive, answer)

    def _check_host(self, headers: Headers) -> None:
        given = headers.getlist("host")
        name = _hostname(given[0]) if len(given) == 1 else None
        if name is None or name not in self._hosts:
            raise Refused(
                421,
                "unknown_host",
                "this server is not known by that name",
                "open it by the address it printed, or start it with --host-name NAME",
            )

    def _granted(self, headers: Headers) -> dict[str, str]:
        """What the page of another site that may ask is told besides; else nothing (CORS)."""
        origin = headers.get("origin", "")
        if not self._origins or origin.lower() not in self._origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Retry-After, Content-Range, Content-Disposition",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Origin",
        }

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Only its own pages may ask in a browser; programs send no origin."""
        foreign = Refused(403, "foreign_origin", "another site's page may not ask this server")
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != headers["host"].lower():
            raise foreign
        site = headers.get("sec-fetch-site", "none")
        followed = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in (
            "GET",
            "HEAD",
        )
        if site not in ("none", "same-origin") and not followed:
            raise foreign

    async def _let_in(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> bool:
        """Does the client know the token? True if it was answered here: a link that carries it.

        Raises:
            Refused: it does not.
        """
        if scope["path"] in OPEN:
            return False
        bearer = headers.get("authorization", "")
        if bearer.lower().startswith("bearer ") and self._is_token(bearer[7:].strip()):
            return False
        if hmac.compare_digest(_cookie(headers).encode(), self._pass.encode()):
            return False
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(asked).get("token", "")
        page = scope["method"] == "GET" and not scope["path"].startswith("/api/")
        if page and self._is_token(given):
            rest = urlencode([(name, value) for name, value in asked if name != "token"])
            place = quote(scope["path"]) + (f"?{rest}" if rest else "")
            onward = RedirectResponse("/" + place.lstrip("/"), 303)  # never to another host
            onward.set_cookie(COOKIE, self._pass, YEAR, httponly=True, samesite="strict")
            await onward(scope, receive, send)
            return True
        raise Refused(
            401,
            "token_needed",
            "this server answers only to those who know its token",
            "send it as: Authorization: Bearer TOKEN, or open /?token=TOKEN once in the browser",
        )

    def _is_token(self, given: str) -> bool:
        return bool(given) and hmac.compare_digest(given.encode(), self._token.encode())

    def _measured(self, headers: Headers, receive: Receive) -> Receive:
        """The body as it comes, up to the limits.

        Raises:
            Refused: it says that it is larger; also later, when it turns out to be, or takes long.
        """
        files = headers.get("content-type", "").startswith("multipart/form-data")
        largest = self._largest if files else self._largest_text
        stated = headers.get("content-length", "0")
        too_large = Refused(
            413, "too_large", f"such a request may carry {largest / 1e6:,.1f} MB", "send less"
        )
        if not stated.isdecimal() or int(stated) > largest:
            raise too_large
        came, whole, until = 0, False, monotonic() + self._sending

        async def measured() -> Message:
            nonlocal came, whole
            if whole:  # what is waited for now is that the client leaves
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(until - monotonic(), 0.001))
            except TimeoutError:
                raise Refused(
                    408, "too_slow", f"a request must be here within {self._sending:g} s"
                ) from None
            whole = not message.get("more_body", False)
            came += len(message.get("body", b""))
            if came > largest:
                raise too_large
            return message

        return measured


def _netloc(origin: str) -> str:
    """Host and port of an Origin header; empty if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _hostname(host: str) -> str | None:
    """Of a Host header, without its port; None if it is not one."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 (raises if it is no number)
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or parts.path:
        return None
    return parts.hostname


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def refusal(request: Request, refused: Exception) -> Response:
    """What is answered in place of a `Refused` that was raised inside the app."""
    assert isinstance(refused, Refused)
    headers = {}
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refused.status == 503:
        headers["retry-after"] = "1"
    body = error_body(refused.code, refused.message, refused.hint)
    return JSONResponse(body, refused.status, headers)
