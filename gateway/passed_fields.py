"""Which fields pass the gateway: a request's own, never what only the gateway may say (G1).

Names are in lower case, as both parsers give them. They repeat, so each is looked at once.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from gateway.page import service_etags

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
_NONE: Final = frozenset[bytes]()
_UNSAFE_VALUE: Final = re.compile(rb"[\r\n\0]")

Headers = Sequence[tuple[bytes, bytes]]


def request_fields(
    headers: Headers, *, own: Headers = (), without: frozenset[bytes] = frozenset()
) -> list[tuple[bytes, bytes]]:
    """What of a client's fields goes on, and the gateway's own after it."""
    dropped = _named(headers) | without | {name for name, _ in own}
    fields = [
        (name, service_etags(value) if name in _TAGGED else value)
        for name, value in headers
        if _passes_on(name) and name not in dropped
    ]
    for name, value in own:
        if _UNSAFE_VALUE.search(value):
            raise ValueError(f"the value of {name.decode()} would end its line")
        fields.append((name, value))
    return fields


_CONTEXT: Final = (
    b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\n"
    b"x-request-id: %b\r\ntraceparent: %b\r\n" + BUDGET_FIELD + b": %d\r\n"
)


def context_lines(
    incoming: Mapping[bytes, bytes],
    *,
    address: str,
    scheme: str,
    request_id: bytes,
    trace: str,
    left: float,
) -> bytes:
    """Where a request comes from, what it is called and how many seconds it has left (API7)."""
    host, state = incoming.get(b"host", b""), incoming.get(b"tracestate")
    lines = _CONTEXT % (
        address.encode(),
        scheme.encode(),
        host,
        request_id,
        trace.encode(),
        max(1, int(left * 1000)),
    )
    if state is not None and incoming.get(b"traceparent", b"")[3:35] == trace[3:35].encode():
        lines += b"tracestate: %b\r\n" % state
    return lines


def answer_fields(headers: Headers) -> list[tuple[bytes, bytes]]:
    """What of a service's fields goes back."""
    named = _named(headers)
    return [field for field in headers if _passes_back(field[0]) and field[0] not in named]


def unconditional(headers: Headers) -> list[tuple[bytes, bytes]]:
    """A request's fields without conditions, ranges and codings: for a whole plain answer."""
    return [field for field in headers if field[0] not in _CONDITIONS]


@lru_cache(maxsize=1024)
def _passes_on(name: bytes) -> bool:
    return name not in HOP_BY_HOP and name not in _OUR_NAMES and not name.startswith(_OURS)


@lru_cache(maxsize=1024)
def _passes_back(name: bytes) -> bool:
    return name not in _ANSWER_DROPPED


def _named(headers: Headers) -> frozenset[bytes]:
    """What a Connection field names: meant for one connection alone.

    Content-Length cannot be named away: a body without it would be read as another request.
    """
    options = [value for name, value in headers if name == b"connection"]
    return _options(b",".join(options)) if options else _NONE


@lru_cache(maxsize=256)
def _options(value: bytes) -> frozenset[bytes]:
    named = {token.strip().lower() for token in value.split(b",")}
    return frozenset(named - {b"content-length"})


def asked_budget(value: bytes | None) -> float | None:
    """Seconds that the caller gives, from milliseconds; None where it says nothing sensible."""
    if value is None or not value.isdigit() or len(value) > 9 or int(value) == 0:
        return None
    return int(value) / 1000
