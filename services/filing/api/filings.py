"""Filings: list, create, read, revise, send, withdraw."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.commands import FilingEntry
from services.filing.rules import FilingKind, State
from services.filing.schemas import (
    FilingBody,
    FilingSummary,
    FilingView,
    Instant,
    RevisionBody,
    Submission,
    Withdrawal,
    read_content,
)
from services.filing.tables import Filing
from shared.database import Transaction
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["报备"])

OrganisationQuery = Annotated[str | None, Query(pattern="^[a-z0-9-]{2,40}$")]
RegionQuery = Annotated[str | None, Query(pattern="^36([0-9A-Z]{4})?$")]
ItemQuery = Annotated[str | None, Query(pattern="^[A-Za-z0-9._-]{1,50}$")]


@router.get("/v1/filings")
async def list_filings(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    type: Annotated[FilingKind | None, Query()] = None,  # noqa: A002 the word of the API
    state: Annotated[State | None, Query()] = None,
    organisation: OrganisationQuery = None,
    region: RegionQuery = None,
    item: ItemQuery = None,
    listing: Annotated[UUID | None, Query()] = None,
    due_before: Annotated[Instant | None, Query()] = None,
) -> Results[FilingSummary]:
    wanted = queries.FilingFilter(
        filing_type=type,
        state=state,
        organisation=organisation,
        region=region,
        item_code=item,
        listing_id=listing,
        due_before=due_before,
    )
    items, cursor = await queries.list_filings(tx, wanted, page)
    link_next(request, response, cursor)
    total = await queries.count_filings(tx, wanted)
    return Results(items=list(items), next_cursor=cursor, total=total)


@router.post("/v1/filings", status_code=201)
async def create_filing(
    tx: Tx, related: Related, response: Response, body: FilingBody
) -> FilingView:
    kind, entry = _read(body)
    filing = await commands.create_filing(tx, kind, entry, related, at_once=body.submit)
    response.headers["Location"] = f"/v1/filings/{filing.id}"
    return await answer(tx, response, filing)


@router.get("/v1/filings/{filing_id}")
async def get_filing(tx: Tx, response: Response, filing_id: UUID) -> FilingView:
    view = await queries.show_filing(tx, filing_id)
    set_version(response, view.version)
    return view


@router.put("/v1/filings/{filing_id}")
async def revise_filing(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: RevisionBody
) -> FilingView:
    kind, entry = _read(body)
    filing = await commands.revise_filing(tx, filing_id, kind, entry, related)
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/submission")
async def submit_filing(
    tx: Tx,
    related: Related,
    response: Response,
    filing_id: UUID,
    body: Submission | None = None,
) -> FilingView:
    self_test = body.self_test.model_dump(mode="json") if body and body.self_test else None
    filing = await commands.submit_filing(tx, filing_id, related, self_test=self_test)
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/withdrawal")
async def withdraw_filing(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: Withdrawal
) -> FilingView:
    filing = await commands.withdraw_filing(tx, filing_id, related, reason=body.reason)
    return await answer(tx, response, filing)


async def answer(tx: Transaction, response: Response, filing: Filing) -> FilingView:
    """The filing as the caller now sees it, with its version for If-Match."""
    view = await queries.view_of(tx, filing)
    set_version(response, view.version)
    return view


def _read(body: RevisionBody) -> tuple[FilingKind, FilingEntry]:
    kind = FilingKind(body.filing_type)
    return kind, FilingEntry(
        content=read_content(kind, body.content),
        listing_id=body.listing_id,
        plan_line_id=body.plan_line_id,
        self_test=body.self_test.model_dump(mode="json") if body.self_test else None,
        goes_live_at=body.goes_live_at,
    )
