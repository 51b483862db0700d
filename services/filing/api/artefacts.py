"""What documents leave behind: clearances and the registry of field classes (A21)."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import OrganisationQuery
from services.filing.schemas import ClassifiedFieldView, ClearanceView, RevocationBody
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["数据安全"])


@router.get("/v1/clearances")
async def list_clearances(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationQuery = None,
    subject_ref: Annotated[str | None, Query(pattern=r"^[\x21-\x7e]{1,200}$")] = None,
    ended: Annotated[bool | None, Query()] = None,
) -> Page[ClearanceView]:
    items, cursor = await queries.list_clearances(
        tx, page, organisation=organisation, subject_ref=subject_ref, ended=ended
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/clearances/{clearance_id}")
async def get_clearance(tx: Tx, response: Response, clearance_id: UUID) -> ClearanceView:
    view = await queries.show_clearance(tx, clearance_id)
    set_version(response, view.version)
    return view


@router.post("/v1/clearances/{clearance_id}/revocation")
async def revoke_clearance(
    tx: Tx, related: Related, response: Response, clearance_id: UUID, body: RevocationBody
) -> ClearanceView:
    await commands.revoke_clearance(tx, clearance_id, related, reason=body.reason, note=body.note)
    view = await queries.show_clearance(tx, clearance_id)
    set_version(response, view.version)
    return view


@router.get("/v1/classified-fields")
async def list_classified_fields(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationQuery = None,
    level: Annotated[Literal["GENERAL", "IMPORTANT", "CORE"] | None, Query()] = None,
) -> Page[ClassifiedFieldView]:
    items, cursor = await queries.list_classified_fields(
        tx, page, organisation=organisation, level=level
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
