"""One public answer as bytes that are ready to be written, in each of its representations."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from starlette.types import Send

from shared.http.edge import with_security_headers
from shared.http.encoding import GZIP_FROM, GZIP_MARK, accepts_gzip
from shared.http.language import negotiate

TAG_FIELD: Final = b"cache-tag"  # what an answer shows: `listing:42, organisation:jx-rst`
_MARKED: Final = GZIP_MARK.encode() + b'"'
_OK, _NOT_MODIFIED = 200, 304
_OVERHEAD: Final = 2048  # bytes of Python objects beside an answer's own
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


def may_be_kept(status: int, headers: Headers) -> bool:
    """Only what its service calls public, and what varies by nothing but language and coding."""
    if status != _OK:
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
            gzipped = _ready(etag[:-1] + _MARKED, coded, packed)
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


def service_etags(value: bytes) -> bytes:
    """An If-Match or If-None-Match as the service knows it: its tag without our coding's mark."""
    return value.replace(_MARKED, b'"')


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a 304 answers this condition (RFC 9110 §13.1.2, weak comparison)."""
    if if_none_match == etag:
        return True
    listed = (item.strip().removeprefix(b"W/") for item in if_none_match.split(b","))
    return if_none_match.strip() == b"*" or etag in listed


@lru_cache(maxsize=256)
def language_of(accept_language: bytes | None) -> str:
    """The language that an Accept-Language asks for."""
    return negotiate(None if accept_language is None else accept_language.decode("latin-1"))


async def send_page(send: Send, ready: Ready, *, conditions: bytes | None, more: Headers) -> int:
    """Answer over ASGI what the fast path did not; `more` are the request's own fields."""
    fresh = conditions is not None and matches(conditions, ready.etag)
    headers: Headers = ready.headers
    if fresh:
        headers = [field for field in headers if not field[0].startswith(b"content-")]
    status = _NOT_MODIFIED if fresh else _OK
    start = {"type": "http.response.start", "status": status, "headers": [*headers, *more]}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if fresh else ready.body})
    return status
