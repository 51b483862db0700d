"""Which fields pass the gateway: a request's own, never what only the gateway may say (G1)."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from gateway.page import service_etags
from shared.http.context import continued, traceparent

BUDGET_FIELD: Final = b"x-time-budget-ms"
HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer"
    b" transfer-encoding upgrade http2-settings expect".split()
)
# whatever a service might take for our word on identity, origin, method or path
_OURS: Final = (
    b"x-forwarded", b"x-real-", b"x-client-", b"x-user", b"x-role", b"x-actor", b"x-subject",
    b"x-org", b"x-region", b"x-scope", b"x-tenant", b"x-auth", b"x-identity", b"x-principal",
    b"x-gft-", b"x-internal-", b"x-remote-", b"x-original-", b"x-rewrite-", b"x-envoy-",
    b"x-http-method", b"x-method-override", b"x-ssl-", b"ssl-client", b"x-cert", b"x-consumer",
    b"x-credential",
)  # fmt: skip
_OUR_NAMES: Final = frozenset(
    {b"forwarded", b"via", b"proxy", b"host", b"remote-user", b"true-client-ip", b"x-request-id"}
    | {b"traceparent", b"tracestate", BUDGET_FIELD, b"cf-connecting-ip", b"client-ip"}
)
_ANSWER_DROPPED: Final = HOP_BY_HOP | {b"server", b"date", b"via"}
_TAGGED: Final = frozenset({b"if-match", b"if-none-match"})
_CONDITIONS: Final = frozenset(
    b"if-none-match if-modified-since if-range range accept-encoding".split()
)
_UNSAFE_VALUE: Final = re.compile(rb"[\r\n\0]")

Headers = Sequence[tuple[bytes, bytes]]


def request_fields(
    scope: Scope, *, own: Headers, without: frozenset[bytes]
) -> list[tuple[bytes, bytes]]:
    """What of a client's fields goes on, and the gateway's own after it."""
    dropped = HOP_BY_HOP | _OUR_NAMES | without | {name for name, _ in own}
    fields = []
    for name, value in end_to_end(scope["headers"], dropped):
        if name in _TAGGED:
            fields.append((name, service_etags(value)))
        elif not name.startswith(_OURS):
            fields.append((name, value))
    for name, value in own:
        if _UNSAFE_VALUE.search(value):
            raise ValueError(f"the value of {name.decode()} would end its line")
        fields.append((name, value))
    return fields


def context_fields(scope: Scope, *, request_id: bytes, left: float) -> list[tuple[bytes, bytes]]:
    """Where a request comes from, what it is called and how many seconds it has left (API7)."""
    incoming = dict(scope["headers"])
    client = scope.get("client")
    trace = incoming.get(b"traceparent", b"").decode("latin-1")
    ours = traceparent.get() or continued(trace or None)
    fields = [
        (b"x-forwarded-for", client[0].encode() if client else b"unknown"),
        (b"x-forwarded-proto", scope["scheme"].encode()),
        (b"x-forwarded-host", incoming.get(b"host", b"")),
        (b"x-request-id", request_id),
        (b"traceparent", ours.encode()),
        (BUDGET_FIELD, b"%d" % max(1, int(left * 1000))),
    ]
    state = incoming.get(b"tracestate")
    if state is not None and trace[3:35] == ours[3:35]:
        fields.append((b"tracestate", state))
    return fields


def answer_fields(headers: Headers) -> list[tuple[bytes, bytes]]:
    """What of a service's fields goes back."""
    return end_to_end(headers, _ANSWER_DROPPED)


def unconditional(headers: Headers) -> list[tuple[bytes, bytes]]:
    """A request's fields without conditions, ranges and codings: for a whole plain answer."""
    return [field for field in headers if field[0] not in _CONDITIONS]


def end_to_end(headers: Headers, dropped: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Without what was meant for one connection, and what its Connection field names.

    Content-Length cannot be named away: a body without it would be read as another request.
    """
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    } - {b"content-length"}
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in dropped and name.lower() not in named
    ]


def asked_budget(value: bytes | None) -> float | None:
    """Seconds that the caller gives, from milliseconds; None where it says nothing sensible."""
    if value is None or not value.isdigit() or len(value) > 9 or int(value) == 0:
        return None
    return int(value) / 1000
