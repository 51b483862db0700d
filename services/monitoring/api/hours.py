"""Results by the hour, and a listing by the availability test of government sites."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.commands.limits import limits_now
from services.monitoring.queries import hours
from services.monitoring.schemas.fields import Moment
from services.monitoring.schemas.hours import HourView, SiteTestView
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


@router.get("/v1/probes/{probe_id}/hours")
async def list_hours(
    tx: Tx, request: Request, response: Response, page: Paging, *, probe_id: UUID
) -> Page[HourView]:
    items, cursor = await hours.list_hours(tx, page, probe_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/site-tests/{listing_id}")
async def get_site_test(
    tx: Tx, listing_id: UUID, *, until: Annotated[Moment | None, Query()] = None
) -> SiteTestView:
    limits = await limits_now(tx)
    return await hours.show_site_test(tx, listing_id, rule=limits.site, until=until)
