"""The edge's own answers: RFC 9457 bodies, request ids and the fields that every answer carries."""

import itertools
import os
import re
from collections.abc import Container, Iterable, Mapping
from functools import lru_cache

import orjson

from shared.http.context import trace_id
from shared.http.edge.policy import Problem
from shared.http.language import negotiate
from shared.http.messages import Messages, load_messages

MEDIA_TYPE = b"application/problem+json"
REQUEST_ID = b"x-request-id"

# names are looked up in lower case; each is added only where the component has not set its own
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)

# what stands for a component's or a library's plain-text answer
CODE_OF_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    431: "headers_too_large",
    502: "bad_gateway",
    503: "unavailable",
    504: "gateway_timeout",
}

_SAFE_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_process = os.urandom(8).hex().encode()
_numbers = itertools.count(int.from_bytes(os.urandom(4), "big"))


def mint_request_id() -> bytes:
    """A request id that no other process makes: 16 random hex digits, then a running number."""
    return b"%b%012x" % (_process, next(_numbers) & 0xFFFFFFFFFFFF)


def request_id_from(value: bytes | None) -> bytes:
    """The caller's X-Request-Id where it is 8-64 plain characters, otherwise a new one (API7)."""
    if value is not None and _SAFE_ID.fullmatch(value):
        return value
    return mint_request_id()


@lru_cache(maxsize=1)
def _messages() -> Messages:
    return Messages(load_messages("shared"))


def problem(code: str, status: int, request_id: str, language: str) -> bytes:
    """The default problem body, with the sentences of shared/messages.toml."""
    title = _messages().title(code, language)
    return orjson.dumps(
        {
            "type": f"/problems/{code}",
            "title": title,
            "status": status,
            "detail": _messages().detail(code, language) or title,
            "instance": "",  # what was asked may be what is wrong: it is not repeated
            "code": code,
            "trace_id": trace_id() or request_id,
            "request_id": request_id,
        }
    )


def problem_headers(body: bytes, request_id: bytes, language: str) -> list[tuple[bytes, bytes]]:
    """Every field of a problem answer, the security fields and the request id included."""
    return with_security_headers(
        [
            (b"content-type", MEDIA_TYPE),
            (b"content-length", b"%d" % len(body)),
            (b"content-language", language.encode()),
            (b"vary", b"Accept-Language"),
            (REQUEST_ID, request_id),
        ]
    )


def problem_answer(
    say: Problem, code: str, status: int, fields: Mapping[bytes, bytes]
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Body and fields of a problem, for the header fields of the request that it answers."""
    request_id = request_id_from(fields.get(REQUEST_ID))
    language = negotiate(fields.get(b"accept-language", b"").decode("latin-1"))
    body = say(code, status, request_id.decode(), language)
    return body, problem_headers(body, request_id, language)


def with_security_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields of an answer, completed by those security fields that it does not set itself."""
    complete = list(headers)
    complete += missing_security({name.lower() for name, _ in complete})
    return complete


def missing_security(present: Container[bytes]) -> list[tuple[bytes, bytes]]:
    """The security fields that are not among these names."""
    return [field for field in SECURITY_HEADERS if field[0] not in present]


def completed(
    headers: Iterable[tuple[bytes, bytes]], request_id: bytes
) -> list[tuple[bytes, bytes]]:
    """The fields of an app's answer with the security fields and the request id."""
    complete = with_security_headers(headers)
    if REQUEST_ID not in dict(complete):
        complete.append((REQUEST_ID, request_id))
    return complete
