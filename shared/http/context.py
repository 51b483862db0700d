"""What one request is called: its id and its W3C trace context (API7)."""

import re
import secrets
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")

request_id: ContextVar[str] = ContextVar("request_id", default="")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def trace_id() -> str:
    """The 32 hex digits of the trace, or an empty string outside of one."""
    return traceparent.get()[3:35]


def continued(header: str | None) -> str:
    """The caller's traceparent with a span of our own, or a new trace."""
    if header is not None and _TRACEPARENT.match(header):
        return f"{header[:36]}{secrets.token_hex(8)}{header[52:]}"
    fresh = secrets.token_hex(24)
    return f"00-{fresh[:32]}-{fresh[32:]}-00"


class InContext:
    """ASGI layer that sets both names for everything below it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            request_id.set(scope.get("state", {}).get("request_id", ""))
            traceparent.set(continued(headers.get(b"traceparent", b"").decode("latin-1") or None))
        await self._app(scope, receive, send)
