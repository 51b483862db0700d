"""The fast path: a cached page for a known caller is written before a request object exists.

uvicorn's protocol, bounded by the edge, frames everything; this subclass only looks at a complete
header section. Whatever is not plainly a hit goes uvicorn's ordinary way into the app
(performance.md §1, "Design, decided").
"""

import asyncio
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar, Final, NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.access_log import AccessLine
from gateway.cache import ResponseCache
from gateway.limits import POLICY_FIELD, STATE_FIELD, Verdict
from gateway.page import Key, Page, language_of, matches
from gateway.passage import Passage
from shared.http.edge import EdgeProtocol, request_id_from
from shared.http.edge.forwarded import without_forwarded

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
    operations: Container[str]


@dataclass(frozen=True, slots=True)
class FastPath:
    """What the fast path asks; nothing here waits.

    `lookup_token` knows the bytes of verified tokens that have neither ended nor been revoked;
    `take` counts a call of a client; `log` and `observe` note it (seconds).
    `pass_on` sends a plain read that is no page to its service, if it can be done at once.
    """

    cache: ResponseCache
    lookup_token: Callable[[bytes], KnownCaller | None]
    take: Callable[[str], Verdict]
    log: Callable[[AccessLine], None]
    observe: Callable[[float], None]
    pass_on: "Callable[[GatewayProtocol, Mapping[bytes, bytes], bytes], Passage | None]"


class GatewayProtocol(EdgeProtocol):
    """One connection to the gateway; `gateway_protocol` says where its fast path is."""

    find: ClassVar[Callable[[], FastPath | None]] = staticmethod(lambda: None)
    stamp: ClassVar[tuple[Any, bytes]] = (None, b"")  # uvicorn's Date of this second as bytes
    fast: FastPath | None = None
    passage: Passage | None = None  # the request that is on its direct way through

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.fast = type(self).find()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.passage is not None:
            self.passage.client_left()
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        if self.passage is not None:
            self.passage.check(now, before=self.policy.sweep_seconds)
        super().check(now)

    def answer_early(self, fields: dict[bytes, bytes]) -> bool:
        """Write a cached page, or pass the call on, if it is a plain GET of a known caller."""
        fast = self.fast
        if (
            fast is None
            or self.parser.get_method() != b"GET"
            or not _SLOW.isdisjoint(fields)
            or len(fields) != len(self.headers)
            or not self.parser.should_keep_alive()
            or (b"connection" in fields and self.parser.get_http_version() != "1.1")
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        authorization = fields.get(b"authorization", b"")
        if authorization[:7].lower() != _BEARER:
            return False
        token = authorization[7:]
        language = language_of(fields.get(b"accept-language"))
        page = fast.cache.get(cast("Key", (fields[b"host"], self.url, language)))
        if page is not None:
            return self._answer_with(page, fast, fields, token)
        self.passage = fast.pass_on(self, fields, token)
        if self.passage is None:
            return False
        self.cycle = self.passage  # type: ignore[assignment] # for those who follow on this connection
        return True

    def _answer_with(
        self, page: Page, fast: FastPath, fields: Mapping[bytes, bytes], token: bytes
    ) -> bool:
        caller = fast.lookup_token(token)
        if caller is None or page.operation not in caller.operations:
            return False
        verdict = fast.take(caller.client)
        if not verdict.allowed:
            return False  # the app says so, in its own words
        ready = page.for_encoding(fields.get(b"accept-encoding"))
        conditions = fields.get(b"if-none-match")
        if conditions is not None and matches(conditions, ready.etag):
            status, head, body = 304, ready.not_modified, b""
        else:
            status, head, body = 200, ready.head, ready.body
        request_id = request_id_from(fields.get(b"x-request-id"))
        own = (_POLICY, verdict.policy, _STATE, verdict.state, _REQUEST_ID, request_id, _END)
        self.transport.write(b"".join((head, self.stamped(), *own, body)))
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

    def leave(self, passage: Passage) -> None:
        """The passage is over, or goes on as an ordinary request."""
        self.passage = None
        if cast("object", self.cycle) is passage:
            self.cycle = None  # type: ignore[assignment] # as before the first request

    def start_app(
        self,
        url: bytes,
        headers: list[tuple[bytes, bytes]],
        *,
        in_place_of: Passage,
        state: dict[str, Any],
    ) -> None:
        """Give the app a request that was a passage so far.

        uvicorn starts one from its parser, which may be at a later request by now.
        """
        path, _, query = url.partition(b"?")
        client, scheme = self.origin(headers)
        cycle = RequestResponseCycle(
            scope={
                "type": "http",
                "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": scheme,
                "path": path.decode("ascii"),
                "raw_path": path,
                "query_string": query,
                "root_path": self.root_path,
                "headers": without_forwarded(headers),
                "client": client,
                "server": self.server,
                "state": {**self.app_state, **state},
            },
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=in_place_of.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        latest = cast("object", self.cycle) is in_place_of
        self.leave(in_place_of)
        if latest:
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    def stamped(self) -> bytes:
        """uvicorn's own fields as bytes; it makes them anew each second."""
        made, dated = self.stamp
        return dated if made is self.server_state.default_headers else self._restamp()

    def _restamp(self) -> bytes:
        current = self.server_state.default_headers
        dated = b"".join(b"%b: %b\r\n" % field for field in current)
        type(self).stamp = (current, dated)
        return dated


def gateway_protocol(find: Callable[[], FastPath | None]) -> type[GatewayProtocol]:
    """The base for `edge_config(..., base=...)`; `find` is asked once for each connection."""
    return type("GatewayProtocol", (GatewayProtocol,), {"find": staticmethod(find)})
