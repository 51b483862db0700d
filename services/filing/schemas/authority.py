"""Delegations as they come in and go out; persons by their opaque ids."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.rules import FilingKind
from services.filing.schemas.contents import Body, Identifier, Instant, Prose
from services.filing.schemas.views import Local, View

PersonId = Annotated[
    str,
    Field(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="身份提供方给出的人员编号，不是姓名",
        examples=["officer-province-2"],
    ),
]
_SCOPE: dict[str, Any] = {
    "delegate": "officer-province-2",
    "filing_types": ["LISTING"],
    "actions": ["ACCEPT", "RETURN"],
    "organisations": ["city-360100"],
    "starts_at": "2026-03-02T09:00:00+08:00",
    "ends_at": "2026-03-09T18:00:00+08:00",
    "reason": "休假一周",
}


class DelegationBody(Body):
    """Whom one lets decide, for what and how long; empty types or organisations mean all (F6)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SCOPE]})

    delegate: PersonId
    filing_types: Annotated[list[FilingKind], Field(max_length=50)] = []
    actions: Annotated[
        list[
            Literal[
                "CONFIRM",
                "REFUSE",
                "ACCEPT",
                "RETURN",
                "APPROVE",
                "REJECT",
                "UPHOLD",
                "REVERSE",
            ]
        ],
        Field(min_length=1, max_length=10),
    ]
    organisations: Annotated[list[Identifier], Field(max_length=200)] = []
    starts_at: Instant
    ends_at: Instant
    reason: Prose


class DelegationView(View):
    """Who decides in whose place; revoked at once, or over by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4d3c2b1a-0f9e-4d8c-b7a6-5f4e3d2c1b0a",
                    "organisation_id": "jx-zwfw",
                    "delegator": "officer-province-1",
                    **_SCOPE,
                    "created_at": "2026-03-01T09:00:00+08:00",
                    "revoked_at": None,
                    "revoked_by": None,
                    "version": 1,
                }
            ]
        }
    )

    id: UUID
    organisation_id: str
    delegator: str
    delegate: str
    filing_types: list[str]
    actions: list[str]
    organisations: list[str]
    starts_at: Local
    ends_at: Local
    reason: str
    created_at: Local
    revoked_at: Local | None
    revoked_by: str | None
    version: int
