"""The API clients: registered, rotated, suspended, and granted their groups."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from gateway.oauth import clients
from gateway.oauth.schemas import (
    ClientGroups,
    ClientRegistration,
    ClientView,
    IssuedSecret,
    Rotation,
    SecretView,
    SuspensionReason,
)
from gateway.tables import ApiClient
from shared.clock import SHANGHAI
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute)


@router.get("/v1/clients", tags=["身份"])
async def list_clients(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[ClientView]:
    rows, cursor = await clients.page_of(tx, page)
    link_next(request, response, cursor)
    return Page(items=[_view(row) for row in rows], next_cursor=cursor)


@router.post("/v1/clients", tags=["身份"], status_code=201)
async def register_client(
    tx: Tx, request: Request, response: Response, registration: ClientRegistration
) -> IssuedSecret:
    client, secret = await clients.register(
        tx, registration, pepper=request.app.state.keyring.index_key
    )
    response.headers["Location"] = f"/v1/clients/{client.id}"
    return _issued(client, secret, response)


@router.get("/v1/clients/{client_id}", tags=["身份"])
async def get_client(tx: Tx, client_id: str, response: Response) -> ClientView:
    return _shown(await clients.get(tx, client_id), response)


@router.post("/v1/clients/{client_id}/secrets", tags=["身份"], status_code=201)
async def rotate_client_secret(
    tx: Tx, request: Request, client_id: str, rotation: Rotation, response: Response
) -> IssuedSecret:
    client, secret = await clients.rotate_secret(
        tx,
        client_id,
        grace=timedelta(hours=rotation.grace_hours),
        pepper=request.app.state.keyring.index_key,
    )
    return _issued(client, secret, response)


@router.post("/v1/clients/{client_id}/suspension", tags=["身份"])
async def suspend_client(
    tx: Tx, client_id: str, suspension: SuspensionReason, response: Response
) -> ClientView:
    return _shown(await clients.suspend(tx, client_id, reason=suspension.reason), response)


@router.post("/v1/clients/{client_id}/resumption", tags=["身份"])
async def resume_client(tx: Tx, client_id: str, response: Response) -> ClientView:
    return _shown(await clients.resume(tx, client_id), response)


@router.put("/v1/clients/{client_id}/groups", tags=["身份"])
async def grant_client_groups(
    tx: Tx, client_id: str, granted: ClientGroups, response: Response
) -> ClientView:
    return _shown(await clients.grant_groups(tx, client_id, granted.groups), response)


def _shown(client: ApiClient, response: Response) -> ClientView:
    set_version(response, client.version)
    return _view(client)


def _view(client: ApiClient) -> ClientView:
    return ClientView(
        client_id=client.id,
        organisation_id=client.organisation_id,
        role=client.role,
        region=client.region,
        scopes=client.scopes,
        groups=client.groups,
        state=client.state,
        authentication="private_key_jwt" if client.jwks is not None else "client_secret_basic",
        registered_at=client.registered_at.astimezone(SHANGHAI),
        secrets=[
            SecretView(
                created_at=each.created_at.astimezone(SHANGHAI),
                expires_at=each.expires_at and each.expires_at.astimezone(SHANGHAI),
                last_used_at=each.last_used_at and each.last_used_at.astimezone(SHANGHAI),
            )
            for each in client.secrets
        ],
    )


def _issued(client: ApiClient, secret: str | None, response: Response) -> IssuedSecret:
    response.headers["Cache-Control"] = "no-store"
    return IssuedSecret(**_shown(client, response).model_dump(), client_secret=secret)
