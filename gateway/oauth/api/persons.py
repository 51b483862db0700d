"""What a person of the operator may do."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from gateway import standing
from gateway.oauth.schemas import ClientGroups, IssuerName, PersonGrantInput, PersonGrantView
from gateway.tables import PersonGrant
from shared.clock import SHANGHAI
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

IssuerQuery = Annotated[
    IssuerName | None, Query(description="同一编号有多条记录时须写明 / where a `sub` is several's")
]
router = APIRouter(route_class=OperationRoute)


@router.get("/v1/person-grants", tags=["身份"])
async def list_person_grants(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[PersonGrantView]:
    rows, cursor = await standing.grants(tx, page)
    link_next(request, response, cursor)
    return Page(items=[_view(row) for row in rows], next_cursor=cursor)


@router.post("/v1/person-grants", tags=["身份"], status_code=201)
async def grant_person(
    tx: Tx, request: Request, response: Response, asked: PersonGrantInput
) -> PersonGrantView:
    """Persons come from an external issuer; what a person of the operator may do stands here."""
    grant = await standing.grant_person(
        tx,
        asked.subject,
        issuer=standing.issuer_of(request.app.state.settings, asked.issuer),
        organisation_id=asked.organisation_id,
        groups=asked.groups,
    )
    response.headers["Location"] = _place(grant)
    return _shown(grant, response)


@router.get("/v1/person-grants/{subject}", tags=["身份"])
async def get_person_grant(
    tx: Tx, subject: str, response: Response, issuer: IssuerQuery = None
) -> PersonGrantView:
    return _shown(await standing.get_grant(tx, subject, issuer=issuer), response)


@router.put("/v1/person-grants/{subject}", tags=["身份"])
async def change_person_grant(
    tx: Tx, subject: str, granted: ClientGroups, response: Response, issuer: IssuerQuery = None
) -> PersonGrantView:
    grant = await standing.change_grant(tx, subject, granted.groups, issuer=issuer)
    return _shown(grant, response)


def _place(grant: PersonGrant) -> str:
    path = f"/v1/person-grants/{quote(grant.subject, safe='')}"
    return f"{path}?issuer={quote(grant.issuer, safe='')}" if grant.issuer else path


def _shown(grant: PersonGrant, response: Response) -> PersonGrantView:
    set_version(response, grant.version)
    return _view(grant)


def _view(grant: PersonGrant) -> PersonGrantView:
    return PersonGrantView(
        issuer=grant.issuer,
        subject=grant.subject,
        organisation_id=grant.organisation_id,
        groups=grant.groups,
        granted_at=grant.granted_at.astimezone(SHANGHAI),
        granted_by=grant.granted_by,
    )
