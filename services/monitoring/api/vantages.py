"""Vantage points: how each sees a probe, and the faults that are no outage (M5)."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.monitoring.api.query import OpenFilter, OrganisationFilter, RegionFilter
from services.monitoring.queries import vantages
from services.monitoring.schemas.vantages import AdvisoryView, VantageView
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


@router.get("/v1/probes/{probe_id}/vantages")
async def list_vantages(
    tx: Tx, request: Request, response: Response, page: Paging, *, probe_id: UUID
) -> Page[VantageView]:
    items, cursor = await vantages.list_vantages(tx, page, probe_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/advisories")
async def list_advisories(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    probe: UUID | None = None,
    is_open: OpenFilter = None,
) -> Page[AdvisoryView]:
    items, cursor = await vantages.list_advisories(
        tx, page, organisation=organisation, region=region, probe=probe, is_open=is_open
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
