"""Coverage 应上尽上: by unit, by item, and what is exempt from it (A8.1)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import IdFilter, WordFilter
from services.catalog.commands import exemptions as commands
from services.catalog.queries import coverage
from services.catalog.schemas.coverage import (
    CoverageItemView,
    CoverageView,
    ExemptionInput,
    ExemptionView,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["应上尽上"])
Year = Annotated[int | None, Query(ge=2000, le=2100, description="清单年度 / year of the list")]
Orphan = Annotated[
    bool | None,
    Query(description="有在架服务而无人负责的单位 / units whose live listings nobody answers for"),
]


@router.get("/v1/coverage")
async def list_coverage(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    year: Year = None,
    orphan: Orphan = None,
) -> Page[CoverageView]:
    items, cursor = await coverage.list_coverage(
        tx, page, organisation=organisation, year=year, orphan=orphan
    )
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/coverage-items")
async def list_coverage_items(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    year: Year = None,
    state: WordFilter = "",
) -> Page[CoverageItemView]:
    items, cursor = await coverage.list_coverage_items(
        tx, page, organisation=organisation, year=year, state=state
    )
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/coverage-exemptions")
async def list_coverage_exemptions(
    tx: Tx, request: Request, response: Response, page: Paging, organisation: IdFilter = ""
) -> Page[ExemptionView]:
    items, cursor = await coverage.list_exemptions(tx, page, organisation=organisation)
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.post("/v1/coverage-exemptions", status_code=201)
async def grant_coverage_exemption(
    tx: Tx, body: ExemptionInput, response: Response
) -> ExemptionView:
    exemption = await commands.grant_exemption(tx, body)
    response.headers["Location"] = f"/v1/coverage-exemptions?organisation={body.organisation_id}"
    set_version(response, exemption.version)
    return ExemptionView.model_validate(exemption)


@router.delete("/v1/coverage-exemptions/{exemption_id}", status_code=204)
async def revoke_coverage_exemption(tx: Tx, exemption_id: UUID) -> None:
    await commands.revoke_exemption(tx, exemption_id)
