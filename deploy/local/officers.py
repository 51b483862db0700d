"""The demo's small OIDC issuer: person tokens for officers who are named by their post.

Four eyes, delegation and call-backs need distinct persons; a real province sets its own issuer.
"""

import base64
import binascii
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.state import State, passwords, readable_errors, write_private
from shared.clock import Clock
from shared.security.access import ENTRY, OPERATIONS
from shared.security.groups import Group
from shared.security.identity import Actor, Role
from shared.security.tokens import LONGEST_ISSUED, SigningKeys, issue
from shared.settings import Profile

CLIENT = "demo-officers"


@dataclass(frozen=True)
class Officer:
    """A post that a person holds; no invented name."""

    id: str
    title: str
    organisation: str
    role: Role
    region: str


OFFICERS = (
    Officer("officer-province-1", "省级主管部门演示经办岗", "jx-zwfw", Role.PROVINCE, "36"),
    Officer("officer-province-2", "省级主管部门演示复核岗", "jx-zwfw", Role.PROVINCE, "36"),
    Officer("officer-nanchang-1", "南昌市演示经办岗", "city-360100", Role.CITY, "360100"),
    Officer("officer-rst-1", "省人力资源社会保障厅演示确认岗", "jx-rst", Role.DEPARTMENT, "36"),
    Officer("officer-operator-1", "平台运营机构演示值班岗", "operator", Role.OPERATOR, "36"),
)


def scopes_of(role: Role) -> frozenset[str]:
    """Every scope that some operation open to this role asks for."""
    rows = (*OPERATIONS.values(), ENTRY)
    return frozenset(row.scope for row in rows if row.scope and role in row.allow)


def groups_of(role: Role) -> frozenset[Group]:
    """The demo's operator is unprivileged: 运维 and 安全 need a clearance record first (A21.3)."""
    privileged = {Group.OPERATIONS, Group.SECURITY}
    return frozenset(Group) - privileged if role is Role.OPERATOR else frozenset()


def officer_secrets(state: State) -> dict[str, str]:
    """The secret of each officer, kept in a 0600 file."""
    return passwords(state.root / "officers.json", [officer.id for officer in OFFICERS])


def signing_keys(state: State) -> SigningKeys:
    """The issuer's keys, made once and kept in a 0600 file."""
    file = state.root / "officers-keys.json"
    with readable_errors(file):
        if not file.exists():
            write_private(file, json.dumps(SigningKeys.generate().dump()))
        return SigningKeys.load(json.loads(file.read_text(encoding="utf-8")))


def build(
    *,
    issuer: str,
    keys: SigningKeys,
    known: Mapping[str, str],
    clock: Clock,
    profile: Profile,
) -> Starlette:
    """The issuer's app; ValueError in production: its officers are no persons."""
    if profile is Profile.PRODUCTION:
        raise ValueError("the demo's officers are no persons")
    officers = {officer.id: officer for officer in OFFICERS}

    async def token(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("ascii", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return _refused("unsupported_grant_type", 400)
        officer_id, secret = _basic(request.headers.get("authorization", ""))
        officer = officers.get(officer_id)
        expected = known.get(officer_id, "")
        same = secrets.compare_digest(secret.encode(), expected.encode())
        if officer is None or not expected or not same:
            return _refused("invalid_client", 401)
        granted = scopes_of(officer.role)
        actor = Actor(
            subject=officer.id,
            client_id=CLIENT,
            organisation=officer.organisation,
            role=officer.role,
            region=officer.region,
            scopes=granted,
            person=True,
            groups=groups_of(officer.role),
        )
        signed = issue(keys, issuer=issuer, actor=actor, now=clock.now(), jti=str(uuid.uuid4()))
        return JSONResponse(
            {
                "access_token": signed,
                "token_type": "Bearer",
                "expires_in": int(LONGEST_ISSUED.total_seconds()),
                "scope": " ".join(sorted(granted)),
            },
            headers={"Cache-Control": "no-store"},
        )

    async def jwks(_request: Request) -> Response:
        return JSONResponse(keys.jwks(), headers={"Cache-Control": "public, max-age=60"})

    async def configuration(_request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/jwks",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    return Starlette(
        routes=[
            Route("/livez", _live),
            Route("/jwks", jwks),
            Route("/.well-known/openid-configuration", configuration),
            Route("/token", token, methods=["POST"]),
        ]
    )


async def _live(_request: Request) -> Response:
    return JSONResponse({"status": "live"})


def _refused(error: str, status: int) -> Response:
    challenge = {"WWW-Authenticate": "Basic realm=demo-officers"} if status == 401 else {}
    return JSONResponse(
        {"error": error}, status_code=status, headers={"Cache-Control": "no-store", **challenge}
    )


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret
