"""What is assured of a listing's service and protection; the public does not read it."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import IdFilter
from services.catalog.commands.limits import limit
from services.catalog.commands.listings import set_assurance
from services.catalog.queries import assurance
from services.catalog.schemas.assurance import AssuranceInput, AssuranceView
from shared.database import Transaction
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["服务保障"])


@router.get("/v1/listing-assurances")
async def list_listing_assurances(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    mlps_level: Annotated[
        int | None, Query(ge=1, le=5, description="等保级别 / MLPS level (A22)")
    ] = None,
    critical_infrastructure: Annotated[
        bool | None, Query(description="关键信息基础设施 / critical infrastructure (A22)")
    ] = None,
) -> Page[AssuranceView]:
    items, cursor = await assurance.list_assurances(
        tx,
        page,
        organisation=organisation,
        mlps_level=mlps_level,
        critical_infrastructure=critical_infrastructure,
    )
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/listings/{listing_id}/assurance")
async def get_listing_assurance(tx: Tx, listing_id: UUID, response: Response) -> AssuranceView:
    return await _shown(tx, listing_id, response)


@router.put("/v1/listings/{listing_id}/assurance")
async def set_listing_assurance(
    *, tx: Tx, relation: Related, listing_id: UUID, body: AssuranceInput, response: Response
) -> AssuranceView:
    await set_assurance(tx, listing_id, body, relation=relation)
    return await _shown(tx, listing_id, response)


async def _shown(tx: Transaction, listing_id: UUID, response: Response) -> AssuranceView:
    target = Decimal(str(await limit(tx, "slo_availability_target")))
    view = await assurance.get_assurance(
        tx,
        listing_id,
        availability_target=f"{target.normalize():f}",
        response_milliseconds=int(await limit(tx, "slo_response_time")) * 1000,
    )
    set_version(response, view.version)
    return view
