"""RFC 9457 problem details with a stable code, the clause behind it, and no text of ours leaking.

Members: type (a page that explains the code), title, status, detail, instance, code, trace_id,
clause, allowed (what may be done now), errors (RFC 6901 pointers).
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import (
    BadRequest,
    DomainError,
    FieldError,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from shared.http.context import request_id, trace_id
from shared.http.language import ZH, negotiate
from shared.http.messages import Messages

MEDIA_TYPE = "application/problem+json"
FieldErrors: TypeAlias = list[dict[str, Any]]  # as pydantic tells them

_BY_STATUS: Mapping[int, type[DomainError]] = {
    400: BadRequest,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
}


def problem_body(
    error: DomainError,
    *,
    messages: Messages,
    language: str = ZH,
    instance: str = "",
) -> bytes:
    """The problem document of a refusal, in one language."""
    params = {"allowed": error.allowed, "clause": error.clause or "", **error.params}
    title = messages.title(error.code, language, params)
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": title,
        "status": error.status,
        "detail": messages.detail(error.code, language, params) or title,
        "instance": instance,
        "code": error.code,
        "trace_id": trace_id() or request_id.get(),
    }
    body |= {name: error.params[name] for name in error.members if error.params.get(name)}
    if error.clause:
        body["clause"] = error.clause
    if error.allowed:
        body["allowed"] = list(error.allowed)
    if error.errors:
        body["errors"] = [
            {
                "pointer": each.pointer,
                "code": each.code,
                "detail": messages.title(each.code, language, each.params),
            }
            for each in error.errors
        ]
    return orjson.dumps(body)


def problem_response(request: Request, error: DomainError) -> Response:
    language = negotiate(request.headers.get("accept-language"))
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = f'Bearer realm="ganfutong", error="{error.code}"'
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 405 and error.allowed:
        headers["Allow"] = ", ".join(error.allowed)
    return Response(
        problem_body(
            error,
            messages=request.app.state.messages,
            language=language,
            instance=request.url.path,
        ),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


class InvalidRequest(Invalid):
    code = "invalid_request"


# pydantic's error types, as the few codes that a client may rely on
_FIELD_CODES: Mapping[str, str] = {
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "repeated": "field_repeated",
    "string_too_short": "field_too_short",
    "string_too_long": "field_too_long",
    "too_short": "field_too_short",
    "too_long": "field_too_long",
    "string_pattern_mismatch": "field_pattern",
    "enum": "field_choice",
    "literal_error": "field_choice",
    "greater_than": "field_range",
    "greater_than_equal": "field_range",
    "less_than": "field_range",
    "less_than_equal": "field_range",
}


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """pydantic's errors as one problem with a pointer for each wrong member."""
    found = []
    for each in errors:
        place, *rest = each["loc"]
        pointer = (
            "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)
            if place == "body"
            else f"?{'.'.join(map(str, rest))}"
            if place == "query"
            else f"{place}:{'.'.join(map(str, rest))}"
        )
        context = {key: str(value) for key, value in each.get("ctx", {}).items()}
        code = each["type"] if each["type"].endswith("_refused") else None
        code = context.get("code") or code or _FIELD_CODES.get(each["type"], "field_type")
        found.append(FieldError(pointer if rest else "", code, context))
    return InvalidRequest(errors=found)


async def on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)  # noqa: S101 Starlette calls by type
    return problem_response(request, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 Starlette calls by type
    kind = _BY_STATUS.get(error.status_code, BadRequest)
    allow = (error.headers or {}).get("Allow", "")
    return problem_response(request, kind(allowed=[m for m in allow.split(", ") if m]))


async def on_unforeseen(request: Request, _error: Exception) -> Response:
    """A fault of ours: logged with its trace by the edge, told without a word of it."""
    return problem_response(request, DomainError())
