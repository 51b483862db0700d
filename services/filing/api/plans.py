"""The yearly list: template, dry run, filing, lines (A10.2)."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import ItemQuery, OrganisationQuery, answer
from services.filing.commands import PlanEntry
from services.filing.schemas import (
    PLAN_REQUEST,
    TEMPLATE,
    FilingView,
    PlanDiffView,
    PlanLineView,
    PlanRowErrorView,
    read_plan,
)
from services.filing.schemas.views import PlannedView
from shared.http.operations import Language, OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["年度清单"])

_TEXT = {"type": "string"}
Year = Annotated[int, Query(ge=2025, le=2100, description="清单年度", examples=[2026])]


@router.get(
    "/v1/listing-plans/template",
    responses={200: {"content": {"text/csv": {"schema": _TEXT, "example": TEMPLATE}}}},
    response_class=Response,
)
async def get_plan_template(tx: Tx) -> Response:  # noqa: ARG001 the route opens one for all
    disposition = {"Content-Disposition": 'attachment; filename="listing-plan.csv"'}
    return Response(TEMPLATE.encode(), media_type="text/csv", headers=disposition)


@router.post("/v1/listing-plans/preview", openapi_extra=PLAN_REQUEST)
async def preview_listing_plan(
    tx: Tx, related: Related, language: Language, request: Request, year: Year
) -> PlanDiffView:
    entry = await _read(request, year)
    preview = await commands.preview_plan(tx, entry, related)
    messages = request.app.state.messages
    errors = [
        PlanRowErrorView(
            row=int(flaw.pointer.split("/")[2]),
            column=flaw.pointer.split("/")[3],
            code=flaw.code,
            detail=messages.title(flaw.code, language, flaw.params),
        )
        for flaw in preview.flaws
    ]
    return PlanDiffView(
        year=year,
        rows=entry.rows,
        valid=not errors,
        added=_planned(preview.diff.added),
        removed=_planned(preview.diff.removed),
        changed=_planned(preview.diff.changed),
        unchanged=preview.diff.unchanged,
        errors=errors,
        digest=preview.digest,
        filing_id=preview.same_as.id if preview.same_as is not None else None,
    )


@router.post(
    "/v1/listing-plans",
    status_code=201,
    openapi_extra=PLAN_REQUEST,
    responses={
        200: {"model": FilingView, "description": "同样的清单已经在办或生效；或在原报备中补正"}
    },
)
async def file_listing_plan(
    tx: Tx, related: Related, request: Request, response: Response, year: Year
) -> FilingView:
    filing, made = await commands.file_plan(tx, await _read(request, year), related)
    response.status_code = 201 if made else 200
    response.headers["Location"] = f"/v1/filings/{filing.id}"
    return await answer(tx, response, filing)


@router.get("/v1/plan-lines")
async def list_plan_lines(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    year: Annotated[int | None, Query(ge=2025, le=2100)] = None,
    organisation: OrganisationQuery = None,
    item: ItemQuery = None,
    state: Annotated[str | None, Query(pattern="^[A-Z]{2,12}$")] = None,
    filing: Annotated[UUID | None, Query()] = None,
) -> Results[PlanLineView]:
    items, cursor, total = await queries.list_plan_lines(
        tx,
        page,
        year=year,
        organisation=organisation,
        item_code=item,
        state=state,
        filing_id=filing,
    )
    link_next(request, response, cursor)
    return Results(items=list(items), next_cursor=cursor, total=total)


async def _read(request: Request, year: int) -> PlanEntry:
    file = read_plan(await request.body(), getattr(request, "_json", None))
    return PlanEntry(year=year, rows=file.rows, lines=file.lines, flaws=file.flaws)


def _planned(lines: Any) -> list[PlannedView]:
    return [PlannedView.model_validate(asdict(line)) for line in lines]
