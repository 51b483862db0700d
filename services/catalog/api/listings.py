"""Listings: what the public finds, and what officers see of versions, filings and coverage."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import (
    CodeFilter,
    IdFilter,
    ItemFilter,
    RegionFilter,
    TextFilter,
    WordFilter,
)
from services.catalog.queries import history
from services.catalog.queries import listings as queries
from services.catalog.queries.history import PastTotals
from services.catalog.queries.search_index import Search
from services.catalog.schemas.fields import Moment
from services.catalog.schemas.history import ChangeView
from services.catalog.schemas.listings import ListingView, PendingView, VersionView
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["服务上架"])
JSON = "application/json"
AsOf = Annotated[
    Moment | None,
    Query(description="当时所见 / as it was seen then", examples=["2026-03-03T09:00:00+08:00"]),
]


@router.get("/v1/listings", response_model=Results[ListingView])
async def list_listings(
    *,
    tx: Tx,
    request: Request,
    page: Paging,
    q: TextFilter = "",
    region: RegionFilter = "",
    include_provincial: Annotated[
        bool, Query(description="同时返回全省服务 / with what is listed for the province")
    ] = True,
    organisation: IdFilter = "",
    item_type: CodeFilter = "",
    item: ItemFilter = "",
    kind: WordFilter = "",
    audience: CodeFilter = "",
    channel: WordFilter = "",
    state: Annotated[
        list[Literal["LISTED", "SUSPENDED", "DELISTED"]],
        Query(max_length=3, description="可重复 / may be repeated"),
    ] = ["LISTED"],  # noqa: B006 FastAPI copies a default
    as_of: AsOf = None,
) -> Response:
    search = Search(
        q=q,
        region=region,
        include_provincial=include_provincial,
        organisation=organisation,
        item_type=item_type,
        item=item,
        kind=kind,
        audience=audience,
        channel=channel,
        states=tuple(state),
    )
    if as_of is None:
        body, cursor = await queries.find_listings(tx, request.app.state.index, search, page)
    else:
        totals: PastTotals = request.app.state.past_totals
        body, cursor = await history.find_as_of(tx, totals, search, page, as_of=as_of)
    response = Response(body, media_type=JSON)
    link_next(request, response, cursor)
    return response


@router.get("/v1/listings/{listing_id}", response_model=ListingView)
async def get_listing(tx: Tx, listing_id: UUID, as_of: AsOf = None) -> Response:
    if as_of is None:
        return Response(await queries.get_listing(tx, listing_id), media_type=JSON)
    return Response(await history.get_as_of(tx, listing_id, as_of=as_of), media_type=JSON)


@router.get("/v1/listing-changes")
async def list_listing_changes(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    from_: Annotated[
        Moment, Query(alias="from", description="之后 / after", examples=["2026-03-03T09:00:00Z"])
    ],
    to: Annotated[
        Moment | None, Query(description="到这一时刻为止，默认现在 / up to; now by default")
    ] = None,
    listing: UUID | None = None,
    organisation: IdFilter = "",
) -> Page[ChangeView]:
    items, cursor = await history.list_changes(
        tx,
        page,
        after=from_,
        until=to or tx.now,
        listing=listing,
        organisation=organisation,
    )
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/listings/{listing_id}/versions")
async def list_listing_versions(
    tx: Tx, listing_id: UUID, request: Request, response: Response, page: Paging
) -> Page[VersionView]:
    items, cursor = await queries.list_versions(tx, listing_id, page)
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/pending-listings")
async def list_pending_listings(
    tx: Tx, request: Request, response: Response, page: Paging, organisation: IdFilter = ""
) -> Page[PendingView]:
    items, cursor = await queries.list_pending(tx, page, organisation=organisation)
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)
