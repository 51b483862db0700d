"""What happens to a call before anything answers it: limits, token, rights, cache, service.

The order is fixed, cheapest first: a flood costs no signature check, a stranger no upstream.
Calls for the gateway's own resources go the same way and then into the app below.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access_log import AccessLine
from gateway.limits import Verdict
from gateway.page import Filled, Key, language_of, send_page
from gateway.passage import HandedOver
from gateway.proxy import Begun, Upstream, fetch, forward
from gateway.routes import ENTRY_PREFIX
from gateway.tools import Tools
from gateway.upstream import UpstreamFailure
from shared.errors import (
    BadGateway,
    DomainError,
    GatewayTimeout,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from shared.http.context import traceparent
from shared.http.edge.problem import REQUEST_ID
from shared.http.operations import TokenMissing
from shared.http.problems import problem_response
from shared.security.access import ENTRY, Effect, Operation, check_role
from shared.security.identity import Actor
from shared.security.tokens import Claims

OWN: Final = "gateway"
_UNLIMITED: Final = ("/livez", "/readyz", "/metrics")
_REFUSALS: Final = {kind.code: kind for kind in (BadGateway, GatewayTimeout, Unavailable, TooLarge)}


class DataPath:
    """ASGI layer inside the edge; `app` answers what is the gateway's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNLIMITED:
            await self._app(scope, receive, send)
            return
        call = _Call(scope, receive, send, scope["app"].state.tools, self._app)
        try:
            await call.answer()
        except DomainError as error:
            await call.refuse(error)
        finally:
            call.note()


class _Call:
    """One request on its way through."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, tools: Tools, own: ASGIApp
    ) -> None:
        self._scope, self._receive, self._raw_send = scope, receive, send
        self._tools = tools
        self._own = own
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._verdict: Verdict | None = None
        self._started = False
        self._bodyless = scope["method"] == "HEAD"
        self._began = perf_counter()
        self._client, self._cache, self._status, self._bytes = "", "pass", 499, 0
        self._log_only = ""

    async def answer(self) -> None:
        handed_over: HandedOver | None = self._scope["state"].get("handed_over")
        if handed_over is not None:
            await self._go_on(handed_over)
            return
        path: str = self._scope["path"]
        if not path.startswith("/v1/"):
            self._charge_stranger()
            await self._own(self._scope, self._receive, self.send)
            return
        entry = path.startswith(ENTRY_PREFIX)
        operation = ENTRY if entry else self._find(path)
        self._scope["operation"] = operation.id
        claims = await self._identify()
        check_role(operation, claims.actor)
        if claims.actor.person:
            tools = self._tools
            tools.standing.check(
                operation, claims.actor, issuer=claims.issuer, now=tools.verifier.now()
            )
        if operation.id in self._tools.routes.rules:
            self._judge(operation, claims.actor)
        if entry:
            await self._tools.entries.call(self._scope, self._receive, self.send, say=self._say)
        elif operation.service == OWN:
            await self._own(self._scope, self._receive, self.send)
        elif operation.effect is Effect.PUBLIC_READ:
            await self._read_public(operation)
        else:
            await self._forward(self._upstream_of(operation))

    async def _go_on(self, direct: HandedOver) -> None:
        """What the direct way has begun: let in and charged, and with the service already."""
        allowed = direct.allowed
        self._began, self._client = direct.began_at, allowed.client_id
        self._verdict = allowed.verdict
        self._scope["operation"] = allowed.operation.id
        await self._forward(allowed.upstream, begun=direct.begun)

    async def refuse(self, error: DomainError) -> None:
        if self._started:
            raise error
        response = problem_response(Request(self._scope), error)
        await response(self._scope, self._receive, self.send)

    async def send(self, message: Message) -> None:
        """Every answer says what is left of the caller's limits (API6)."""
        if message["type"] == "http.response.start":
            self._started = True
            self._status = message["status"]
            own = self._verdict.headers() if self._verdict is not None else []
            names = {name for name, _ in own}
            kept = [field for field in message["headers"] if field[0].lower() not in names]
            message = {**message, "headers": [*kept, *own]}
        elif self._bodyless:
            message = {**message, "body": b""}
        self._bytes += len(message.get("body", b""))
        await self._raw_send(message)

    def note(self) -> None:
        """One line of the access log: never a query, a body or a token."""
        self._tools.log.add(
            AccessLine(
                method=self._scope["method"],
                target=self._scope["raw_path"],
                status=self._status,
                bytes_sent=self._bytes,
                seconds=perf_counter() - self._began,
                request_id=self._headers.get(REQUEST_ID, b""),
                client_id=self._client,
                traceparent=traceparent.get().encode(),
                cache=self._cache,
                reason=self._log_only,
            )
        )

    # --- who

    def _judge(self, operation: Operation, actor: Actor) -> None:
        """The rule that is set on the route: it refuses, or only reports that it would (G1)."""
        tools = self._tools
        refusal = tools.routes.rules[operation.id].refusal(operation, actor)
        if refusal is None:
            return
        if operation.id in tools.routes.enforced:
            raise refusal
        self._log_only = refusal.code
        tools.tallies.would_refuse(operation, actor, refusal.code, tools.verifier.now())

    def _find(self, path: str) -> Operation:
        """The operation; who asks for what is not there is charged as well."""
        try:
            return self._tools.routes.find(self._scope["method"], path)
        except DomainError:
            token = self._token()
            claims = self._tools.verifier.cached(token) if token else None
            if claims is None:
                self._charge_stranger()
            else:
                self._charge_client(claims)
            raise

    async def _identify(self) -> Claims:
        """The claims of a good token; a caller without one is charged before it is verified."""
        token = self._token()
        if not token:
            self._charge_stranger()
            raise TokenMissing
        verifier = self._tools.verifier
        claims = verifier.cached(token)
        if claims is None:
            self._charge_stranger()
            claims = await verifier.claims(token)
        self._charge_client(claims)
        return claims

    def _token(self) -> bytes:
        scheme, _, token = self._headers.get(b"authorization", b"").partition(b" ")
        return token if scheme.lower() == b"bearer" else b""

    def _charge_client(self, claims: Claims) -> None:
        self._client = claims.actor.client_id
        self._charge(self._tools.clients.take_one(self._client, self._tools.client_plan))

    def _charge_stranger(self) -> None:
        client = self._scope.get("client")
        key = f"ip:{client[0] if client else 'unknown'}"
        self._charge(self._tools.strangers.take_one(key, self._tools.stranger_plan))

    def _charge(self, verdict: Verdict) -> None:
        self._verdict = verdict
        if not verdict.allowed:
            raise TooManyRequests(retry_after=verdict.retry_after)

    # --- the service behind

    async def _read_public(self, operation: Operation) -> None:
        key = key_of(self._headers, self._scope)
        upstream = self._upstream_of(operation)

        async def fill() -> Filled:
            return await fetch(self._scope, upstream=upstream, budget_seconds=self._tools.budget)

        try:
            page, filled = await self._tools.cache.get_or_fill(key, operation.id, fill)
        except UpstreamFailure as failure:
            raise BadGateway from failure
        self._cache = "hit" if page is not None else "miss"
        if page is not None:
            ready = page.for_encoding(self._headers.get(b"accept-encoding"))
            conditions = self._headers.get(b"if-none-match")
            await send_page(self.send, ready, conditions=conditions, more=[])
        elif filled is not None:
            start = {"type": "http.response.start", "status": filled.status}
            await self.send({**start, "headers": list(filled.headers)})
            await self.send({"type": "http.response.body", "body": filled.body})
        else:
            await self._forward(self._upstream_of(operation))

    def _upstream_of(self, operation: Operation) -> Upstream:
        service = self._tools.services.get(operation.service)
        if service is None:
            raise Unavailable
        return service.choose()

    async def _forward(self, upstream: Upstream, *, begun: Begun | None = None) -> None:
        await forward(
            {**self._scope, "method": "GET"} if self._bodyless else self._scope,
            self._receive,
            self.send,
            upstream=upstream,
            budget_seconds=self._tools.budget,
            say=self._say,
            begun=begun,
        )

    def _say(self, code: str, _status: int, _request_id: str, _language: str) -> bytes:
        """The proxy's refusals, in the gateway's words."""
        return bytes(problem_response(Request(self._scope), _REFUSALS[code]()).body)


def key_of(headers: Mapping[bytes, bytes], scope: Scope) -> Key:
    query: bytes = scope["query_string"]
    target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return Key(headers.get(b"host", b""), target, language_of(headers.get(b"accept-language")))
