"""Organisations, halls and zones."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.catalog.api.query import IdFilter, RegionFilter, WordFilter
from services.catalog.commands import halls as hall_commands
from services.catalog.commands import merging, zones
from services.catalog.commands import organisations as commands
from services.catalog.queries import register
from services.catalog.rules.halls import HallState
from services.catalog.schemas.fields import IDENTIFIER
from services.catalog.schemas.register import (
    HallInput,
    HallUpdate,
    HallView,
    OrganisationInput,
    OrganisationUpdate,
    OrganisationView,
    ZoneInput,
    ZoneUpdate,
    ZoneView,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["单位与分厅"])
OrganisationPath = Annotated[str, Path(pattern=IDENTIFIER, examples=["city-360100"])]
HallPath = Annotated[str, Path(pattern=IDENTIFIER, examples=["hall-360100"])]
ZonePath = Annotated[str, Path(pattern=IDENTIFIER, examples=["zone-rst"])]


@router.get("/v1/organisations")
async def list_organisations(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    kind: WordFilter = "",
    region: RegionFilter = "",
    parent: IdFilter = "",
    active: Annotated[bool, Query(description="false: 已撤销的单位 / closed ones")] = True,
) -> Results[OrganisationView]:
    rows, cursor, total = await register.list_organisations(
        tx, page, kind=kind, region=region, parent=parent, active=active
    )
    link_next(request, response, cursor)
    items = [OrganisationView.model_validate(row) for row in rows]
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/organisations", status_code=201)
async def register_organisation(
    tx: Tx, body: OrganisationInput, response: Response
) -> OrganisationView:
    organisation = await commands.register_organisation(tx, body)
    response.headers["Location"] = f"/v1/organisations/{organisation.id}"
    set_version(response, organisation.version)
    return OrganisationView.model_validate(organisation)


@router.get("/v1/organisations/{organisation_id}")
async def get_organisation(
    tx: Tx, organisation_id: OrganisationPath, response: Response
) -> OrganisationView:
    organisation = await register.get_organisation(tx, organisation_id)
    set_version(response, organisation.version)
    return OrganisationView.model_validate(organisation)


@router.put("/v1/organisations/{organisation_id}")
async def update_organisation(
    tx: Tx, organisation_id: OrganisationPath, body: OrganisationUpdate, response: Response
) -> OrganisationView:
    organisation = await commands.update_organisation(tx, organisation_id, body)
    set_version(response, organisation.version)
    return OrganisationView.model_validate(organisation)


@router.delete("/v1/organisations/{organisation_id}", status_code=204)
async def close_organisation(tx: Tx, organisation_id: OrganisationPath) -> None:
    await commands.close_organisation(tx, organisation_id)


@router.get("/v1/halls")
async def list_halls(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    level: WordFilter = "",
    region: RegionFilter = "",
    state: WordFilter = "",
) -> Results[HallView]:
    rows, cursor, total = await register.list_halls(
        tx, page, level=level, region=region, state=state
    )
    link_next(request, response, cursor)
    items = [HallView.model_validate(row) for row in rows]
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/halls", status_code=201)
async def register_hall(tx: Tx, body: HallInput, response: Response) -> HallView:
    hall = await hall_commands.register_hall(tx, body)
    response.headers["Location"] = f"/v1/halls/{hall.id}"
    set_version(response, hall.version)
    return HallView.model_validate(hall)


@router.get(
    "/v1/halls/{hall_id}",
    response_model=HallView,
    responses={308: {"description": "已并入；转到并入的分厅 / merged: see the hall in Location"}},
)
async def get_hall(tx: Tx, hall_id: HallPath, response: Response) -> HallView | Response:
    hall = await register.get_hall(tx, hall_id)
    if hall.state == HallState.MERGED:
        return RedirectResponse(f"/v1/halls/{hall.merged_into}", status_code=308)
    set_version(response, hall.version)
    return HallView.model_validate(hall)


@router.put("/v1/halls/{hall_id}")
async def update_hall(tx: Tx, hall_id: HallPath, body: HallUpdate, response: Response) -> HallView:
    hall = await merging.update_hall(tx, hall_id, body)
    set_version(response, hall.version)
    return HallView.model_validate(hall)


@router.get("/v1/zones")
async def list_zones(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    hall: IdFilter = "",
    department: IdFilter = "",
) -> Results[ZoneView]:
    rows, cursor, total = await register.list_zones(tx, page, hall=hall, department=department)
    link_next(request, response, cursor)
    items = [ZoneView.model_validate(row) for row in rows]
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/zones", status_code=201)
async def register_zone(tx: Tx, body: ZoneInput, response: Response) -> ZoneView:
    zone = await hall_commands.register_zone(tx, body)
    response.headers["Location"] = f"/v1/zones/{zone.id}"
    set_version(response, zone.version)
    return ZoneView.model_validate(zone)


@router.get("/v1/zones/{zone_id}")
async def get_zone(tx: Tx, zone_id: ZonePath, response: Response) -> ZoneView:
    zone = await register.get_zone(tx, zone_id)
    set_version(response, zone.version)
    return ZoneView.model_validate(zone)


@router.put("/v1/zones/{zone_id}")
async def update_zone(
    *, tx: Tx, relation: Related, zone_id: ZonePath, body: ZoneUpdate, response: Response
) -> ZoneView:
    zone = await zones.update_zone(tx, zone_id, body, relation=relation)
    set_version(response, zone.version)
    return ZoneView.model_validate(zone)
