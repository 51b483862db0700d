"""Windows that accepted filings have opened (A16.3)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import queries
from services.filing.api.filings import OrganisationQuery
from services.filing.rules import WindowState
from services.filing.schemas import Instant, WindowView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["窗口期"])


@router.get("/v1/windows")
async def list_windows(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationQuery = None,
    state: Annotated[WindowState | None, Query()] = None,
    short_notice: Annotated[bool | None, Query()] = None,
    ends_after: Annotated[Instant | None, Query()] = None,
) -> Page[WindowView]:
    items, cursor = await queries.list_windows(
        tx,
        page,
        organisation=organisation,
        state=state,
        short_notice=short_notice,
        ends_after=ends_after,
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/windows/{window_id}")
async def get_window(tx: Tx, response: Response, window_id: UUID) -> WindowView:
    view = await queries.show_window(tx, window_id)
    set_version(response, view.version)
    return view
