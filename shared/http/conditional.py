"""ETag, If-None-Match and If-Match (RFC 9110 §13; API4).

An entity tag is `"<version>.<digest of the body>"`: If-None-Match compares all of it, If-Match only
the version, so that a caller in another language or role can still name the record's version.
A body without a version has the tag `"<digest>"`.
"""

import hashlib
import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadRequest, PreconditionFailed, PreconditionRequired
from shared.http.encoding import GZIP_MARK

VERSION_HEADER = "x-record-version"
_OF_A_304 = ("etag", "cache-control", "vary", "content-language", "deprecation", "sunset")
_TAG = re.compile(r'^"(?:(?P<version>\d{1,18})\.)?[0-9a-f]{32}"$')


class MatchMissing(PreconditionRequired):
    code = "if_match_missing"


class MatchMalformed(BadRequest):
    code = "if_match_malformed"


class MatchFailed(PreconditionFailed):
    code = "stale_version"


@dataclass(frozen=True, slots=True)
class Conditions:
    expected_version: int | None
    none_match: tuple[str, ...]


def read(request: Request, *, required: bool) -> Conditions:
    """The conditions of a request; `if_match_missing` (428) where the operation needs one."""
    asked = request.headers.get("if-none-match")
    none_match = tuple(
        tag.strip().removeprefix("W/").replace(GZIP_MARK, "")
        for tag in (asked.split(",") if asked else ())
        if tag.strip()
    )
    if not required:
        return Conditions(None, none_match)
    given = request.headers.get("if-match")
    if given is None:
        raise MatchMissing
    given = given.replace(GZIP_MARK, "")
    tag = _TAG.match(given.strip())
    if given.strip().startswith("W/") or (tag is None and given.strip() != "*"):
        raise MatchMalformed
    if tag is None:
        return Conditions(None, none_match)
    if tag["version"] is None:
        raise MatchFailed
    return Conditions(int(tag["version"]), none_match)


def set_etag(response: Response, *, always: bool) -> None:
    """Tag an answer; a write's only where it names a version that the next decision can name."""
    version = response.headers.get(VERSION_HEADER)
    if version is not None:
        del response.headers[VERSION_HEADER]
    if always or version is not None:
        response.headers["ETag"] = entity_tag(bytes(response.body), version)


def unchanged(response: Response, conditions: Conditions) -> Response | None:
    """A 304 with the tag that the answer would have had, when the caller already has it."""
    tag = response.headers["etag"].replace(GZIP_MARK, "")
    if tag not in conditions.none_match and "*" not in conditions.none_match:
        return None
    kept = {name: value for name, value in response.headers.items() if name in _OF_A_304}
    return Response(status_code=304, headers=kept)


def entity_tag(body: bytes, version: str | int | None) -> str:
    digest = hashlib.sha256(body).hexdigest()[:32]
    return f'"{version}.{digest}"' if version is not None else f'"{digest}"'


def set_version(response: Response, version: int) -> None:
    """Name the record's version; `set_etag` turns it into the entity tag."""
    response.headers[VERSION_HEADER] = str(version)
