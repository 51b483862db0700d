"""Emergency plans, drills, activations, and leads of liability (A23, A26)."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt

from services.monitoring.rules.emergency import LeadType
from services.monitoring.schemas.fields import (
    IDENTIFIER,
    REGION,
    Body,
    Name,
    Printable,
    ShanghaiTime,
    View,
    example,
    printable,
    shown,
)

Prose = Annotated[str, Field(min_length=1, max_length=2000), Printable]
Remark = AfterValidator(lambda value: value if value is None else printable(value))
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
_ID = "0199f0a0-0000-7000-8000-0000000000"
_OF = {"organisation_id": "jx-rst", "region": "36"}
_TEXT: dict[str, Any] = {
    "title": "政务服务系统应急预案",
    "covers": "ALL",
    "summary": "分级响应、备用渠道、恢复步骤。",
    "file_sha256": "0" * 64,
    "adopted_on": "2026-01-10",
}
_DRILL: dict[str, Any] = {
    "scenario": "主库不可用，切换备库。",
    "held_on": "2026-02-20",
    "participants": 18,
    "result": "WITH_FINDINGS",
    "remarks": "切换用时超出预期。",
}
_EVIDENCE = {"kind": "FILE", "reference": "sha-256:" + "0" * 64, "note": "日志摘录"}
_LEAD: dict[str, Any] = {
    "type": "FAILURE_OF_DUTY",
    **_OF,
    "incident_id": _ID + "e1",
    "summary": "未按预案处置，造成重大安全事件。",
    "evidence": [_EVIDENCE],
}


class PlanInput(Body):
    """All of a plan that its unit says; the file itself is kept by its unit, named by digest."""

    model_config = example(_TEXT)

    title: Name
    covers: Literal["FAULT", "SECURITY", "ALL"] = "ALL"
    summary: Prose
    file_sha256: Sha256
    adopted_on: Day


class PlanView(View):
    """A plan as it stands; `overdue` names what was not there in time, until it is."""

    model_config = shown(
        {
            "id": _ID + "11",
            **_OF,
            "title": _TEXT["title"],
            "covers": "ALL",
            "number": 2,
            "adopted_on": "2026-01-10",
            "drilled_on": None,
            "review_due_on": "2027-01-11",
            "drill_due_on": "2026-07-13",
            "overdue": [],
            "version": 2,
        }
    )

    id: UUID
    organisation_id: str
    region: str
    title: str
    covers: str
    number: int
    adopted_on: date
    drilled_on: date | None
    review_due_on: date
    drill_due_on: date
    overdue: list[str]
    version: int


class PlanVersionView(View):
    model_config = shown(
        {
            "number": 1,
            **{name: value for name, value in _TEXT.items() if name != "covers"},
            "kept_at": "2026-01-10T10:00:00+08:00",
        }
    )

    number: int
    title: str
    summary: str
    file_sha256: str
    adopted_on: date
    kept_at: ShanghaiTime


class DrillInput(Body):
    model_config = example(_DRILL)

    scenario: Prose
    held_on: Day
    participants: Annotated[StrictInt, Field(ge=1, le=100_000)]
    result: Literal["PASSED", "WITH_FINDINGS", "FAILED"]
    remarks: Prose


class DrillView(View):
    """`late` says that the day had passed by which it was due."""

    model_config = shown(
        {
            "id": _ID + "12",
            "plan_id": _ID + "11",
            "plan_number": 2,
            **_OF,
            **_DRILL,
            "late": False,
            "recorded_at": "2026-02-20T18:00:00+08:00",
        }
    )

    id: UUID
    plan_id: UUID
    plan_number: int
    organisation_id: str
    region: str
    scenario: str
    held_on: date
    participants: int
    result: str
    remarks: str
    late: bool
    recorded_at: ShanghaiTime


class ActivationInput(Body):
    model_config = example({"incident_id": _ID + "e1", "reason": "页面被篡改。"})

    incident_id: UUID
    reason: Prose


class ActivationView(View):
    """`latency_seconds` counts from the incident's detection."""

    model_config = shown(
        {
            "id": _ID + "13",
            "plan_id": _ID + "11",
            "plan_number": 2,
            "incident_id": _ID + "e1",
            **_OF,
            "reason": "页面被篡改。",
            "activated_at": "2026-03-02T10:06:00+08:00",
            "latency_seconds": 240.0,
        }
    )

    id: UUID
    plan_id: UUID
    plan_number: int
    incident_id: UUID
    organisation_id: str
    region: str
    reason: str
    activated_at: ShanghaiTime
    latency_seconds: float


class EvidenceReference(Body):
    """What shows it, by its number, id or digest; no names or numbers of persons."""

    model_config = example(_EVIDENCE)

    kind: Literal["FILE", "FILING", "INCIDENT", "AUDIT_ENTRY", "OTHER"]
    reference: Name
    note: Annotated[str | None, Field(max_length=500), Remark] = None


class LeadInput(Body):
    model_config = example(_LEAD)

    type: LeadType
    organisation_id: Annotated[str, Field(pattern=IDENTIFIER)]
    region: Annotated[str, Field(pattern=REGION)]
    incident_id: UUID | None = None
    summary: Prose
    evidence: Annotated[list[EvidenceReference], Field(max_length=50)] = []


class EvidenceInput(Body):
    model_config = example({"evidence": [_EVIDENCE]})

    evidence: Annotated[list[EvidenceReference], Field(min_length=1, max_length=50)]


class ReferralInput(Body):
    model_config = example({"to": "省纪委监委驻办公厅纪检监察组"})

    to: Name


class LeadClosureInput(Body):
    model_config = example({"outcome": "查无实据。"})

    outcome: Prose


class LeadView(View):
    """A lead that somebody may be liable; the province alone reads it."""

    model_config = shown(
        {
            "id": _ID + "14",
            **_LEAD,
            "state": "OPEN",
            "allowed_actions": ["ADD_EVIDENCE", "REFER", "CLOSE"],
            "recorded_at": "2026-03-05T10:00:00+08:00",
            "referred_to": None,
            "referred_at": None,
            "digest": None,
            "closed_at": None,
            "outcome": None,
            "version": 1,
        }
    )

    id: UUID
    type: str
    state: str
    allowed_actions: list[str]
    organisation_id: str
    region: str
    incident_id: UUID | None
    summary: str
    evidence: list[dict[str, Any]]
    recorded_at: ShanghaiTime
    referred_to: str | None
    referred_at: ShanghaiTime | None
    digest: str | None
    closed_at: ShanghaiTime | None
    outcome: str | None
    version: int


class BundleView(View):
    """The evidence as it was referred; `digest` is over the RFC 8785 form of `bundle`."""

    model_config = shown(
        {
            "lead_id": _ID + "14",
            "digest": "sha-256:" + "0" * 64,
            "bundle": {"lead": {}, "incident": None, "timeline": [], "clocks": []},
        }
    )

    lead_id: UUID
    digest: str
    bundle: dict[str, Any]
