"""The live picture of listings, and health by city (A17.4)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.queries import live
from services.monitoring.schemas.live import LiveListingView, RegionHealthView
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["实时态势"])


@router.get("/v1/live-listings")
async def list_live_listings(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    troubled: Annotated[
        bool | None, Query(description="有未关闭故障 / with an open incident or fault")
    ] = None,
) -> Page[LiveListingView]:
    items, cursor = await live.list_live_listings(
        tx, page, organisation=organisation, region=region, troubled=troubled
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/live-listings/{listing_id}")
async def get_live_listing(tx: Tx, listing_id: UUID) -> LiveListingView:
    return await live.show_live_listing(tx, listing_id)


@router.get("/v1/region-health")
async def list_region_health(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[RegionHealthView]:
    items, cursor = await live.list_region_health(tx, page)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
