"""Reviews and bulletins as they come in and go out (A14.2, A20.3)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from services.monitoring.rules.rectifications import FindingKind, Severity
from services.monitoring.rules.reviews import ReviewKind
from services.monitoring.schemas.fields import (
    REGION,
    Body,
    Name,
    ShanghaiTime,
    View,
    example,
    shown,
)
from services.monitoring.schemas.findings import EvidenceList, Identifier, Prose

PeriodName = Annotated[
    str,
    Field(
        pattern="^[0-9]{4}(-([0-9]{2}(-[0-9]{2})?|Q[1-4]|H[12]|W[0-9]{2}))?$",
        examples=["2026-Q1"],
    ),
]
_ISSUES: list[Any] = [{"kind": "CONTENT", "severity": "NORMAL", "summary": "办事指南已过期"}]
_REVIEW: dict[str, Any] = {
    "kind": "SELF_INSPECTION",
    "period": "2026-Q1",
    "summary": "一季度自查，发现一项问题",
    "issues": _ISSUES,
    "evidence": [],
}
_BULLETIN: dict[str, Any] = {
    "region": "36",
    "period": "2026-Q1",
    "title": "一季度运行管理通报",
    "text": "请各单位对照整改",
}
_FIGURE: dict[str, Any] = {
    "organisation_id": "jx-rst",
    "found": 4,
    "ordered": 4,
    "overdue": 1,
    "rectified": 3,
    "still_open": 1,
    "inspections_missed": 1,
    "self_inspected": True,
}


class IssueInput(Body):
    kind: Literal[
        FindingKind.CONTENT,
        FindingKind.PROCESS,
        FindingKind.CHECKLIST,
        FindingKind.OTHER,
        FindingKind.SECURITY_WEAKNESS,
    ]
    severity: Severity = Severity.NORMAL
    summary: Prose


class ReviewInput(Body):
    """A review of the caller's own unit, or a security inspection of another; issues are findings.

    A security inspection names its day, the others their period.
    """

    model_config = example({**_REVIEW, "organisation_id": None})

    kind: ReviewKind
    organisation_id: Identifier | None = None
    period: PeriodName
    summary: Prose
    issues: Annotated[list[IssueInput], Field(max_length=50)] = []
    evidence: EvidenceList = []


class ReviewView(View):
    """One review; it is never rewritten."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000c8",
            **_REVIEW,
            "organisation_id": "jx-rst",
            "region": "36",
            "recording_organisation": "jx-rst",
            "recorded_by": "jx-rst-system",
            "recorded_at": "2026-04-02T10:00:00+08:00",
        }
    )

    id: UUID
    kind: str
    organisation_id: str
    region: str
    period: str
    summary: str
    issues: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    recording_organisation: str
    recorded_by: str
    recorded_at: ShanghaiTime


class BulletinInput(Body):
    """Of a period that is over; the figures are the platform's own."""

    model_config = example(_BULLETIN)

    region: Annotated[str, Field(pattern=REGION)]
    period: PeriodName
    title: Name
    text: Prose


class Figures(View):
    """What was found of a unit in the period, and what stood of that at publication."""

    model_config = shown(_FIGURE)

    organisation_id: str
    found: int
    ordered: int
    overdue: int
    rectified: int
    still_open: int
    inspections_missed: int
    self_inspected: bool


class BulletinView(View):
    """A bulletin as it was published; `digest` is over region, period and figures."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000c9",
            "organisation_id": "jx-zwfw",
            **_BULLETIN,
            "figures": [_FIGURE],
            "digest": "sha-256:" + "0f" * 32,
            "published_by": "officer-province-1",
            "published_at": "2026-04-08T10:00:00+08:00",
        }
    )

    id: UUID
    organisation_id: str
    region: str
    period: str
    title: str
    text: str
    figures: list[Figures]
    digest: str
    published_by: str
    published_at: ShanghaiTime
