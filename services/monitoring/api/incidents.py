"""Incidents with their timelines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OpenFilter, OrganisationFilter, RegionFilter
from services.monitoring.queries import incidents
from services.monitoring.rules.incidents import IncidentKind, Severity
from services.monitoring.schemas.incidents import (
    IncidentClockView,
    IncidentView,
    TimelineEntry,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["故障"])


@router.get("/v1/incidents")
async def list_incidents(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    is_open: OpenFilter = None,
    kind: Annotated[IncidentKind | None, Query()] = None,
    severity: Annotated[Severity | None, Query()] = None,
) -> Page[IncidentView]:
    items, cursor = await incidents.list_incidents(
        tx,
        page,
        organisation=organisation,
        region=region,
        listing=listing,
        is_open=is_open,
        kind=kind,
        severity=severity,
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/incidents/{incident_id}")
async def get_incident(tx: Tx, incident_id: UUID, response: Response) -> IncidentView:
    view = await incidents.show_incident(tx, incident_id)
    set_version(response, view.version)
    return view


@router.get("/v1/incidents/{incident_id}/timeline")
async def list_timeline(
    tx: Tx, request: Request, response: Response, page: Paging, *, incident_id: UUID
) -> Page[TimelineEntry]:
    items, cursor = await incidents.list_timeline(tx, page, incident_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/incidents/{incident_id}/clocks")
async def list_incident_clocks(
    tx: Tx, request: Request, response: Response, page: Paging, *, incident_id: UUID
) -> Page[IncidentClockView]:
    items, cursor = await incidents.list_clocks(tx, page, incident_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
