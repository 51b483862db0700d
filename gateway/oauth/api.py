"""OAuth endpoints and the API-client resource."""

import json
from datetime import timedelta
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from gateway import standing
from gateway.errors import InvalidTokenRequest
from gateway.oauth import clients, keys
from gateway.oauth.grant import TokenRequest, grant
from gateway.oauth.schemas import (
    ClientGroups,
    ClientRegistration,
    ClientView,
    IssuedSecret,
    KeyRotation,
    PersonGrantInput,
    PersonGrantView,
    Rotation,
    SecretView,
    SigningKeysView,
    SigningKeyView,
    SuspensionReason,
    TokenView,
)
from gateway.tables import ApiClient, PersonGrant, SigningKeySet
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import DomainError
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next
from shared.http.problems import problem_response
from shared.policy_rows import policy_now

router = APIRouter(route_class=OperationRoute)

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "scope": {"type": "string"},
                        "client_assertion_type": {"type": "string"},
                        "client_assertion": {"type": "string"},
                    },
                },
                "example": {"grant_type": "client_credentials", "scope": "filing:write"},
            }
        },
    }
}


_ISSUER = "https://ganfutong.invalid"
_REFUSED: JsonDict = {
    "error": "invalid_client",
    "type": "/problems/invalid_client",
    "title": "客户端身份未通过验证",
    "status": 401,
    "detail": "客户端身份未通过验证",
    "instance": "/oauth2/token",
    "code": "invalid_client",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


class Metadata(BaseModel):
    """RFC 8414."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": _ISSUER,
                    "token_endpoint": f"{_ISSUER}/oauth2/token",
                    "jwks_uri": f"{_ISSUER}/oauth2/jwks",
                    "scopes_supported": ["filing:read", "filing:write"],
                    "response_types_supported": [],
                    "grant_types_supported": ["client_credentials"],
                    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
                }
            ]
        }
    )

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]


class KeySet(BaseModel):
    """RFC 7517: public keys alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "keys": [
                        {
                            "kty": "EC",
                            "crv": "P-256",
                            "x": "4mD08R9GWPfKgwdq7EYHBn2JSQefCEaxBDTXAdA9M4c",
                            "y": "IL--_Mpats5XEFJ4IMG8rA1M25wM50GHVmuhToGL8e0",
                            "kid": "0fNPFAL2MOBSMHZDRcT_3Ieu-vTwGkrhsnTNW4Xc-L0",
                            "use": "sig",
                            "alg": "ES256",
                        }
                    ]
                }
            ]
        }
    )

    keys: list[dict[str, str]]


class TokenRefused(BaseModel):
    """RFC 6749 §5.2, with the members of a problem beside `error`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REFUSED]})

    error: str
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str


@router.post(
    "/oauth2/token",
    tags=["身份"],
    openapi_extra=_FORM,
    responses={status: {"model": TokenRefused} for status in (400, 401)},
)
async def issue_token(tx: Tx, request: Request, response: Response) -> TokenView:
    """Client credentials, by `client_secret_basic` or `private_key_jwt` (DEP1)."""
    state = request.app.state
    granted = await grant(
        tx,
        TokenRequest(await _form(request), request.headers.get("authorization")),
        keys=state.key_holder.signing,
        issuer=state.settings.token_issuer,
        pepper=state.keyring.index_key,
        tallies=state.tallies,
        standing=state.standing,
    )
    response.headers["Cache-Control"] = "no-store"
    return TokenView(access_token=granted.token, expires_in=granted.expires_in, scope=granted.scope)


async def on_refusal(request: Request, error: Exception) -> Response:
    """RFC 6749 §5.2: `error` in the standard's words, with the members of a problem beside it."""
    assert isinstance(error, DomainError)  # noqa: S101 Starlette calls by type
    answer = problem_response(request, error)
    body = {"error": getattr(error, "word", "") or error.code, **json.loads(bytes(answer.body))}
    headers = {"Cache-Control": "no-store", "Content-Language": answer.headers["content-language"]}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ganfutong"'
    return JSONResponse(body, status_code=error.status, headers=headers)


@router.get("/oauth2/jwks", tags=["身份"])
async def get_jwks(request: Request, response: Response) -> KeySet:
    """The public keys that verify access tokens: the current and the one before."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return KeySet.model_validate(request.app.state.key_holder.signing.jwks())


@router.get("/.well-known/oauth-authorization-server", tags=["身份"])
async def get_authorization_server_metadata(request: Request) -> Metadata:
    issuer = request.app.state.settings.token_issuer
    return Metadata(
        issuer=issuer,
        token_endpoint=f"{issuer}/oauth2/token",
        jwks_uri=f"{issuer}/oauth2/jwks",
        scopes_supported=sorted(clients.SCOPES),
        response_types_supported=[],
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["client_secret_basic", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=[
            "ES256", "ES384", "RS256", "PS256", "Ed25519",
        ],
    )  # fmt: skip


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
    client = await clients.get(tx, client_id)
    set_version(response, client.version)
    return _view(client)


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
    client = await clients.suspend(tx, client_id, reason=suspension.reason)
    set_version(response, client.version)
    return _view(client)


@router.post("/v1/clients/{client_id}/resumption", tags=["身份"])
async def resume_client(tx: Tx, client_id: str, response: Response) -> ClientView:
    client = await clients.resume(tx, client_id)
    set_version(response, client.version)
    return _view(client)


@router.put("/v1/clients/{client_id}/groups", tags=["身份"])
async def grant_client_groups(
    tx: Tx, client_id: str, granted: ClientGroups, response: Response
) -> ClientView:
    client = await clients.grant_groups(tx, client_id, granted.groups)
    set_version(response, client.version)
    return _view(client)


@router.get("/v1/person-grants", tags=["身份"])
async def list_person_grants(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[PersonGrantView]:
    rows, cursor = await standing.grants(tx, page)
    link_next(request, response, cursor)
    return Page(items=[_grant_view(row) for row in rows], next_cursor=cursor)


@router.post("/v1/person-grants", tags=["身份"], status_code=201)
async def grant_person(tx: Tx, response: Response, asked: PersonGrantInput) -> PersonGrantView:
    """Persons come from an external issuer; what a person of the operator may do stands here."""
    grant = await standing.grant_person(
        tx, asked.subject, organisation_id=asked.organisation_id, groups=asked.groups
    )
    response.headers["Location"] = f"/v1/person-grants/{quote(grant.subject, safe='')}"
    set_version(response, grant.version)
    return _grant_view(grant)


@router.get("/v1/person-grants/{subject}", tags=["身份"])
async def get_person_grant(tx: Tx, subject: str, response: Response) -> PersonGrantView:
    grant = await standing.get_grant(tx, subject)
    set_version(response, grant.version)
    return _grant_view(grant)


@router.put("/v1/person-grants/{subject}", tags=["身份"])
async def change_person_grant(
    tx: Tx, subject: str, granted: ClientGroups, response: Response
) -> PersonGrantView:
    grant = await standing.change_grant(tx, subject, granted.groups)
    set_version(response, grant.version)
    return _grant_view(grant)


def _grant_view(grant: PersonGrant) -> PersonGrantView:
    return PersonGrantView(
        subject=grant.subject,
        organisation_id=grant.organisation_id,
        groups=grant.groups,
        granted_at=grant.granted_at.astimezone(SHANGHAI),
        granted_by=grant.granted_by,
    )


@router.get("/v1/signing-keys", tags=["身份"])
async def get_signing_keys(tx: Tx, request: Request, response: Response) -> SigningKeysView:
    return await _keys_view(tx, request, response, await keys.key_set(tx))


@router.post("/v1/signing-keys/rotation", tags=["身份"])
async def rotate_signing_keys(
    tx: Tx, request: Request, response: Response, rotation: KeyRotation
) -> SigningKeysView:
    """A fresh key signs from now on; both are live until the grace ends (G5)."""
    minutes = rotation.grace_minutes
    if minutes is None:
        policy = await policy_now(tx, request.app.state.policy_defaults, "signing_key_grace")
        minutes = int(policy.value)
    row = await request.app.state.key_holder.rotate(tx, grace=timedelta(minutes=minutes))
    return await _keys_view(tx, request, response, row)


async def _keys_view(
    tx: Transaction, request: Request, response: Response, row: SigningKeySet
) -> SigningKeysView:
    set_version(response, row.version)
    used = await keys.stamps(tx)
    return SigningKeysView(
        rotated_at=row.rotated_at.astimezone(SHANGHAI),
        keys=[
            SigningKeyView(
                kid=each.kid,
                signs=each.signs,
                ends_at=each.ends_at and each.ends_at.astimezone(SHANGHAI),
                last_used_at=used[each.kid].astimezone(SHANGHAI) if each.kid in used else None,
            )
            for each in request.app.state.key_holder.live(row, now=tx.now)
        ],
    )


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
    set_version(response, client.version)
    response.headers["Cache-Control"] = "no-store"
    return IssuedSecret(**_view(client).model_dump(), client_secret=secret)


async def _form(request: Request) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=16,
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidTokenRequest from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidTokenRequest
    return form
