"""The OpenAPI document of a service: what FastAPI knows, completed once from the policy table.

Adds the summary in both languages, the preconditions as header parameters, every refusal as
problem+json, an example to every body, and who may call (API1).
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.http.examples import complete_examples, show_example
from shared.http.language import EN, ZH
from shared.http.problems import MEDIA_TYPE
from shared.security.access import OPERATIONS, Effect, Operation

VERSION = "1.0.0"
PROBLEM_TYPES = "x-problem-types"

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem details",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "stable"},
        "trace_id": {"type": "string"},
        "clause": {"type": "string", "description": "clause of the measures behind the refusal"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, or ?name"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "/problems/not_found",
            "title": "没有找到",
            "status": 404,
            "detail": "路径不存在，或记录不在您的管辖范围内",
            "instance": "/v1/listings/0",
            "code": "not_found",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    ],
}

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "一次提交一个键，重试时不变 / one key a submission, the same for retries",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:~-]{8,128}$"},
    "example": "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10",
}
_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "所见版本的 ETag，或 * / the ETag of the version you saw, or *",
    "schema": {"type": "string", "pattern": '^(\\*|"([0-9]{1,18}\\.)?[0-9a-f]{32}")$'},
    "example": "*",
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "zh-CN（默认）或 en / zh-CN (default) or en",
    "schema": {"type": "string"},
    "example": "zh-CN",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The completed document, made once a process."""
    made: dict[str, Any] | None = getattr(app.state, "openapi", None)
    if made is None:
        made = _complete(app)
        app.state.openapi = made
    return made


def _complete(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=VERSION,
        openapi_version="3.1.0",
        routes=app.routes,
        description="时间为 RFC 3339（+08:00）；枚举可扩展，请容忍未知取值。"
        " Times are RFC 3339 with +08:00; enums are extensible: tolerate unknown values.",
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["parameters"] = {"AcceptLanguage": _LANGUAGE}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}
    }
    complete_examples(schemas)
    made[PROBLEM_TYPES] = app.state.messages.problem_types()
    for methods in made["paths"].values():
        for described in methods.values():
            _complete_operation(described, OPERATIONS[described["operationId"]], app)
            for part in (described.get("requestBody", {}), *described["responses"].values()):
                show_example(part.get("content", {}), schemas)
    return made


def _complete_operation(described: dict[str, Any], operation: Operation, app: FastAPI) -> None:
    messages, key = app.state.messages, summary_key(operation)
    described["summary"] = messages.title(key, ZH)
    described["description"] = "\n\n".join(
        part
        for part in (messages.title(key, EN), described.get("description"), _who(operation))
        if part
    )
    headers: list[dict[str, Any]] = [{"$ref": "#/components/parameters/AcceptLanguage"}]
    headers += [_KEY] if operation.needs_key else []
    headers += [_MATCH] if operation.needs_match else []
    described.setdefault("parameters", []).extend(headers)
    if operation.deprecated is not None:
        described["deprecated"] = True
    described["security"] = [] if operation.effect is Effect.OPEN else [{"bearer": []}]
    problem = {
        "description": "问题 / problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    responses = described["responses"]
    responses.pop("422", None)
    for status in _statuses(operation):
        responses.setdefault(status, problem)
    responses["default"] = problem


def summary_key(operation: Operation) -> str:
    """The message of an operation; the toolbox's are the same in every service."""
    if operation.path.startswith(f"/v1/{operation.service}/"):
        return f"operation.{operation.id.replace(operation.service.capitalize(), '', 1)}"
    return f"operation.{operation.id}"


def _who(operation: Operation) -> str:
    if operation.effect is Effect.OPEN:
        return ""
    roles = ", ".join(sorted(operation.allow))
    scope = f"; scope `{operation.scope}`" if operation.scope else ""
    return f"Roles: {roles}{scope}"


def _statuses(operation: Operation) -> list[str]:
    found = ["400", "404", "422", "429", "503"]
    if operation.effect is not Effect.OPEN:
        found += ["401", "403"]
    if operation.needs_match:
        found += ["412", "428"]
    if operation.writes:
        found += ["409", "413", "415"]
    return sorted(found)
