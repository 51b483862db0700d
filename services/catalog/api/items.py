"""Technical norms and items."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.catalog.api.query import CodeFilter, IdFilter, TextFilter
from services.catalog.commands import halls as commands
from services.catalog.queries import rechecks, register
from services.catalog.schemas.fields import ITEM_CODE, VERSION
from services.catalog.schemas.history import RecheckView
from services.catalog.schemas.items import ItemView
from services.catalog.schemas.register import NormInput, NormView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["事项与规范"])


@router.get("/v1/norms")
async def list_norms(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Results[NormView]:
    rows, cursor, total = await register.list_norms(tx, page)
    link_next(request, response, cursor)
    items = [NormView.model_validate(row) for row in rows]
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/norms", status_code=201)
async def issue_norm(tx: Tx, body: NormInput, response: Response) -> NormView:
    norm = await commands.issue_norm(tx, body)
    response.headers["Location"] = "/v1/norms"
    return NormView.model_validate(norm)


@router.get("/v1/listing-rechecks")
async def list_listing_rechecks(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    norm: Annotated[str, Query(pattern=f"{VERSION}|^$", description="规范版本 / version")] = "",
) -> Page[RecheckView]:
    items, cursor = await rechecks.list_rechecks(tx, page, organisation=organisation, norm=norm)
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/items")
async def list_items(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    q: TextFilter = "",
    item_type: CodeFilter = "",
    level: CodeFilter = "",
    department: IdFilter = "",
) -> Results[ItemView]:
    rows, cursor, total = await register.list_items(
        tx, page, q=q, item_type=item_type, level=level, department=department
    )
    link_next(request, response, cursor)
    items = [ItemView.model_validate(row) for row in rows]
    return Results(items=items, next_cursor=cursor, total=total)


@router.get("/v1/items/{item_code}")
async def get_item(
    tx: Tx,
    item_code: Annotated[str, Path(pattern=ITEM_CODE, examples=["demo-rst-001"])],
    response: Response,
) -> ItemView:
    item = await register.get_item(tx, item_code)
    set_version(response, item.version)
    return ItemView.model_validate(item)
