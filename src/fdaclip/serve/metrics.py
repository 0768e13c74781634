"""What a server tells of itself to Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .service import Service

METHODS = ("GET", "HEAD", "POST", "DELETE")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # s


class Metrics:
    """Of one server; each has its own registry."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        names = ["route", "method", "status"]
        self.requests = Counter(
            "fdaclip_requests", "Requests that were answered.", names, registry=self.registry
        )
        self.seconds = Histogram(
            "fdaclip_request_seconds",
            "From a request to the end of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.jobs = Counter(
            "fdaclip_jobs", "Indexing that has ended, and how.", ["state"], registry=self.registry
        )
        self._gauge("fdaclip_indexing", "Is a job at work?").set_function(service.indexing)
        self._gauge("fdaclip_batches", "Passes in which searches were answered.").set_function(
            lambda: service.together.batches
        )
        self._gauge("fdaclip_searches", "Searches that were answered in them.").set_function(
            lambda: service.together.answered
        )
        for name in ("searches", "uploads", "heavy", "exports", "streams", "followers"):
            self._gauge(f"fdaclip_{name}_present", f"At the desk: {name}.").set_function(
                lambda name=name: getattr(service, name).present  # type: ignore[misc]
            )

    def _gauge(self, name: str, help: str) -> Gauge:
        return Gauge(name, help, registry=self.registry)

    def text(self) -> bytes:
        """In Prometheus's format."""
        return generate_latest(self.registry)


def _route(scope: Scope) -> str:
    """The address's pattern: never what a client makes up, of which there is no end."""
    pattern = str(getattr(scope.get("route"), "path", "none"))
    below = scope["path"].startswith("/api/v1/") and pattern.startswith("/")
    return f"/api/v1{pattern}" if below and not pattern.startswith("/api/") else pattern


class Counted:
    """Counts and times what the app answers, by route rather than by address."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = _route(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
