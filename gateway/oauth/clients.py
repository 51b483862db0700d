"""API clients: registered, rotated, suspended and resumed by the province (G5)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from gateway.errors import (
    ClientExists,
    ClientKeysInvalid,
    ClientNotFound,
    ClientStateWrong,
    GroupsNotForRole,
    OwnClient,
    RoleRegionMismatch,
    ScopeUnknown,
)
from gateway.oauth.schemas import ClientRegistration
from gateway.tables import ApiClient, ClientSecret
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.gateway import (
    ClientClosed,
    ClientGroupsGranted,
    ClientRegistered,
    ClientResumed,
    ClientSecretRotated,
    ClientSuspended,
)
from shared.http.pagination import PageRequest, cut, keyset
from shared.security import jose
from shared.security.access import ENTRY, OPERATIONS
from shared.security.client_secrets import new_secret, stored_form
from shared.security.groups import Group
from shared.security.identity import PROVINCE_REGION, Role
from shared.security.tokens import LEEWAY, LONGEST_ACCEPTED

SCOPES = frozenset(op.scope for op in (*OPERATIONS.values(), ENTRY) if op.scope is not None)
_REGIONAL = (Role.CITY, Role.COUNTY)
ACTIVE: Final = "ACTIVE"
SUSPENDED: Final = "SUSPENDED"
CLOSED: Final = "CLOSED"


async def register(
    tx: Transaction, asked: ClientRegistration, *, pepper: bytes
) -> tuple[ApiClient, str | None]:
    """A new client and, unless it proves itself by key, its secret: shown once."""
    _check(asked)
    if await tx.session.get(ApiClient, asked.client_id) is not None:
        raise ClientExists(client_id=asked.client_id)
    client = ApiClient(
        id=asked.client_id,
        organisation_id=asked.organisation_id,
        role=asked.role,
        region=asked.region,
        scopes=sorted(asked.scopes),
        groups=sorted(asked.groups),
        jwks=asked.jwks,
        state=ACTIVE,
        version=1,
        registered_at=tx.now,
        secrets=[],
    )
    tx.session.add(client)
    secret = None if asked.jwks is not None else _add_secret(tx, client, pepper=pepper)
    tx.emit(
        ClientRegistered(
            client_id=client.id,
            organisation_id=client.organisation_id,
            role=client.role,
            scopes=client.scopes,
        ),
        subject=f"client:{client.id}",
        region=client.region,
    )
    return client, secret


async def rotate_secret(
    tx: Transaction, client_id: str, *, grace: timedelta, pepper: bytes
) -> tuple[ApiClient, str]:
    """A new secret beside the earlier one, which ends after its grace; two are live at most."""
    client = await locked(tx, client_id)
    if client.jwks is not None:
        raise ClientStateWrong(state="private_key_jwt")
    for earlier in client.secrets[1:]:
        await tx.session.delete(earlier)
    for current in client.secrets[:1]:
        current.expires_at = tx.now + grace
    client.secrets = client.secrets[:1]
    secret = _add_secret(tx, client, pepper=pepper)
    client.version += 1
    tx.emit(
        ClientSecretRotated(client_id=client.id),
        subject=f"client:{client.id}",
        region=client.region,
    )
    return client, secret


async def grant_groups(tx: Transaction, client_id: str, groups: Iterable[Group]) -> ApiClient:
    """Other permission groups from now on: tokens with the earlier ones are refused (A9.2)."""
    client = await locked(tx, client_id)
    _check_groups(client.role, groups)
    client.groups, client.void_before = sorted(groups), tx.now
    client.version += 1
    tx.emit(
        ClientGroupsGranted(client_id=client.id, groups=client.groups),
        subject=f"client:{client.id}",
        region=client.region,
    )
    return client


async def void_tokens(tx: Transaction, client_id: str) -> None:
    """A client, if there is one by this id, has to ask for a new token."""
    client = await tx.session.get(ApiClient, client_id, with_for_update=True)
    if client is not None:
        client.void_before = tx.now


async def suspend(tx: Transaction, client_id: str, *, reason: str) -> ApiClient:
    """From now on its tokens are refused and it gets none; nobody cuts off who they act with."""
    client = await locked(tx, client_id)
    if client_id == tx.actor.client_id:
        raise OwnClient(client_id=client_id)
    if client.state != ACTIVE:
        raise ClientStateWrong(state=client.state, allowed=_after(client))
    client.state, client.suspended_at, client.suspended_reason = SUSPENDED, tx.now, reason
    client.void_before = tx.now
    client.version += 1
    tx.emit(
        ClientSuspended(client_id=client.id), subject=f"client:{client.id}", region=client.region
    )
    return client


async def resume(tx: Transaction, client_id: str) -> ApiClient:
    client = await locked(tx, client_id)
    if client.state != SUSPENDED:
        raise ClientStateWrong(state=client.state, allowed=_after(client))
    client.state, client.suspended_at, client.suspended_reason = ACTIVE, None, None
    client.version += 1
    tx.emit(ClientResumed(client_id=client.id), subject=f"client:{client.id}", region=client.region)
    return client


async def close_all(tx: Transaction, organisation_id: str) -> None:
    """All clients of an organisation that was forced out, for good (A15.5)."""
    found = await tx.session.scalars(
        select(ApiClient)
        .where(ApiClient.organisation_id == organisation_id, ApiClient.state != CLOSED)
        .order_by(ApiClient.id)
        .with_for_update()
    )
    for client in found:
        client.state, client.void_before = CLOSED, tx.now
        client.version += 1
        tx.emit(
            ClientClosed(client_id=client.id, organisation_id=organisation_id),
            subject=f"client:{client.id}",
            region=client.region,
        )


async def voided(tx: Transaction) -> list[tuple[str, datetime]]:
    """Clients of which tokens may still be about that are refused, and up to when issued.

    Of a client that is not active that is now: whoever asked in the moment of its suspension
    may have a token that is younger.
    """
    rows = await tx.session.execute(
        select(ApiClient.id, ApiClient.state, ApiClient.void_before).where(
            ApiClient.void_before > tx.now - LONGEST_ACCEPTED - 2 * LEEWAY
        )
    )
    return [(row.id, row.void_before if row.state == ACTIVE else tx.now) for row in rows]


async def get(tx: Transaction, client_id: str) -> ApiClient:
    client = await tx.session.get(ApiClient, client_id, options=[selectinload(ApiClient.secrets)])
    if client is None:
        raise ClientNotFound(client_id=client_id)
    return client


async def locked(tx: Transaction, client_id: str) -> ApiClient:
    client = await tx.session.get(
        ApiClient, client_id, options=[selectinload(ApiClient.secrets)], with_for_update=True
    )
    if client is None:
        raise ClientNotFound(client_id=client_id)
    tx.expect(client.version)
    return client


async def page_of(tx: Transaction, page: PageRequest) -> tuple[Sequence[ApiClient], str | None]:
    statement = select(ApiClient).options(selectinload(ApiClient.secrets))
    rows = (
        await tx.session.scalars(keyset(statement, page, columns=[ApiClient.id], kinds=[str]))
    ).all()
    return cut(rows, page, lambda row: (row.id,))


def _add_secret(tx: Transaction, client: ApiClient, *, pepper: bytes) -> str:
    secret = new_secret()
    client.secrets.insert(
        0,
        ClientSecret(
            stored=stored_form(secret, pepper=pepper), client_id=client.id, created_at=tx.now
        ),
    )
    return secret


def _after(client: ApiClient) -> list[str]:
    """What is possible in the client's state; nothing in CLOSED."""
    return {ACTIVE: ["suspension"], SUSPENDED: ["resumption"]}.get(client.state, [])


def _check(asked: ClientRegistration) -> None:
    unknown = sorted(set(asked.scopes) - SCOPES)
    if unknown:
        raise ScopeUnknown(
            scope=unknown, errors=[FieldError("/scopes", "scope_unknown", {"scope": unknown})]
        )
    if (asked.role in _REGIONAL) != (asked.region != PROVINCE_REGION):
        raise RoleRegionMismatch(role=asked.role, region=asked.region, clause="A4.1")
    _check_groups(asked.role, asked.groups)
    if asked.jwks is not None:
        _check_keys(asked.jwks)


def _check_groups(role: str, groups: Iterable[Group]) -> None:
    if groups and role != Role.OPERATOR:
        raise GroupsNotForRole(role=role, clause="A9.2")


def _check_keys(jwks: dict[str, Any]) -> None:
    try:
        jose.public_keys(jwks)
    except ValueError as error:
        raise ClientKeysInvalid from error
