"""CORS for browsers of other origins, where an operator has named these origins (API11)."""

from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ASKED: Final = [
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
    "traceparent",
]
_SHOWN: Final = [
    "Content-Language",
    "Deprecation",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-Id",
]
_PREFLIGHT_SECONDS: Final = 600


class CrossOrigin:
    """ASGI layer outside of the data path: a preflight carries no token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: dict[tuple[str, ...], CORSMiddleware] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins: tuple[str, ...] = ()
        if scope["type"] == "http":
            origins = scope["app"].state.settings.cors_origins
        app = self._app if not origins else self._allowing(origins)
        await app(scope, receive, send)

    def _allowing(self, origins: tuple[str, ...]) -> CORSMiddleware:
        if origins not in self._known:
            self._known[origins] = CORSMiddleware(
                self._app,
                allow_origins=origins,
                allow_methods=_METHODS,
                allow_headers=_ASKED,
                expose_headers=_SHOWN,
                max_age=_PREFLIGHT_SECONDS,
            )
        return self._known[origins]
