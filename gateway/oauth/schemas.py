"""Bodies of the API-client resource."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr
from pydantic.config import JsonDict

from shared.security.groups import Group
from shared.security.identity import Role

ClientId = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]
Region = Annotated[StrictStr, Field(pattern=r"^36([0-9A-Z]{4})?$")]

Organisation = Annotated[StrictStr, Field(pattern=r"^[a-z0-9-]{2,40}$")]
Groups = Annotated[list[Group], Field(max_length=len(Group))]
Subject = Annotated[StrictStr, Field(pattern=r"^[\x21-\x7e]{1,200}$")]

_EXAMPLE: JsonDict = {
    "client_id": "nanchang-filing",
    "organisation_id": "city-360100",
    "role": "CITY",
    "region": "360100",
    "scopes": ["filing:read", "filing:write", "filing:emergency"],
    "groups": [],
}
_CLIENT: JsonDict = {
    **_EXAMPLE,
    "state": "ACTIVE",
    "authentication": "client_secret_basic",
    "registered_at": "2026-11-23T09:00:00+08:00",
    "secrets": [
        {
            "created_at": "2026-11-23T09:00:00+08:00",
            "expires_at": None,
            "last_used_at": "2026-11-23T09:05:00+08:00",
        }
    ],
}


class ClientRegistration(BaseModel):
    """A new API client; with `jwks` it proves itself by private_key_jwt instead of a secret."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    client_id: ClientId
    organisation_id: Organisation
    role: Role
    region: Region
    scopes: Annotated[list[Annotated[StrictStr, Field(max_length=40)]], Field(max_length=40)]
    groups: Groups = []
    jwks: dict[str, Any] | None = None


class ClientGroups(BaseModel):
    """The permission groups that a client of the operator has from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"groups": ["LISTING_MANAGEMENT", "STATISTICS"]}]},
    )

    groups: Groups


IssuerName = Annotated[
    StrictStr,
    Field(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="身份提供方 / the `iss` of the person's tokens",
        examples=["https://officers.example.invalid"],
    ),
]
_GRANT: JsonDict = {
    "issuer": "https://officers.example.invalid",
    "subject": "officer-operator-1",
    "organisation_id": "operator",
    "groups": ["CONTENT_PUBLISHING", "PROMOTION"],
}


class PersonGrantInput(BaseModel):
    """The permission groups of one person of the operator, by `iss` and `sub` of its tokens.

    Where there is one issuer of persons, it need not be named.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_GRANT]})

    issuer: IssuerName | None = None
    subject: Subject
    organisation_id: Organisation
    groups: Groups


class PersonGrantView(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_GRANT,
                    "granted_at": "2026-11-23T09:00:00+08:00",
                    "granted_by": "officer-province-1",
                }
            ]
        }
    )

    issuer: str
    subject: str
    organisation_id: str
    groups: list[str]
    granted_at: datetime
    granted_by: str


class SuspensionReason(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "密钥疑似泄露"}]}
    )

    reason: Annotated[StrictStr, Field(min_length=2, max_length=200)]


class Rotation(BaseModel):
    """The earlier secret stays valid for this grace, so that nobody is cut off."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"grace_hours": 24}]})

    grace_hours: Annotated[int, Field(strict=True, ge=0, le=720)] = 24


class KeyRotation(BaseModel):
    """How long the last signing key is still honoured; the policy's grace when null, 0 at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"grace_minutes": 60}]}
    )

    grace_minutes: Annotated[int | None, Field(strict=True, ge=0, le=43200)] = None


class SigningKeyView(BaseModel):
    """A live key: the one that signs, or the one before until its grace ends."""

    kid: str
    signs: bool
    ends_at: datetime | None
    last_used_at: datetime | None = Field(description="when a token last named it; a moment late")


class SigningKeysView(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rotated_at": "2026-11-23T09:00:00+08:00",
                    "keys": [
                        {
                            "kid": "0fNPFAL2MOBSMHZDRcT_3Ieu-vTwGkrhsnTNW4Xc-L0",
                            "signs": False,
                            "ends_at": "2026-11-23T10:00:00+08:00",
                            "last_used_at": "2026-11-23T09:05:00+08:00",
                        }
                    ],
                }
            ]
        }
    )

    rotated_at: datetime
    keys: list[SigningKeyView]


class SecretView(BaseModel):
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ClientView(BaseModel):
    """A client as the province sees it; secrets are never shown again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CLIENT]})

    client_id: str
    organisation_id: str
    role: str
    region: str
    scopes: list[str]
    groups: list[str] = Field(description="of the operator's clients; extensible")
    state: str = Field(description="ACTIVE, SUSPENDED, CLOSED; extensible")
    authentication: str
    registered_at: datetime
    secrets: list[SecretView]


class IssuedSecret(ClientView):
    """The one answer that shows a new secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_CLIENT, "client_secret": "k3yS-shown-once-and-never-again-0f8b6f2e"}]
        }
    )

    client_secret: str | None


class TokenView(BaseModel):
    """RFC 6749 §5.1."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…",
                    "token_type": "Bearer",
                    "expires_in": 600,
                    "scope": "filing:read filing:write",
                }
            ]
        }
    )

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 the scheme's name
    expires_in: int
    scope: str
