"""Partners: who may serve, and the decision that ends it (A15)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import OrganisationQuery
from services.filing.commands import ExitOrder
from services.filing.rules import PartnerState
from services.filing.schemas import ForcedExitBody, PartnerView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["第三方合作"])

PartnerId = Annotated[str, Path(pattern="^[a-z0-9-]{2,40}$")]


@router.get("/v1/partners")
async def list_partners(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    state: Annotated[PartnerState | None, Query()] = None,
    supervising: OrganisationQuery = None,
) -> Page[PartnerView]:
    items, cursor = await queries.list_partners(tx, page, state=state, supervising=supervising)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/partners/{partner_id}")
async def get_partner(tx: Tx, response: Response, partner_id: PartnerId) -> PartnerView:
    view = await queries.show_partner(tx, partner_id)
    set_version(response, view.version)
    return view


@router.post("/v1/partners/{partner_id}/forced-exit")
async def force_partner_out(
    tx: Tx, response: Response, partner_id: PartnerId, body: ForcedExitBody
) -> PartnerView:
    await commands.force_out(tx, partner_id, ExitOrder(**body.model_dump()))
    view = await queries.show_partner(tx, partner_id)
    set_version(response, view.version)
    return view
