"""Incidents with their timeline."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from services.monitoring.rules.incidents import IncidentKind, Severity
from services.monitoring.schemas.fields import (
    IDENTIFIER,
    Body,
    Moment,
    Name,
    Printable,
    ShanghaiTime,
    View,
    example,
    shown,
)

Prose = Annotated[str, Field(min_length=1, max_length=1000), Printable]
Organisation = Annotated[str, Field(pattern=IDENTIFIER)]
_INCIDENT = "0199f0a0-0000-7000-8000-0000000000e1"
_HARM = {"percent": 40, "core_function": True, "data_loss": False}
_OF: dict[str, Any] = {
    "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
    "organisation_id": "jx-rst",
    "region": "36",
}


class HarmInput(Body):
    """`percent` is the share of the service's users, null while nobody knows."""

    percent: Annotated[StrictInt | None, Field(ge=0, le=100)] = None
    core_function: StrictBool = False
    data_loss: StrictBool = False


class IncidentInput(HarmInput):
    """A fault or a security incident that no probe has seen; without a listing of the unit."""

    model_config = example(
        {
            "kind": "FAULT",
            "listing_id": _OF["listing_id"],
            "summary": "支付环节失败，窗口人员反映。",
            "started_at": "2026-03-02T09:40:00+08:00",
            "detected_at": "2026-03-02T09:50:00+08:00",
            "critical": False,
            **_HARM,
        }
    )

    kind: IncidentKind = IncidentKind.FAULT
    listing_id: UUID | None = None
    summary: Prose
    started_at: Moment
    detected_at: Moment
    critical: Annotated[
        StrictBool, Field(description="关键信息基础设施 / critical information infrastructure")
    ] = False


class SeverityInput(HarmInput):
    model_config = example({"severity": "MAJOR", "reason": "影响全省参保查询。", **_HARM})

    severity: Severity
    reason: Prose


class EntryInput(Body):
    """A line for the timeline; no names or numbers of persons."""

    model_config = example({"text": "已切换备用节点。"})

    text: Prose


class HandoverInput(Body):
    model_config = example(
        {
            "organisation_id": "jx-rst",
            "domain": "MAINTENANCE",
            "post": "DEPUTY",
            "reason": "交接班。",
        }
    )

    organisation_id: Organisation
    domain: Literal["SERVICE", "OPERATION", "MAINTENANCE", "SECURITY"] = "MAINTENANCE"
    post: Literal["RESPONSIBLE", "DEPUTY", "LEADER", "LIAISON"]
    reason: Prose


class NoticeLink(Body):
    model_config = example({"notice_id": "0199f0a0-0000-7000-8000-0000000000d1"})

    notice_id: UUID


class AuthorityReportInput(Body):
    """That a security incident was reported; `reference` is the receipt's number."""

    model_config = example(
        {
            "authority": "CYBERSPACE",
            "reference": "赣网报 2026-001",
            "reported_at": "2026-03-02T11:00:00+08:00",
        }
    )

    authority: Literal["CYBERSPACE", "POLICE", "PROTECTION_DEPARTMENT"]
    reference: Name
    reported_at: Moment


class CoordinatorInput(Body):
    model_config = example({"organisation_id": "jx-zwfw", "reason": "涉及多个单位。"})

    organisation_id: Organisation
    reason: Prose


class ClosureInput(Body):
    model_config = example({"resolved_at": "2026-03-02T12:00:00+08:00", "reason": "已恢复。"})

    resolved_at: Moment
    reason: Prose


class HandlerView(View):
    """A post, not a person: catalog knows who holds it."""

    organisation_id: str
    domain: str
    post: str


class IncidentView(View):
    """One continuous fault; `started_at` is its first failed result, `opened_at` its detection.

    `organisation_id` is responsible, `handler` is the post that it was handed to. OPEN, RECOVERED
    (it is over and waits for its notice on the platform) or CLOSED. Durations are seconds from
    detection on. `window_id` and `filing_id` name a filed window that it has outlasted.
    `parent_incident_id` explains it: while that one is open, this one is no alert of its own (M6).
    """

    model_config = shown(
        {
            "id": _INCIDENT,
            "kind": "FAULT",
            "probe_id": "0199f0a0-0000-7000-8000-0000000000c1",
            **_OF,
            "state": "OPEN",
            "severity": "MAJOR",
            "cause": "timeout_first_byte",
            "summary": None,
            **_HARM,
            "critical": False,
            "started_at": "2026-03-02T10:00:00+08:00",
            "opened_at": "2026-03-02T10:02:00+08:00",
            "acknowledged_at": "2026-03-02T10:05:00+08:00",
            "acknowledged_by": "jx-rst",
            "resolved_at": None,
            "closed_at": None,
            "seconds_to_acknowledge": 180.0,
            "seconds_to_resolve": None,
            "handler": {
                "organisation_id": "jx-rst", "domain": "MAINTENANCE", "post": "RESPONSIBLE",
            },
            "coordinator": None,
            "notice_id": None,
            "reported_at": None,
            "report_filing_id": None,
            "reopened": 0,
            "window_id": None,
            "filing_id": None,
            "parent_incident_id": None,
            "version": 1,
        }
    )  # fmt: skip

    id: UUID
    kind: str
    probe_id: UUID | None
    listing_id: UUID | None
    organisation_id: str
    region: str
    state: str
    severity: str
    cause: str
    summary: str | None
    percent: int | None
    core_function: bool
    data_loss: bool
    critical: bool
    started_at: ShanghaiTime
    opened_at: ShanghaiTime
    acknowledged_at: ShanghaiTime | None
    acknowledged_by: str | None
    resolved_at: ShanghaiTime | None
    closed_at: ShanghaiTime | None
    seconds_to_acknowledge: float | None
    seconds_to_resolve: float | None
    handler: HandlerView | None
    coordinator: str | None
    notice_id: UUID | None
    reported_at: ShanghaiTime | None
    report_filing_id: UUID | None
    reopened: int
    window_id: UUID | None
    filing_id: UUID | None
    parent_incident_id: UUID | None
    version: int


class TimelineEntry(View):
    """One line of an incident's timeline; `organisation_id` is the unit that acted, if one did."""

    model_config = shown(
        {
            "number": 7,
            "at": "2026-03-02T10:02:00+08:00",
            "action": "OPENED",
            "detail": "[STATUS] (503) < 400",
            "organisation_id": None,
        }
    )

    number: int
    at: ShanghaiTime
    action: str
    detail: str | None
    organisation_id: str | None


class IncidentClockView(View):
    """One report that an incident is owed; `late` stays true once it was."""

    model_config = shown(
        {
            "report": "FIRST_REPORT",
            "state": "RUNNING",
            "outcome": None,
            "policy": "first_report_major",
            "policy_version": 1,
            "amount": 30,
            "unit": "minutes",
            "due_at": "2026-03-02T10:32:00+08:00",
            "late": False,
            "fired": ["report_first_reminder"],
        }
    )

    report: str
    state: str
    outcome: str | None
    policy: str
    policy_version: int
    amount: int
    unit: str
    due_at: ShanghaiTime | None
    late: bool
    fired: list[str]
