"""The direct way through: a plain read of a known caller, passed on without a task or a scope.

Most calls are such reads, and most answers are short and good: for these the asyncio tasks, timers
and ASGI messages of the ordinary way cost more than all that has to be done. So the request is
written from within the parser's callback, and its answer from within that of the connection
behind. Whatever does not go well, or takes long, is handed over as it stands to the ordinary way,
which has the deadlines, retries, streaming and words for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.access_log import AccessLine, AccessLog
from gateway.breaker import BreakerState, Ticket
from gateway.connection import Head
from gateway.limits import POLICY_FIELD, STATE_FIELD, Verdict
from gateway.passed_fields import (
    BUDGET_FIELD,
    answer_fields,
    asked_budget,
    context_lines,
    request_fields,
)
from gateway.proxy import CLIENT_LEFT, Begun, Upstream
from gateway.tools import Tools
from shared.errors import DomainError
from shared.http.context import continued
from shared.http.edge.problem import REQUEST_ID, missing_security, request_id_from
from shared.http.edge.target import target_accepted
from shared.metrics import REQUESTS
from shared.security.access import Effect, Operation, check_role
from shared.security.identity import Actor

if TYPE_CHECKING:
    from gateway.protocol import GatewayProtocol

SHORT_BUDGET: Final = 1.0  # seconds: less is timed by the ordinary way from the start
_PROBLEMS: Final = 400  # statuses from here are the ordinary way's matter
_BODYLESS: Final = frozenset({204, 304})
_OURS: Final = frozenset({POLICY_FIELD, STATE_FIELD, REQUEST_ID})
_OWN_LINES: Final = b"".join(name + b": %b\r\n" for name in (POLICY_FIELD, STATE_FIELD, REQUEST_ID))
_TRACEPARENT: Final = b"traceparent"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call that was let in, and whom it goes to."""

    operation: Operation
    client_id: str
    verdict: Verdict
    upstream: Upstream
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What the ordinary way goes on with; the request is with the service already."""

    allowed: Allowed
    begun: Begun
    began_at: float


def pass_on(
    client: "GatewayProtocol", fields: Mapping[bytes, bytes], token: bytes, *, tools: Tools
) -> "Passage | None":
    """Send a plain read on if nothing stands in its way; None leaves it to the ordinary way."""
    budget = min(tools.budget, asked_budget(fields.get(BUDGET_FIELD)) or tools.budget)
    claims = tools.verifier.cached(token)
    if claims is None or budget < SHORT_BUDGET:
        return None
    operation = _operation(client.url, claims.actor, tools)
    if operation is None:
        return None
    upstream = tools.services[operation.service].choose()
    if upstream.breaker.state is not BreakerState.CLOSED or not upstream.pool.ready:
        return None
    client_id = claims.actor.client_id
    verdict = tools.clients.take_one(client_id, tools.client_plan)
    ticket = upstream.breaker.enter()
    if not verdict.allowed or ticket is None:
        return None
    upstream.retries.deposit()
    allowed = Allowed(operation, client_id, verdict, upstream, ticket)
    return Passage(client, fields, allowed, budget=budget, log=tools.log)


def _operation(url: bytes, actor: Actor, tools: Tools) -> Operation | None:
    """The read of a service that this is; what is refused, the ordinary way refuses in words."""
    if b"%" in url or not target_accepted(url) or actor.person:  # of persons more is asked
        return None
    try:
        operation = tools.routes.find("GET", url.partition(b"?")[0].decode("ascii"))
        check_role(operation, actor)
    except DomainError:
        return None
    public = operation.effect is Effect.PUBLIC_READ  # those are kept
    if public or operation.id in tools.routes.rules or operation.service not in tools.services:
        return None
    return operation


class Passage:
    """One such read; to its protocol it stands where uvicorn's cycle of a request stands."""

    __slots__ = (
        "_allowed",
        "_began_at",
        "_client",
        "_connection",
        "_deadline",
        "_fields",
        "_headers",
        "_log",
        "_request_id",
        "_trace",
        "_url",
        "keep_alive",
        "response_complete",
    )

    def __init__(
        self,
        client: "GatewayProtocol",
        fields: Mapping[bytes, bytes],
        allowed: Allowed,
        *,
        budget: float,
        log: AccessLog,
    ) -> None:
        self.response_complete = False
        self.keep_alive = True
        self._client, self._fields, self._allowed, self._log = client, fields, allowed, log
        self._url, self._headers, self._began_at = client.url, client.headers, client.began_at
        self._request_id = request_id_from(fields.get(REQUEST_ID))
        self._trace = continued(fields.get(_TRACEPARENT, b"").decode("latin-1") or None)
        self._deadline = client.loop.time() + budget
        self._connection = allowed.upstream.pool.take()
        self._connection.begin(self._request(budget), bodyless=False, on_news=self._on_news)

    def check(self, now: float, *, before: float) -> None:
        """Called by the sweep: a task follows what may end, or must, `before` the next one."""
        if now + before >= self._deadline or not self.keep_alive:
            self._hand_over()

    def client_left(self) -> None:
        self._end()
        self._connection.on_news = None
        self._allowed.upstream.pool.release(self._connection, clean=False)
        self._note(CLIENT_LEFT, 0)

    def _request(self, budget: float) -> bytes:
        peer, scheme = self._client.origin(self._headers)
        lines = [b"GET ", self._url, b" HTTP/1.1\r\nhost: ", self._allowed.upstream.host, b"\r\n"]
        for name, value in request_fields(self._headers):
            lines += (name, b": ", value, b"\r\n")
        context = context_lines(
            self._fields,
            address=peer[0] if peer is not None else "unknown",
            scheme=scheme,
            request_id=self._request_id,
            trace=self._trace,
            left=budget,
        )
        return b"".join((*lines, context, b"\r\n"))

    def _on_news(self) -> None:
        """The answer is here, or it is long, or there will be none."""
        if self._client.transport.is_closing():
            return  # `client_left` follows
        connection = self._connection
        head = connection.head.result() if connection.ended else None
        if head is None or head.status >= _PROBLEMS:
            self._hand_over()
        else:
            self._answer(head, connection.taken())

    def _answer(self, head: Head, body: bytes) -> None:
        """In one piece, with every field that the layers of the ordinary way would have set."""
        client, allowed = self._client, self._allowed
        allowed.ticket.settle(ok=True)
        allowed.upstream.pool.release(self._connection, clean=True)
        lines = [STATUS_LINE[head.status], client.stamped()]
        for name, value in (*answer_fields(head.headers), *missing_security(head.fields)):
            if name not in _OURS:
                lines += (name, b": ", value, b"\r\n")
        verdict = allowed.verdict
        lines.append(_OWN_LINES % (verdict.policy, verdict.state, self._request_id))
        if b"content-length" not in head.fields and head.status not in _BODYLESS:
            lines.append(b"content-length: %d\r\n" % len(body))
        lines += (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n", body)
        self._end()
        client.transport.write(b"".join(lines))
        self._note(head.status, len(body))
        if not self.keep_alive:
            client.transport.close()
        client.on_response_complete()

    def _hand_over(self) -> None:
        self._connection.on_news = None
        allowed = self._allowed
        begun = Begun(self._connection, allowed.ticket, self._deadline)
        ours = ((REQUEST_ID, self._request_id), (_TRACEPARENT, self._trace.encode()))
        headers = [field for field in self._headers if field[0] not in (REQUEST_ID, _TRACEPARENT)]
        self._client.start_app(
            self._url,
            [*headers, *ours],
            in_place_of=self,
            state={"handed_over": HandedOver(allowed, begun, self._began_at)},
        )

    def _end(self) -> None:
        self.response_complete = True
        self._client.leave(self)

    def _note(self, status: int, size: int) -> None:
        seconds = perf_counter() - self._began_at
        allowed = self._allowed
        REQUESTS.note("gateway", "GET", allowed.operation.id, status, seconds=seconds)
        request_id, trace, client = self._request_id, self._trace.encode(), allowed.client_id
        self._log.add(
            AccessLine("GET", self._url, status, size, seconds, request_id, client, trace, "pass")
        )
