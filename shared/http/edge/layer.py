"""The outermost ASGI layer: counts the body, names the request, completes every answer.

Whatever escapes from the app becomes a problem without a word of it; a plain-text error of a
library below is replaced by a problem too (API2).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.edge.policy import EdgePolicy, Problem
from shared.http.edge.problem import (
    CODE_OF_STATUS,
    REQUEST_ID,
    completed,
    problem,
    problem_answer,
    request_id_from,
)

# bytes that one request may carry, by (method, path); None means the policy's own limit
BodyLimit = Callable[[str, str], int | None]

_log = logging.getLogger("shared.http.edge")
_ERRORS, _FAULTS = 400, 500
_KEPT = frozenset({b"allow", b"retry-after", b"www-authenticate", b"connection"})


class BodyTooLarge(Exception):
    """Ends the app's reading of a body that has passed its limit."""


class _Exchange:
    """One request on its way in and its answer on the way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, say: Problem) -> None:
        self._receive, self._send, self._say = receive, send, say
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        fields = dict(self._headers)
        self.expects = b"expect" in fields
        self.declared = fields.get(b"content-length")
        asked = fields.get(REQUEST_ID)
        self.request_id = request_id_from(asked)
        if self.request_id != asked:
            others = [field for field in self._headers if field[0] != REQUEST_ID]
            scope["headers"] = [*others, (REQUEST_ID, self.request_id)]
        scope.setdefault("state", {})["request_id"] = self.request_id.decode()
        self.left = 0
        self._read = False
        self.too_large = False
        self.started = False
        self._replaced: tuple[int, list[tuple[bytes, bytes]]] | None = None

    def declares_too_much(self) -> bool:
        return (
            self.declared is not None and self.declared.isdigit() and int(self.declared) > self.left
        )

    async def receive(self) -> Message:
        self._read = True
        message = await self._receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                self.too_large = True
                raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        if self.too_large and not self.started:
            return  # the app's own idea of what went wrong does not matter
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if message["status"] >= _ERRORS and _is_plain_text(headers):
                kept = [field for field in headers if field[0].lower() in _KEPT]
                self._replaced = message["status"], kept
                return
            self.started = True
            whole = completed(headers, self.request_id)
            await self._send({**message, "headers": [*whole, *self._last()]})
        elif self._replaced is not None:
            if not message.get("more_body", False):
                status, kept = self._replaced
                self._replaced = None
                await self.problem(CODE_OF_STATUS.get(status, _default(status)), status, kept)
        else:
            await self._send(message)

    async def problem(
        self, code: str, status: int, extra: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        self.started = True
        asked = {**dict(self._headers), REQUEST_ID: self.request_id}
        body, headers = problem_answer(self._say, code, status, asked)
        headers += [*(extra or ()), *self._last()]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _last(self) -> list[tuple[bytes, bytes]]:
        """A client that waits for "100 Continue" sends no body: only a close keeps the framing."""
        return [(b"connection", b"close")] if self.expects and not self._read else []

    async def refuse_body(self) -> None:
        await self.problem("too_large", 413)


class EdgeLayer:
    """Pure ASGI middleware; put it outside of everything else."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: EdgePolicy,
        say: Problem,
        body_limit: BodyLimit | None,
    ) -> None:
        self._app = app
        self._policy = policy
        self._say = say
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._say)
        exchange.left = self._limit(scope)
        if exchange.declares_too_much():
            await exchange.refuse_body()
            return
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            # the server stops and this request has used up its grace
            if not exchange.started:
                await exchange.problem("unavailable", 503, [(b"connection", b"close")])
            raise
        except Exception as error:  # noqa: BLE001 the last place that can answer for it
            if not exchange.too_large and not isinstance(error, ClientDisconnect):
                _log.exception("request %s failed", exchange.request_id.decode(), exc_info=error)
            if exchange.started:
                return  # the server sees an unfinished answer and cuts the connection
        if not exchange.started:
            if exchange.too_large:
                await exchange.refuse_body()
            else:
                await exchange.problem("internal_error", 500)

    def _limit(self, scope: Scope) -> int:
        if self._body_limit is not None:
            own = self._body_limit(scope["method"], scope["path"])
            if own is not None:
                return own
        return self._policy.body_bytes


def edge(
    app: ASGIApp,
    *,
    policy: EdgePolicy | None = None,
    say: Problem = problem,
    body_limit: BodyLimit | None = None,
) -> EdgeLayer:
    """Put the layer around an app: `app.add_middleware(edge)` or `edge(app, policy=...)`."""
    return EdgeLayer(app, policy=policy or EdgePolicy(), say=say, body_limit=body_limit)


def _is_plain_text(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    kinds = [value for name, value in headers if name.lower() == b"content-type"]
    return not kinds or kinds[0].startswith(b"text/plain")


def _default(status: int) -> str:
    return "internal_error" if status >= _FAULTS else "bad_request"
