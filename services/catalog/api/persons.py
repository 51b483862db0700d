"""Responsible persons: masked in every answer but the one disclosure (A12.2, A17.1, A21.2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.catalog.api.query import IdFilter, WordFilter
from services.catalog.commands import persons as commands
from services.catalog.queries import persons
from services.catalog.schemas.persons import (
    DisclosureRequest,
    DisclosureView,
    PersonInput,
    PersonUpdate,
    PersonView,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next
from shared.security.encryption import Keyring

router = APIRouter(route_class=OperationRoute, tags=["专人"])


def keyring_of(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


Keys = Annotated[Keyring, Depends(keyring_of)]
PhoneFilter = Annotated[
    str, Query(pattern="^[0-9+-]{0,20}$", description="按完整号码精确查找 / the full number")
]


@router.get("/v1/responsible-persons")
async def list_responsible_persons(
    *,
    tx: Tx,
    keyring: Keys,
    request: Request,
    response: Response,
    page: Paging,
    organisation: IdFilter = "",
    domain: WordFilter = "",
    post: WordFilter = "",
    phone: PhoneFilter = "",
    current: Annotated[bool, Query(description="只看今天在任 / on duty today")] = False,
) -> Results[PersonView]:
    items, cursor, total = await persons.list_persons(
        tx,
        page,
        keyring=keyring,
        organisation=organisation,
        domain=domain,
        post=post,
        phone=phone,
        current=current,
    )
    link_next(request, response, cursor)
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/responsible-persons", status_code=201)
async def name_responsible_person(
    tx: Tx, keyring: Keys, relation: Related, body: PersonInput, response: Response
) -> PersonView:
    person = await commands.name_responsible_person(tx, body, keyring=keyring, relation=relation)
    response.headers["Location"] = f"/v1/responsible-persons/{person.id}"
    set_version(response, person.version)
    return persons.person_view(person, keyring)


@router.get("/v1/responsible-persons/{person_id}")
async def get_responsible_person(
    tx: Tx, keyring: Keys, person_id: UUID, response: Response
) -> PersonView:
    person = await persons.get_person(tx, person_id)
    set_version(response, person.version)
    return persons.person_view(person, keyring)


@router.put("/v1/responsible-persons/{person_id}")
async def update_responsible_person(
    *,
    tx: Tx,
    keyring: Keys,
    relation: Related,
    person_id: UUID,
    body: PersonUpdate,
    response: Response,
) -> PersonView:
    person = await commands.update_responsible_person(
        tx, person_id, body, keyring=keyring, relation=relation
    )
    set_version(response, person.version)
    return persons.person_view(person, keyring)


@router.post("/v1/responsible-persons/{person_id}/disclosure")
async def disclose_responsible_person(
    tx: Tx, keyring: Keys, person_id: UUID, body: DisclosureRequest, response: Response
) -> DisclosureView:
    clear = await commands.disclose_responsible_person(
        tx, person_id, reason=body.reason, keyring=keyring
    )
    response.headers["Cache-Control"] = "no-store"
    return DisclosureView(person_id=person_id, name=clear.name, phone=clear.phone)
