"""Delegations: who decides in whose place, for what and how long (F6)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.commands import DelegationEntry
from services.filing.schemas import DelegationBody, DelegationView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["委托"])


@router.get("/v1/delegations")
async def list_delegations(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    delegate: Annotated[str | None, Query(pattern=r"^[\x21-\x7e]{1,200}$")] = None,
    in_force: Annotated[bool | None, Query()] = None,
) -> Page[DelegationView]:
    items, cursor = await queries.list_delegations(tx, page, delegate=delegate, in_force=in_force)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/delegations", status_code=201)
async def delegate_decisions(tx: Tx, response: Response, body: DelegationBody) -> DelegationView:
    row = await commands.delegate(tx, DelegationEntry(**body.model_dump()))
    response.headers["Location"] = f"/v1/delegations/{row.id}"
    set_version(response, row.version)
    return DelegationView.model_validate(row)


@router.get("/v1/delegations/{delegation_id}")
async def get_delegation(tx: Tx, response: Response, delegation_id: UUID) -> DelegationView:
    view = await queries.show_delegation(tx, delegation_id)
    set_version(response, view.version)
    return view


@router.post("/v1/delegations/{delegation_id}/revocation")
async def revoke_delegation(tx: Tx, response: Response, delegation_id: UUID) -> DelegationView:
    row = await commands.revoke_delegation(tx, delegation_id)
    set_version(response, row.version)
    return DelegationView.model_validate(row)
