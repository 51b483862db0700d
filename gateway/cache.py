"""Ready-made answers of public reads: bytes to write, kept by size, dropped by events.

An answer is kept only where its service says `Cache-Control: public`: nothing that depends on who
asked can get here. A fill that began before an event about its content is never kept.
"""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.http.edge import with_security_headers
from shared.http.language import negotiate

TAG_FIELD: Final = b"cache-tag"  # what an answer shows: `listing:42, organisation:jx-rst`
GZIP_FROM: Final = 1024  # bytes (API11)
_OVERHEAD: Final = 2048  # bytes of Python objects beside an answer's own
_PASSED_BY: Final = 4096  # keys remembered as not to be kept
_VARIED: Final = frozenset({b"accept-language", b"accept-encoding"})
_DROPPED: Final = frozenset(
    {TAG_FIELD, b"content-length", b"connection", b"date", b"server", b"etag", b"x-request-id"}
    | {b"transfer-encoding", b"keep-alive", b"age", b"content-encoding", b"vary"}
)

Headers = Sequence[tuple[bytes, bytes]]


class Key(NamedTuple):
    """Host and target as they were sent, and the language that was negotiated."""

    host: bytes
    target: bytes
    language: str


class Filled(NamedTuple):
    """What a service answered."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """One representation: the heads end before the fields that each request adds."""

    etag: bytes
    headers: Headers
    head: bytes
    body: bytes
    not_modified: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One kept answer in its representations."""

    operation: str
    plain: Ready
    gzipped: Ready | None
    tags: frozenset[str]
    expires: float
    size: int

    def for_encoding(self, accept_encoding: bytes | None) -> Ready:
        if self.gzipped is not None and accept_encoding and accepts_gzip(accept_encoding):
            return self.gzipped
        return self.plain


Fill = Callable[[], Awaitable[Filled]]


class ResponseCache:
    """Pages by key, at most `most_bytes` of them, each for at most `ttl` seconds."""

    def __init__(
        self, *, now: Callable[[], float], most_bytes: int = 64 * 2**20, ttl: float = 30.0
    ) -> None:
        self._now = now
        self._most = most_bytes
        self._ttl = ttl
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._keys_of: dict[str, set[Key]] = {}
        self._flights: dict[Key, asyncio.Task[tuple[Page | None, Filled]]] = {}
        self._filling = 0
        self._events = 0
        self._dropped_at: dict[str, int] = {}
        self._all_dropped_at = 0
        self._passed: OrderedDict[Key, float] = OrderedDict()
        self.bytes_held = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Key) -> Page | None:
        page = self._pages.get(key)
        if page is None:
            return None
        if page.expires <= self._now():
            self._remove(key)
            return None
        self._pages.move_to_end(key)
        self.hits += 1
        return page

    async def get_or_fill(
        self, key: Key, operation: str, fill: Fill
    ) -> tuple[Page | None, Filled | None]:
        """The page; or, where the answer is not to be kept, the answer itself or nothing.

        Callers of one key share one fill, which no caller's leaving ends. `(None, None)`: the
        answer of that fill was not for everybody, so this caller asks for itself.
        """
        page = self.get(key)
        if page is not None:
            return page, None
        self.misses += 1
        if self._passed.get(key, 0.0) > self._now():
            return None, await fill()
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = asyncio.create_task(self._fill(key, operation, fill))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        page, filled = await asyncio.shield(flight)
        return page, filled if leads and page is None else None

    def invalidate(self, tag: str) -> None:
        """An event says that what carries this tag has changed."""
        self._events += 1
        self._dropped_at[tag] = self._events
        for key in list(self._keys_of.get(tag, ())):
            self._remove(key)
        self._forget_flights()

    def invalidate_all(self) -> None:
        """Events may have been missed: nothing that is kept, or on its way, can be trusted."""
        self._events += 1
        self._all_dropped_at = self._events
        self._pages.clear()
        self._keys_of.clear()
        self.bytes_held = 0
        self._forget_flights()

    def __len__(self) -> int:
        return len(self._pages)

    async def _fill(
        self, key: Key, operation: str, fill: Fill
    ) -> tuple[Page | None, Filled]:
        began = self._events
        self._filling += 1
        try:
            filled = await fill()
        finally:
            self._filling -= 1
        if not may_be_kept(filled.status, filled.headers):
            self._pass_by(key)
            return None, filled
        page = make_page(filled, operation, expires=self._now() + self._ttl)
        if page.size <= self._most and not self._changed_since(began, page.tags):
            self._keep(key, page)
        if not self._filling:
            self._dropped_at.clear()
        return page, filled

    def _changed_since(self, began: int, tags: Iterable[str]) -> bool:
        return self._all_dropped_at > began or any(
            self._dropped_at.get(tag, 0) > began for tag in tags
        )

    def _landed(self, key: Key, flight: "asyncio.Task[tuple[Page | None, Filled]]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # every waiter has it; without one it is nobody's

    def _forget_flights(self) -> None:
        """Whoever asks after an event waits for no fill that began before it."""
        self._flights.clear()
        if not self._filling:
            self._dropped_at.clear()

    def _keep(self, key: Key, page: Page) -> None:
        self._remove(key)
        self._pages[key] = page
        self.bytes_held += page.size
        for tag in page.tags:
            self._keys_of.setdefault(tag, set()).add(key)
        while self.bytes_held > self._most:
            self._remove(next(iter(self._pages)))

    def _remove(self, key: Key) -> None:
        page = self._pages.pop(key, None)
        if page is None:
            return
        self.bytes_held -= page.size
        for tag in page.tags:
            keys = self._keys_of[tag]
            keys.discard(key)
            if not keys:
                del self._keys_of[tag]

    def _pass_by(self, key: Key) -> None:
        self._passed[key] = self._now() + 1.0
        self._passed.move_to_end(key)
        if len(self._passed) > _PASSED_BY:
            self._passed.popitem(last=False)


def may_be_kept(status: int, headers: Headers) -> bool:
    """Only what its service calls public, and what varies by nothing but language and coding."""
    if status != 200:
        return False
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields[name.lower()] = fields.get(name.lower(), b"") + b"," + value.lower()
    control = {item.strip() for item in fields.get(b"cache-control", b"").split(b",")}
    varies = {item.strip() for item in fields.get(b"vary", b"").split(b",")} - {b""}
    return (
        b"public" in control
        and not control & {b"no-store", b"private", b"no-cache"}
        and b"set-cookie" not in fields
        and b"content-encoding" not in fields
        and varies <= _VARIED
    )


def make_page(filled: Filled, operation: str, *, expires: float) -> Page:
    """Render every representation of an answer once."""
    tags: set[str] = set()
    etag = b""
    kept: list[tuple[bytes, bytes]] = []
    for name, value in filled.headers:
        lower = name.lower()
        if lower == TAG_FIELD:
            tags.update(tag.strip() for tag in value.decode("latin-1").split(",") if tag.strip())
        elif lower == b"etag" and not value.startswith(b"W/"):
            etag = value
        if lower not in _DROPPED:
            kept.append((lower, value))
    kept.append((b"vary", b"Accept-Encoding, Accept-Language"))
    kept = with_security_headers(kept)
    etag = etag or b'"%b"' % hashlib.sha256(filled.body).hexdigest()[:32].encode()
    plain = _ready(etag, kept, filled.body)
    gzipped = None
    if len(filled.body) >= GZIP_FROM:
        packed = gzip.compress(filled.body, 6, mtime=0)
        if len(packed) < len(filled.body):
            coded = [*kept, (b"content-encoding", b"gzip")]
            gzipped = _ready(etag[:-1] + _GZIP_MARK, coded, packed)
    size = _OVERHEAD + sum(
        len(each.head) + len(each.body) + len(each.not_modified)
        for each in (plain, gzipped)
        if each is not None
    )
    return Page(operation, plain, gzipped, frozenset(tags), expires, size)


def _ready(etag: bytes, headers: Headers, body: bytes) -> Ready:
    fields = [*headers, (b"etag", etag)]
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    bare = b"".join(
        b"%b: %b\r\n" % field for field in fields if not field[0].startswith(b"content-")
    )
    return Ready(
        etag=etag,
        headers=[*fields, (b"content-length", b"%d" % len(body))],
        head=b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: %d\r\n" % len(body),
        body=body,
        not_modified=b"HTTP/1.1 304 Not Modified\r\n" + bare,
    )


_GZIP_MARK: Final = b'-gz"'


def service_etags(value: bytes) -> bytes:
    """An If-Match or If-None-Match as the service knows it: its tag without our coding's mark."""
    return value.replace(_GZIP_MARK, b'"')


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a 304 answers this condition (RFC 9110 §13.1.2, weak comparison)."""
    if if_none_match == etag:
        return True
    listed = (item.strip().removeprefix(b"W/") for item in if_none_match.split(b","))
    return if_none_match.strip() == b"*" or etag in listed


class _Memo(dict[bytes, object]):
    """Field values repeat; what they mean is worked out once for each of the last few."""

    MOST = 256


_gzip_accepted: dict[bytes, bool] = {}
_languages: dict[bytes, str] = {}
_MEMO: Final = 256


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110 §12.5.3)."""
    known = _gzip_accepted.get(accept_encoding)
    if known is None:
        known = _parse_gzip(accept_encoding)
        _remember(_gzip_accepted, accept_encoding, known)
    return known


def language_of(accept_language: bytes | None) -> str:
    """The language that an Accept-Language asks for."""
    if accept_language is None:
        return negotiate(None)
    known = _languages.get(accept_language)
    if known is None:
        known = negotiate(accept_language.decode("latin-1"))
        _remember(_languages, accept_language, known)
    return known


def _parse_gzip(value: bytes) -> bool:
    weights: Mapping[bytes, bytes] = {
        coding.strip(): params.strip()
        for coding, _, params in (item.partition(b";") for item in value.lower().split(b","))
    }
    params = weights.get(b"gzip", weights.get(b"*"))
    if params is None:
        return False
    name, _, weight = params.partition(b"=")
    return name.strip() != b"q" or weight.strip(b" 0.") != b""


def _remember[T](memo: dict[bytes, T], value: bytes, meaning: T) -> None: ...
