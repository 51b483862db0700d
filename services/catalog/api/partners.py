"""The liaison of partners with the operator; their approval and exit are filing's."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.catalog.api.query import IdFilter
from services.catalog.commands import partners as commands
from services.catalog.queries import partners
from services.catalog.schemas.fields import IDENTIFIER
from services.catalog.schemas.partners import LiaisonInput, LiaisonView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["第三方合作"])
PartnerPath = Annotated[str, Path(pattern=IDENTIFIER, examples=["partner-demo"])]


@router.get("/v1/partner-liaisons")
async def list_partner_liaisons(
    tx: Tx, request: Request, response: Response, page: Paging, supervising: IdFilter = ""
) -> Page[LiaisonView]:
    items, cursor = await partners.list_liaisons(tx, page, supervising=supervising)
    link_next(request, response, cursor)
    return Page(items=items, next_cursor=cursor)


@router.get("/v1/partner-liaisons/{partner_id}")
async def get_partner_liaison(tx: Tx, partner_id: PartnerPath, response: Response) -> LiaisonView:
    view = await partners.get_liaison(tx, partner_id)
    set_version(response, view.version)
    return view


@router.put("/v1/partner-liaisons/{partner_id}")
async def name_partner_liaison(
    tx: Tx, partner_id: PartnerPath, body: LiaisonInput, response: Response
) -> LiaisonView:
    await commands.name_liaison(tx, partner_id, body)
    view = await partners.get_liaison(tx, partner_id)
    set_version(response, view.version)
    return view
