"""Self-inspections, security reviews and bulletins (A14.2, A20.3)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.commands import bulletins
from services.monitoring.commands import reviews as commands
from services.monitoring.commands.reviews import Issue, ReviewEntry
from services.monitoring.queries import reviews
from services.monitoring.rules.reviews import ReviewKind
from services.monitoring.schemas.reviews import (
    BulletinInput,
    BulletinView,
    ReviewInput,
    ReviewView,
)
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["自查与通报"])
PeriodFilter = Annotated[
    str, Query(pattern="^[0-9A-Z-]{0,10}$", description="期次 / period", examples=["2026-Q1"])
]


@router.get("/v1/reviews")
async def list_reviews(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    kind: Annotated[ReviewKind | None, Query()] = None,
    period: PeriodFilter = "",
) -> Page[ReviewView]:
    items, cursor = await reviews.list_reviews(
        tx, page, organisation=organisation, region=region, kind=kind, period=period
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/reviews", status_code=201)
async def record_review(
    tx: Tx, relation: Related, body: ReviewInput, response: Response
) -> ReviewView:
    given = ReviewEntry(
        kind=body.kind,
        organisation_id=body.organisation_id,
        period=body.period,
        summary=body.summary,
        issues=[Issue(each.kind, each.severity, each.summary) for each in body.issues],
        evidence=[each.model_dump() for each in body.evidence],
    )
    review = await commands.record_review(tx, given, relation=relation)
    response.headers["Location"] = f"/v1/reviews/{review.id}"
    return ReviewView.model_validate(review)


@router.get("/v1/reviews/{review_id}")
async def get_review(tx: Tx, review_id: UUID) -> ReviewView:
    return await reviews.show_review(tx, review_id)


@router.get("/v1/bulletins")
async def list_bulletins(
    tx: Tx, request: Request, response: Response, page: Paging, *, period: PeriodFilter = ""
) -> Page[BulletinView]:
    items, cursor = await reviews.list_bulletins(tx, page, period=period)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/bulletins", status_code=201)
async def publish_bulletin(
    tx: Tx, relation: Related, body: BulletinInput, response: Response
) -> BulletinView:
    bulletin = await bulletins.publish_bulletin(
        tx, relation, region=body.region, period=body.period, title=body.title, text=body.text
    )
    response.headers["Location"] = f"/v1/bulletins/{bulletin.id}"
    return BulletinView.model_validate(bulletin)


@router.get("/v1/bulletins/{bulletin_id}")
async def get_bulletin(tx: Tx, bulletin_id: UUID) -> BulletinView:
    return await reviews.show_bulletin(tx, bulletin_id)
