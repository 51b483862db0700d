"""The yearly list: template, dry run, filing, lines (A10.2)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import ItemQuery, OrganisationQuery, answer
from services.filing.commands import PlanEntry
from services.filing.rules import Flaw
from services.filing.rules.plan import COLUMNS
from services.filing.schemas import (
    PLAN_REQUEST,
    TEMPLATE,
    FilingView,
    PlanDiffView,
    PlanLineView,
    PlanRowErrorView,
    read_plan,
)
from services.filing.schemas.plan_files import MAX_ROWS
from services.filing.schemas.views import PlannedView
from shared.http.language import EN, ZH
from shared.http.messages import Messages
from shared.http.operations import Language, OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next
from shared.security.files import FileKind, read_table_apart
from shared.spreadsheets import write_xlsx


class ListRoute(OperationRoute):
    """A workbook is looked through and read before the transaction begins: that takes a second."""

    async def prepare(self, request: Request) -> list[list[str]] | None:
        declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != FileKind.XLSX:
            return None
        state = request.app.state
        limits = await queries.upload_limits(state.database, state.policy_defaults)
        return await read_table_apart(await request.body(), limits=limits, most=MAX_ROWS + 2)


router = APIRouter(route_class=OperationRoute, tags=["年度清单"])
lists = APIRouter(route_class=ListRoute, tags=["年度清单"])

_TEXT = {"type": "string"}
Year = Annotated[int, Query(ge=2025, le=2100, description="清单年度", examples=[2026])]


@router.get(
    "/v1/listing-plans/template",
    responses={
        200: {
            "content": {
                "text/csv": {"schema": _TEXT, "example": TEMPLATE},
                FileKind.XLSX: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "…",
                },
            }
        }
    },
    response_class=Response,
)
async def get_plan_template(
    tx: Tx,  # noqa: ARG001 the route opens one for all
    form: Annotated[
        Literal["csv", "xlsx"], Query(alias="format", description="文件格式", examples=["xlsx"])
    ] = "csv",
) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="listing-plan.{form}"'}
    if form == "xlsx":
        return Response(write_xlsx([COLUMNS]), media_type=FileKind.XLSX, headers=disposition)
    return Response(TEMPLATE.encode(), media_type="text/csv", headers=disposition)


@lists.post(
    "/v1/listing-plans/preview",
    openapi_extra=PLAN_REQUEST,
    response_model=PlanDiffView,
    responses={
        200: {
            "description": "与现行清单的差异；format=xlsx 时为逐行错误表",
            "content": {
                FileKind.XLSX: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "…",
                }
            },
        }
    },
)
async def preview_listing_plan(
    *,
    tx: Tx,
    related: Related,
    language: Language,
    request: Request,
    year: Year,
    form: Annotated[
        Literal["json", "xlsx"],
        Query(alias="format", description="xlsx：只返回逐行错误表", examples=["xlsx"]),
    ] = "json",
) -> PlanDiffView | Response:
    entry = await _read(request, year)
    preview = await commands.preview_plan(tx, entry, related)
    messages = request.app.state.messages
    if form == "xlsx":
        return _error_sheet(preview.flaws, messages, year)
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


@lists.post(
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
    parsed = getattr(request, "_json", None)
    file = read_plan(await request.body(), parsed, request.state.prepared)
    return PlanEntry(year=year, rows=file.rows, lines=file.lines, flaws=file.flaws)


def _error_sheet(flaws: Sequence[Flaw], messages: Messages, year: int) -> Response:
    """Each wrong cell as a line: row, column, code and the sentence in both languages."""
    lines: list[tuple[str, ...]] = [("row", "column", "code", ZH, EN)]
    for flaw in flaws:
        row, column = flaw.pointer.split("/")[2:4]
        said = (messages.title(flaw.code, language, flaw.params) for language in (ZH, EN))
        lines.append((row, column, flaw.code, *said))
    name = f"listing-plan-{year}-errors.xlsx"
    return Response(
        write_xlsx(lines),
        media_type=FileKind.XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _planned(lines: Any) -> list[PlannedView]:
    return [PlannedView.model_validate(asdict(line)) for line in lines]


router.include_router(lists)
