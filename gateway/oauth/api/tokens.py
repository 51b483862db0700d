"""The token endpoint (RFC 6749), and how others verify its tokens (RFC 7517, RFC 8414)."""

import json
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from gateway.errors import InvalidTokenRequest
from gateway.oauth import clients
from gateway.oauth.grant import TokenRequest, grant
from gateway.oauth.schemas import TokenView
from shared.errors import DomainError
from shared.http.operations import OperationRoute, Tx
from shared.http.problems import problem_response

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
