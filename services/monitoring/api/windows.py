"""Filed windows: what monitoring knows of them, held back for them, and corrected by them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OpenFilter, OrganisationFilter, RegionFilter
from services.monitoring.queries import windows
from services.monitoring.rules.windows import WindowStanding
from services.monitoring.schemas.windows import (
    CorrectionView,
    KnownWindowView,
    SuppressedAlertView,
)
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["报备窗口"])


@router.get("/v1/known-windows")
async def list_known_windows(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    standing: Annotated[WindowStanding | None, Query()] = None,
) -> Page[KnownWindowView]:
    items, cursor = await windows.list_known_windows(
        tx, page, organisation=organisation, region=region, listing=listing, standing=standing
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/known-windows/{window_id}")
async def get_known_window(tx: Tx, window_id: UUID) -> KnownWindowView:
    return await windows.show_known_window(tx, window_id)


@router.get("/v1/suppressed-alerts")
async def list_suppressed_alerts(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    window: UUID | None = None,
    is_open: OpenFilter = None,
) -> Page[SuppressedAlertView]:
    items, cursor = await windows.list_suppressed_alerts(
        tx,
        page,
        organisation=organisation,
        region=region,
        listing=listing,
        window=window,
        is_open=is_open,
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/availability-corrections")
async def list_availability_corrections(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    probe: UUID | None = None,
    window: UUID | None = None,
) -> Page[CorrectionView]:
    items, cursor = await windows.list_corrections(
        tx, page, organisation=organisation, region=region, probe=probe, window=window
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
