"""What every service serves beside its own resources: its audit chain and its policies (E6)."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import text

from shared.clock import SHANGHAI
from shared.errors import Conflict, FieldError, Invalid
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, cut, link_next
from shared.policies import Policy, Unit, last_version, parse_value
from shared.policy_rows import load_policies, policy_to_change, set_policy
from shared.sealing import verify
from shared.security.audit import Head

_HASH = "sha-256:" + "0" * 64
_ENTRY: JsonDict = {
    "number": 1,
    "at": "2026-11-23T09:00:00+08:00",
    "actor": "city-360100-system",
    "client_id": "nanchang-filing",
    "organisation": "city-360100",
    "operation": "submitFiling",
    "action": "filing.submitted.v1",
    "subject": "filing:0199f0a0-0000-7000-8000-0000000000f1",
    "subject_number": 1,
    "request_id": "9c35f8797eacde9d0000f7f1df76",
    "details": {"digest": _HASH},
    "hash": _HASH,
}
_INTACT: JsonDict = {
    "intact": True,
    "checked": 12,
    "head_number": 12,
    "head_hash": _HASH,
    "first_bad": None,
    "fault": None,
    "unsealed": 0,
}
_FIELD: JsonDict = {
    "table": "responsible_persons",
    "column": "phone_sealed",
    "field_class": "PERSONAL",
    "mask": "PHONE",
    "encrypted": True,
    "why": "a responsible person's phone",
}
_POLICY: JsonDict = {
    "key": "listing_review",
    "version": 1,
    "value": 5,
    "unit": "working_days",
    "source": "no official source",
    "clause": "A11.1",
    "effective_from": "2025-08-04",
}


class AuditEntryView(BaseModel):
    """One link of the audit chain."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    number: int
    at: datetime
    actor: str
    client_id: str
    organisation: str
    operation: str
    action: str
    subject: str
    subject_number: int
    request_id: str | None
    details: dict[str, Any]
    hash: str


class VerificationView(BaseModel):
    """`first_bad` is the number where the chain stops being believable; null when it is intact.

    `unsealed` entries wait to be linked; they are checked one by one.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_INTACT]})

    intact: bool
    checked: int
    head_number: int
    head_hash: str
    first_bad: int | None
    fault: str | None
    unsealed: int


class PolicyView(BaseModel):
    """One limit of the law or of practice, with where it comes from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_POLICY]})

    key: str
    version: int
    value: int | str | bool
    unit: str
    source: str
    clause: str
    effective_from: date


class FieldView(BaseModel):
    """One stored field of this service with its class: personal, important, or ordinary (A21.1)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FIELD]})

    table: str
    column: str
    field_class: str = Field(description="PERSONAL, IMPORTANT, ORDINARY; extensible")
    mask: str = Field(description="NAME, PHONE, HIDDEN, PLAIN; extensible")
    encrypted: bool
    why: str


class PolicyChange(BaseModel):
    """A new version of a policy; the unit stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"value": 3, "source": "no official source", "effective_from": "2026-12-01"}
            ]
        },
    )

    value: int | str | bool
    source: Annotated[str, Field(min_length=1, max_length=200)]
    effective_from: date


class PolicyValueInvalid(Invalid):
    code = "policy_value_invalid"


class PolicyNeedsPreview(Conflict):
    """Clocks run by this limit: propose it, look at the effect, then confirm."""

    code = "policy_needs_preview"


def routes(service: str) -> APIRouter:
    router = APIRouter(route_class=OperationRoute, tags=["平台"])
    base, name = f"/v1/{service}", service.capitalize()

    @router.get(f"{base}/audit", operation_id=f"list{name}AuditEntries")
    async def list_audit_entries(
        tx: Tx,
        request: Request,
        response: Response,
        page: Paging,
        subject: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Page[AuditEntryView]:
        after = page.after(int)
        await request.app.state.sealer.catch_up()
        rows = (
            (
                await tx.session.execute(
                    text(
                        "select * from audit_log where number > :after"
                        " and (cast(:subject as text) is null or subject = :subject)"
                        " order by number limit :limit"
                    ),
                    {
                        "after": after[0] if after else 0,
                        "subject": subject,
                        "limit": page.limit + 1,
                    },
                )
            )
            .mappings()
            .all()
        )
        shown, cursor = cut(rows, page, lambda row: (row["number"],))
        link_next(request, response, cursor)
        return Page(
            items=[
                AuditEntryView.model_validate(
                    {**row, "at": row["at"].astimezone(SHANGHAI)}, from_attributes=False
                )
                for row in shown
            ],
            next_cursor=cursor,
        )

    @router.get(f"{base}/audit/verification", operation_id=f"verify{name}Audit")
    async def verify_audit(
        tx: Tx,
        request: Request,
        head_number: Annotated[int | None, Query(ge=0)] = None,
        head_hash: Annotated[str | None, Query(max_length=200)] = None,
    ) -> VerificationView:
        """Seal, then walk the chain; an exported head also shows a cut tail or another chain."""
        expected = (
            Head(head_number, head_hash)
            if head_number is not None and head_hash is not None
            else None
        )
        await request.app.state.sealer.catch_up()
        verdict, unsealed = await verify(tx, expected_head=expected)
        return VerificationView(
            intact=verdict.intact,
            checked=verdict.checked,
            head_number=verdict.head.sequence,
            head_hash=verdict.head.hash,
            first_bad=verdict.first_bad,
            fault=verdict.fault,
            unsealed=unsealed,
        )

    @router.get(f"{base}/fields", operation_id=f"list{name}Fields")
    async def list_fields(request: Request) -> list[FieldView]:
        """The registry of this service's own personal and important fields."""
        return [
            FieldView.model_validate(field, from_attributes=True)
            for field in request.app.state.fields
        ]

    @router.get(f"{base}/policies", operation_id=f"list{name}Policies")
    async def list_policies(tx: Tx, request: Request) -> list[PolicyView]:
        policies = await load_policies(tx, request.app.state.policy_defaults)
        return [policy_view(policy) for policy in policies]

    @router.get(f"{base}/policies/{{key}}", operation_id=f"get{name}Policy")
    async def get_policy(tx: Tx, request: Request, response: Response, key: str) -> PolicyView:
        policies = await load_policies(tx, request.app.state.policy_defaults)
        policy = last_version(policies, key)
        set_version(response, policy.version)
        return policy_view(policy)

    @router.post(f"{base}/policies/{{key}}", operation_id=f"change{name}Policy", status_code=201)
    async def change_policy(
        tx: Tx, request: Request, response: Response, key: str, change: PolicyChange
    ) -> PolicyView:
        current = await policy_to_change(tx, request.app.state.policy_defaults, key)
        tx.expect(current.version)
        if current.unit in request.app.state.previewed_units:
            raise PolicyNeedsPreview
        policy = await set_policy(
            tx,
            current,
            value=_value(change.value, current.unit),
            source=change.source,
            effective_from=change.effective_from,
        )
        set_version(response, policy.version)
        return policy_view(policy)

    return router


def _value(raw: object, unit: Unit) -> Any:
    try:
        return parse_value(raw, unit)
    except ValueError as error:
        raise PolicyValueInvalid(errors=[FieldError("/value", "field_type")]) from error


def policy_view(policy: Policy) -> PolicyView:
    value = policy.value if isinstance(policy.value, (bool, int, str)) else str(policy.value)
    return PolicyView(
        key=policy.key,
        version=policy.version,
        value=value,
        unit=policy.unit,
        source=policy.source,
        clause=policy.clause,
        effective_from=policy.effective_from,
    )
