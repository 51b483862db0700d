"""The gateway's own resources: routes, console consumers, problem types, event schemas."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from nats.js.api import ConsumerInfo

from gateway import consumers, route_versions
from gateway.errors import EventSchemaUnknown, ProblemTypeUnknown
from gateway.oauth import api as oauth
from gateway.schemas import (
    ConsumerRequest,
    ConsumerView,
    JsonSchema,
    LogOnlyFindingView,
    ProblemType,
    RouteChange,
    RouteRestoration,
    RouteRuleView,
    RouteTableView,
    RouteVersionView,
    RouteView,
)
from gateway.tables import LogOnlyFinding, RouteVersion
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.events import contracts
from shared.events.envelope import STREAM
from shared.http import openapi
from shared.http.conditional import set_version
from shared.http.language import LANGUAGES
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next
from shared.messaging.permissions import console_permissions, inbox_prefix
from shared.policy_rows import policy_now

router = APIRouter(route_class=OperationRoute)
router.include_router(oauth.router)

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/v1/routes", tags=["网关"])
async def list_routes(tx: Tx, response: Response) -> RouteTableView:
    current = await route_versions.current(tx)
    set_version(response, current.version)
    return RouteTableView(
        version=current.version,
        digest=current.digest,
        set_at=current.set_at.astimezone(SHANGHAI),
        routes=[RouteView.model_validate(row) for row in current.routes],
    )


@router.get("/v1/route-versions", tags=["网关"])
async def list_route_versions(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[RouteVersionView]:
    rows, cursor = await route_versions.page_of(tx, page)
    link_next(request, response, cursor)
    return Page(items=[_version_view(row) for row in rows], next_cursor=cursor)


@router.get("/v1/route-versions/{version}", tags=["网关"])
async def get_route_version(tx: Tx, version: Version, response: Response) -> RouteVersionView:
    row = await route_versions.get(tx, version)
    set_version(response, row.version)
    return _version_view(row)


@router.post("/v1/route-versions", tags=["网关"], status_code=201)
async def change_routes(
    tx: Tx, request: Request, response: Response, asked: RouteChange
) -> RouteVersionView:
    """Set or take away rules; If-Match names the version that serves (G4)."""
    row = await route_versions.change(
        tx,
        {
            operation: None if body is None else body.rule()
            for operation, body in asked.rules.items()
        },
        reason=asked.reason,
        longest=await _longest_log_only(tx, request),
    )
    return _made(row, response)


@router.post("/v1/route-versions/{version}/restoration", tags=["网关"], status_code=201)
async def restore_routes(
    tx: Tx, request: Request, response: Response, version: Version, asked: RouteRestoration
) -> RouteVersionView:
    """Roll back: the rules of an earlier version as the next one; If-Match as for a change (G4)."""
    row = await route_versions.restore(
        tx, version, reason=asked.reason, longest=await _longest_log_only(tx, request)
    )
    return _made(row, response)


@router.get("/v1/log-only-findings", tags=["网关"])
async def list_log_only_findings(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[LogOnlyFindingView]:
    rows, cursor = await route_versions.findings(tx, page)
    link_next(request, response, cursor)
    return Page(items=[_finding_view(row) for row in rows], next_cursor=cursor)


@router.get("/v1/event-consumers", tags=["事件"])
async def list_event_consumers(request: Request) -> Page[ConsumerView]:
    infos = await consumers.names(request.app.state.messaging.broker)
    return Page(items=[_view(info) for info in infos])


@router.post("/v1/event-consumers", tags=["事件"], status_code=201)
async def create_event_consumer(
    tx: Tx, request: Request, response: Response, asked: ConsumerRequest
) -> ConsumerView:
    info = await consumers.create(
        tx,
        request.app.state.messaging.broker,
        name=asked.name,
        filter_subjects=asked.filter_subjects,
        from_sequence=asked.from_sequence,
        from_time=asked.from_time,
    )
    response.headers["Location"] = f"/v1/event-consumers/{asked.name}"
    return _view(info)


@router.get("/v1/event-consumers/{name}", tags=["事件"])
async def get_event_consumer(request: Request, name: Name) -> ConsumerView:
    return _view(await consumers.get(request.app.state.messaging.broker, name))


@router.delete("/v1/event-consumers/{name}", tags=["事件"], status_code=204)
async def delete_event_consumer(tx: Tx, request: Request, name: Name) -> None:
    await consumers.delete(tx, request.app.state.messaging.broker, name)


@router.get("/problems/{code}", tags=["平台"])
async def get_problem_type(request: Request, code: str) -> ProblemType:
    """What the `type` of a problem resolves to."""
    document = getattr(request.app.state, "whole_openapi", None) or openapi.document(request.app)
    section = document[openapi.PROBLEM_TYPES].get(code)
    if section is None:
        raise ProblemTypeUnknown(code=code)
    return ProblemType(
        code=code,
        title={language: section[language] for language in LANGUAGES},
        detail=section.get("detail"),
    )


_SCHEMA = {
    "type": "object",
    "title": "ClientSuspended",
    "properties": {"client_id": {"type": "string"}},
    "required": ["client_id"],
}


@router.get(
    "/schemas/events/{name}",
    tags=["事件"],
    responses={200: {"content": {"application/json": {"example": _SCHEMA}}}},
)
async def get_event_schema(name: str) -> JsonSchema:
    """The JSON Schema behind an event's `dataschema`, named `<type>.json`."""
    schema: dict[str, Any] | None = contracts.schema_of(name.removesuffix(".json"))
    if schema is None:
        raise EventSchemaUnknown(name=name)
    return schema


async def _longest_log_only(tx: Transaction, request: Request) -> timedelta:
    policy = await policy_now(tx, request.app.state.policy_defaults, "log_only_days")
    return timedelta(days=int(policy.value))


def _made(row: RouteVersion, response: Response) -> RouteVersionView:
    response.headers["Location"] = f"/v1/route-versions/{row.version}"
    set_version(response, row.version)
    return _version_view(row)


def _version_view(row: RouteVersion) -> RouteVersionView:
    return RouteVersionView(
        version=row.version,
        base=row.base,
        digest=row.digest,
        rules={name: RouteRuleView.model_validate(rule) for name, rule in row.rules.items()},
        reason=row.reason,
        set_by=row.set_by,
        set_at=row.set_at.astimezone(SHANGHAI),
    )


def _finding_view(row: LogOnlyFinding) -> LogOnlyFindingView:
    return LogOnlyFindingView(
        operation=row.operation,
        client_id=row.client_id,
        organisation_id=row.organisation_id,
        role=row.role,
        reason=row.reason,
        calls=row.calls,
        first_at=row.first_at.astimezone(SHANGHAI),
        last_at=row.last_at.astimezone(SHANGHAI),
    )


def _view(info: ConsumerInfo) -> ConsumerView:
    consumer = info.name or ""
    config = info.config
    return ConsumerView(
        name=consumer.removeprefix(consumers.PREFIX),
        stream=STREAM,
        consumer=consumer,
        filter_subjects=list(config.filter_subjects or filter(None, [config.filter_subject])),
        inbox_prefix=inbox_prefix(consumer),
        permissions=console_permissions(consumer),
        pending=info.num_pending or 0,
        unacknowledged=info.num_ack_pending or 0,
        created_at=consumers.created_at(info),
    )
