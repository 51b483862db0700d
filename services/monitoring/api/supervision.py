"""Supervision of listed services: samples and checks (A24.1)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.commands import supervision as commands
from services.monitoring.commands.supervision import CheckEntry
from services.monitoring.queries import supervision
from services.monitoring.rules.supervision import Method
from services.monitoring.schemas.supervision import (
    CheckInput,
    CheckView,
    Member,
    SampleInput,
    SampleView,
)
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["监督检查"])


@router.get("/v1/supervision-samples")
async def list_supervision_samples(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[SampleView]:
    items, cursor = await supervision.list_samples(tx, page)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/supervision-samples", status_code=201)
async def draw_supervision_sample(
    tx: Tx, relation: Related, body: SampleInput, response: Response
) -> SampleView:
    sample = await commands.draw_sample(
        tx,
        relation,
        seed=body.seed,
        size=body.size,
        region=body.region,
        organisation=body.organisation_id,
    )
    response.headers["Location"] = f"/v1/supervision-samples/{sample.id}"
    return supervision.view_sample(sample)


@router.get("/v1/supervision-samples/{sample_id}")
async def get_supervision_sample(tx: Tx, sample_id: UUID) -> SampleView:
    return await supervision.show_sample(tx, sample_id)


@router.get("/v1/supervision-samples/{sample_id}/population")
async def list_sample_population(
    tx: Tx, request: Request, response: Response, page: Paging, *, sample_id: UUID
) -> Page[Member]:
    items, cursor = await supervision.list_population(tx, page, sample_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/supervision-checks")
async def list_supervision_checks(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    sample: UUID | None = None,
    method: Annotated[Method | None, Query()] = None,
    passed: Annotated[bool | None, Query()] = None,
) -> Page[CheckView]:
    items, cursor = await supervision.list_checks(
        tx,
        page,
        organisation=organisation,
        region=region,
        listing=listing,
        sample=sample,
        method=method,
        passed=passed,
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/supervision-checks", status_code=201)
async def record_supervision_check(
    tx: Tx, relation: Related, body: CheckInput, response: Response
) -> CheckView:
    given = CheckEntry(
        listing_id=body.listing_id,
        sample_id=body.sample_id,
        method=body.method,
        passed=body.passed,
        kind=body.kind,
        severity=body.severity,
        summary=body.summary,
        evidence=[each.model_dump() for each in body.evidence],
        walk_run_id=body.walk_run_id,
    )
    check = await commands.record_check(tx, given, relation=relation)
    response.headers["Location"] = f"/v1/supervision-checks/{check.id}"
    return CheckView.model_validate(check)


@router.get("/v1/supervision-checks/{check_id}")
async def get_supervision_check(tx: Tx, check_id: UUID) -> CheckView:
    return await supervision.show_check(tx, check_id)
