"""gzip for answers over a kilobyte, as a representation with an entity tag of its own (API11)."""

import gzip
from functools import lru_cache
from typing import Final

from starlette.responses import Response

GZIP_FROM: Final = 1024  # bytes
GZIP_MARK: Final = "-gz"
_LEVEL = 5


def choose_coding(response: Response, accept_encoding: str | None) -> bool:
    """Whether the answer goes packed; Vary and the entity tag tell of the choice."""
    body = bytes(getattr(response, "body", b""))
    if len(body) < GZIP_FROM or "content-encoding" in response.headers:
        return False
    response.headers["Vary"] = _with(response.headers.get("vary", ""), "Accept-Encoding")
    if accept_encoding is None or not accepts_gzip(accept_encoding.encode()):
        return False
    if "etag" in response.headers:
        response.headers["ETag"] = response.headers["etag"][:-1] + GZIP_MARK + '"'
    return True


def pack(response: Response) -> None:
    response.body = gzip.compress(bytes(response.body), _LEVEL, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110 §12.5.3)."""
    weights = {
        coding.strip(): params.strip()
        for coding, _, params in (
            item.partition(b";") for item in accept_encoding.lower().split(b",")
        )
    }
    params = weights.get(b"gzip", weights.get(b"*"))
    if params is None:
        return False
    name, _, weight = params.partition(b"=")
    return name.strip() != b"q" or weight.strip(b" 0.") != b""


def _with(vary: str, field: str) -> str:
    return f"{vary}, {field}" if vary else field
