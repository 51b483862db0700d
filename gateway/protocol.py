"""The fast path: a cached page for a known caller is written before a request object exists.

uvicorn's protocol, bounded by the edge, frames everything; this subclass only looks at a complete
header section. Whatever is not plainly a hit goes uvicorn's ordinary way into the app
(performance.md §1, "Design, decided").
"""

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar, Final, NamedTuple, cast

from gateway.access_log import AccessLine
from gateway.cache import ResponseCache
from gateway.limits import POLICY_FIELD, STATE_FIELD, Charge, Verdict
from gateway.page import Key, language_of, matches
from shared.http.edge import EdgeProtocol, request_id_from

# a request with one of these is not plain
_SLOW: Final = frozenset(
    b"content-length transfer-encoding upgrade expect range if-range if-match if-modified-since"
    b" if-unmodified-since te trailer origin".split()
)
_BEARER: Final = b"bearer "
_POLICY: Final = POLICY_FIELD + b": "
_STATE: Final = b"\r\n" + STATE_FIELD + b": "
_REQUEST_ID: Final = b"\r\nx-request-id: "
_END: Final = b"\r\n\r\n"


class KnownCaller(NamedTuple):
    """What a verified token stands for; `operations` are those that it may call."""

    client: str
    expires_at: float  # epoch seconds, on the clock of `FastPath.now`
    operations: Container[str]


@dataclass(frozen=True, slots=True)
class FastPath:
    """What the fast path asks; nothing here waits.

    `lookup_token` knows the bytes of verified tokens that are not revoked; `charges` says whom a
    call of an operation counts against; `take` counts it; `log` and `observe` note it (seconds).
    """

    cache: ResponseCache
    lookup_token: Callable[[bytes], KnownCaller | None]
    charges: Callable[[str, str], Sequence[Charge]]
    take: Callable[[Sequence[Charge]], Verdict]
    now: Callable[[], float]
    log: Callable[[AccessLine], None]
    observe: Callable[[float], None]


class GatewayProtocol(EdgeProtocol):
    """One connection to the gateway; `gateway_protocol` says where its fast path is."""

    find: ClassVar[Callable[[], FastPath | None]] = staticmethod(lambda: None)
    stamp: ClassVar[tuple[Any, bytes]] = (None, b"")  # uvicorn's Date of this second as bytes
    fast: FastPath | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.fast = type(self).find()

    def answer_early(self, fields: dict[bytes, bytes]) -> bool:
        """Write a cached page if this is a plain GET of a known caller within its rate."""
        fast = self.fast
        if (
            fast is None
            or self.parser.get_method() != b"GET"
            or not _SLOW.isdisjoint(fields)
            or len(fields) != len(self.headers)
            or not self.parser.should_keep_alive()
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        language = language_of(fields.get(b"accept-language"))
        page = fast.cache.get(cast("Key", (fields[b"host"], self.url, language)))
        if page is None:
            return False
        authorization = fields.get(b"authorization", b"")
        if authorization[:7].lower() != _BEARER:
            return False
        caller = fast.lookup_token(authorization[7:])
        if (
            caller is None
            or caller.expires_at <= fast.now()
            or page.operation not in caller.operations
        ):
            return False
        verdict = fast.take(fast.charges(caller.client, page.operation))
        if not verdict.allowed:
            return False  # the app says so, in its own words
        ready = page.for_encoding(fields.get(b"accept-encoding"))
        conditions = fields.get(b"if-none-match")
        if conditions is not None and matches(conditions, ready.etag):
            status, head, body = 304, ready.not_modified, b""
        else:
            status, head, body = 200, ready.head, ready.body
        request_id = request_id_from(fields.get(b"x-request-id"))
        made, dated = self.stamp
        if made is not self.server_state.default_headers:
            dated = self._restamp()
        own = (_POLICY, verdict.policy, _STATE, verdict.state, _REQUEST_ID, request_id, _END)
        self.transport.write(b"".join((head, dated, *own, body)))
        self.server_state.total_requests += 1
        seconds = perf_counter() - self.began_at
        fast.observe(seconds)
        traceparent = fields.get(b"traceparent", b"")
        client = caller.client
        size = len(body)
        fast.log(
            AccessLine(
                "GET", self.url, status, size, seconds, request_id, client, traceparent, "hit"
            )
        )
        return True

    def _restamp(self) -> bytes:
        """uvicorn's own fields as bytes; it makes them anew each second."""
        current = self.server_state.default_headers
        dated = b"".join(b"%b: %b\r\n" % field for field in current)
        type(self).stamp = (current, dated)
        return dated


def gateway_protocol(find: Callable[[], FastPath | None]) -> type[GatewayProtocol]:
    """The base for `edge_config(..., base=...)`; `find` is asked once for each connection."""
    return type("GatewayProtocol", (GatewayProtocol,), {"find": staticmethod(find)})
