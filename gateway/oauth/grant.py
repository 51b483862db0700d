"""The client-credentials grant (RFC 6749 §4.4): who asks is proven, what it gets is its own."""

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import selectinload

from gateway.errors import (
    InvalidClient,
    InvalidScope,
    InvalidTokenRequest,
    TokenNotCleared,
    UnsupportedGrantType,
)
from gateway.oauth.clients import ACTIVE
from gateway.standing import Standing, is_cleared
from gateway.tables import ApiClient, UsedAssertion
from gateway.tallies import Tallies
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.security import jose
from shared.security.client_assertion import claimed_client, verify_assertion
from shared.security.client_secrets import matches, stored_form
from shared.security.errors import InvalidClientAssertion
from shared.security.identity import Actor, Role
from shared.security.tokens import LONGEST_ISSUED, SigningKeys, issue

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Granted:
    token: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The form of a token request and its Authorization header."""

    form: Mapping[str, str]
    authorization: str | None


async def grant(
    tx: Transaction,
    asked: TokenRequest,
    *,
    keys: SigningKeys,
    issuer: str,
    pepper: bytes,
    tallies: Tallies,
    standing: Standing,
) -> Granted:
    """A token of ten minutes for the scopes asked for, or for all that the client has."""
    if asked.form.get("grant_type") != "client_credentials":
        raise UnsupportedGrantType
    client = await _proven_client(tx, asked, issuer=issuer, pepper=pepper, tallies=tallies)
    if client.state != ACTIVE:
        raise InvalidClient
    if standing.privileged.account(Role(client.role), client.groups):
        await _check_clearance(tx, client)
    scopes = _scopes(asked.form.get("scope", ""), client)
    actor = Actor(
        subject=client.id,
        client_id=client.id,
        organisation=client.organisation_id,
        role=Role(client.role),
        region=client.region,
        scopes=scopes,
        groups=frozenset(client.groups),
    )
    token = issue(keys, issuer=issuer, actor=actor, now=tx.now, jti=str(uuid.uuid4()))
    return Granted(token, int(LONGEST_ISSUED.total_seconds()), " ".join(sorted(scopes)))


async def _check_clearance(tx: Transaction, client: ApiClient) -> None:
    """A21.3; the first administrator of all has a term in which to file its own."""
    due = client.clearance_due
    if due is not None and tx.now.astimezone(SHANGHAI).date() <= due:
        return
    if not await is_cleared(tx, client.id, organisation=client.organisation_id):
        raise TokenNotCleared(subject=client.id, clause="A21.3")


async def _proven_client(
    tx: Transaction, asked: TokenRequest, *, issuer: str, pepper: bytes, tallies: Tallies
) -> ApiClient:
    if asked.form.get("client_assertion_type") == ASSERTION_TYPE:
        return await _by_assertion(tx, asked.form.get("client_assertion", ""), issuer=issuer)
    if asked.authorization is None:
        raise InvalidClient
    client_id, secret = _basic(asked.authorization)
    client = await _find(tx, client_id)
    live = (
        [each for each in client.secrets if each.expires_at is None or each.expires_at > tx.now]
        if client is not None
        else []
    )
    if not matches(secret, [each.stored for each in live], pepper=pepper) or client is None:
        raise InvalidClient
    used = stored_form(secret, pepper=pepper)
    tallies.used("secret", used, tx.now)
    return client


async def _by_assertion(tx: Transaction, assertion: str, *, issuer: str) -> ApiClient:
    try:
        client = await _find(tx, claimed_client(assertion))
        if client is None or client.jwks is None:
            raise InvalidClient
        proven = verify_assertion(
            assertion,
            client_id=client.id,
            keys=jose.public_keys(client.jwks),
            audiences=(issuer, f"{issuer}/oauth2/token"),
            now=tx.now,
        )
    except InvalidClientAssertion as refusal:
        raise InvalidClient from refusal
    await tx.session.execute(delete(UsedAssertion).where(UsedAssertion.replay_until < tx.now))
    first = await tx.session.execute(
        insert(UsedAssertion)
        .values(client_id=client.id, jti=proven.jti, replay_until=proven.replay_until)
        .on_conflict_do_nothing()
        .returning(UsedAssertion.jti)
    )
    if first.scalar_one_or_none() is None:
        raise InvalidClient
    return client


async def _find(tx: Transaction, client_id: str) -> ApiClient | None:
    found: ApiClient | None = await tx.session.scalar(
        select(ApiClient).where(ApiClient.id == client_id).options(selectinload(ApiClient.secrets))
    )
    return found


def _basic(authorization: str) -> tuple[str, str]:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient from error
    if not colon:
        raise InvalidTokenRequest
    return unquote_plus(client_id), unquote_plus(secret)


def _scopes(asked: str, client: ApiClient) -> frozenset[str]:
    wanted = frozenset(asked.split())
    if not wanted <= set(client.scopes):
        raise InvalidScope
    return wanted or frozenset(client.scopes)
