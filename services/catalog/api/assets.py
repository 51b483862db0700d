"""The asset ledger of informatisation projects."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import IdFilter, RegionFilter
from services.catalog.commands import assets as commands
from services.catalog.queries import assets
from services.catalog.schemas.assets import AssetInput, AssetUpdate, AssetView
from services.catalog.schemas.fields import Day
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["项目资产"])


@router.get("/v1/assets")
async def list_assets(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    region: RegionFilter = "",
    contract: Annotated[
        str, Query(pattern="^[A-Za-z0-9._/-]{0,60}$", description="合同编号 / contract number")
    ] = "",
    listing: UUID | None = None,
    zone: IdFilter = "",
    in_service_on: Annotated[
        Day | None, Query(description="这一天在用 / in service on this day")
    ] = None,
) -> Results[AssetView]:
    items, cursor, total = await assets.list_assets(
        tx,
        page,
        organisation=organisation,
        region=region,
        contract=contract,
        listing=listing,
        zone=zone,
        in_service_on=in_service_on,
    )
    link_next(request, response, cursor)
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/assets", status_code=201)
async def register_asset(
    tx: Tx, relation: Related, body: AssetInput, response: Response
) -> AssetView:
    asset = await commands.register_asset(tx, body, relation=relation)
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    set_version(response, asset.version)
    return AssetView.model_validate(asset)


@router.get("/v1/assets/{asset_id}")
async def get_asset(tx: Tx, asset_id: UUID, response: Response) -> AssetView:
    view = await assets.get_asset(tx, asset_id)
    set_version(response, view.version)
    return view


@router.put("/v1/assets/{asset_id}")
async def update_asset(
    *, tx: Tx, relation: Related, asset_id: UUID, body: AssetUpdate, response: Response
) -> AssetView:
    asset = await commands.update_asset(tx, asset_id, body, relation=relation)
    set_version(response, asset.version)
    return AssetView.model_validate(asset)
