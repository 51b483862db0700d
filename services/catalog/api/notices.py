"""Notices."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import RegionFilter, WordFilter
from services.catalog.commands import notices as commands
from services.catalog.queries import notices
from services.catalog.rules.notices import NoticeState
from services.catalog.schemas.notices import NoticeInput, NoticeText, NoticeView, WithdrawalRequest
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["公告"])


@router.get("/v1/notices")
async def list_notices(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    kind: WordFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    state: Annotated[
        Literal["PUBLISHED", "EXPIRED", "WITHDRAWN"],
        Query(description="默认只看有效公告 / in force by default"),
    ] = "PUBLISHED",
) -> Results[NoticeView]:
    items, cursor, total = await notices.list_notices(
        tx, page, kind=kind, region=region, listing=listing, state=NoticeState(state)
    )
    link_next(request, response, cursor)
    return Results(items=items, next_cursor=cursor, total=total)


@router.get("/v1/scheduled-notices")
async def list_scheduled_notices(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Results[NoticeView]:
    items, cursor, total = await notices.list_notices(
        tx, page, kind="", region="", listing=None, state=NoticeState.SCHEDULED
    )
    link_next(request, response, cursor)
    return Results(items=items, next_cursor=cursor, total=total)


@router.get("/v1/notices/{notice_id}")
async def get_notice(tx: Tx, notice_id: UUID, response: Response) -> NoticeView:
    view = await notices.get_notice(tx, notice_id)
    set_version(response, view.version)
    return view


@router.post("/v1/notices", status_code=201)
async def publish_notice(tx: Tx, body: NoticeInput, response: Response) -> NoticeView:
    notice = await commands.publish_notice(tx, body)
    response.headers["Location"] = f"/v1/notices/{notice.id}"
    set_version(response, notice.version)
    return notices.notice_view(notice, tx.now)


@router.put("/v1/notices/{notice_id}")
async def edit_notice(tx: Tx, notice_id: UUID, body: NoticeText, response: Response) -> NoticeView:
    notice = await commands.edit_notice(tx, notice_id, body)
    set_version(response, notice.version)
    return notices.notice_view(notice, tx.now)


@router.post("/v1/notices/{notice_id}/withdrawal")
async def withdraw_notice(
    tx: Tx, notice_id: UUID, body: WithdrawalRequest, response: Response
) -> NoticeView:
    notice = await commands.withdraw_notice(tx, notice_id, reason=body.reason)
    set_version(response, notice.version)
    return notices.notice_view(notice, tx.now)
