"""The regulation record, the code set of item types, regions, and the working calendar."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.catalog.api.query import RegionFilter
from services.catalog.commands import calendar as commands
from services.catalog.queries import calendar, register
from services.catalog.queries.regulation import item_types, regulation
from services.catalog.schemas.calendar import CalendarInput, CalendarView
from services.catalog.schemas.items import ItemTypeView
from services.catalog.schemas.register import RegionView
from services.catalog.schemas.regulation import RegulationView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["基础信息"])
Year = Annotated[int, Path(ge=2000, le=2100, examples=[2026])]


@router.get("/v1/regulation")
async def get_regulation() -> RegulationView:
    return regulation()


@router.get("/v1/item-types")
async def list_item_types() -> Page[ItemTypeView]:
    return Page(items=list(item_types()))


@router.get("/v1/regions")
async def list_regions(
    tx: Tx, request: Request, response: Response, page: Paging, parent: RegionFilter = ""
) -> Results[RegionView]:
    rows, cursor, total = await register.list_regions(tx, page, parent=parent)
    link_next(request, response, cursor)
    return Results(
        items=[RegionView.model_validate(row) for row in rows], next_cursor=cursor, total=total
    )


@router.get("/v1/calendar/{year}")
async def get_calendar_year(tx: Tx, year: Year, response: Response) -> CalendarView:
    found = await calendar.get_year(tx, year)
    set_version(response, found.version)
    return calendar.calendar_view(found)


@router.put("/v1/calendar/{year}")
async def import_calendar_year(
    tx: Tx, year: Year, body: CalendarInput, response: Response
) -> CalendarView:
    found = await commands.import_calendar_year(tx, year, body)
    set_version(response, found.version)
    return calendar.calendar_view(found)
