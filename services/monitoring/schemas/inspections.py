"""Inspection plans and runs as they come in and go out."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from services.monitoring.rules.periods import Period
from services.monitoring.rules.rectifications import Domain, Severity
from services.monitoring.schemas.fields import (
    Body,
    Name,
    Printable,
    ShanghaiTime,
    View,
    example,
    shown,
)
from services.monitoring.schemas.findings import EvidenceList, Identifier

ItemCode = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
UnitKind = Literal[
    "PROVINCIAL_DEPARTMENT", "CITY_AUTHORITY", "COUNTY_AUTHORITY", "OPERATOR", "PARTNER"
]
Note = Annotated[str, Field(max_length=1000)]
_ID = "0199f0a0-0000-7000-8000-0000000000b1"
_ITEMS: list[Any] = [{"code": "entry", "text": "入口可以打开", "severity": "HIGH"}]
_PLAN: dict[str, Any] = {
    "title": "日常巡检",
    "domain": "MAINTENANCE",
    "frequency": "DAY",
    "unit_kinds": ["CITY_AUTHORITY"],
    "units": ["jx-rst"],
    "checklist": _ITEMS,
}
_RESULTS: list[Any] = [{"code": "entry", "passed": False, "note": "首页入口打不开"}]


class ChecklistItem(Body):
    code: ItemCode
    text: Annotated[str, Field(min_length=1, max_length=300), Printable]
    severity: Severity = Severity.NORMAL


class PlanInput(Body):
    """Who inspects which items how often; units are named, or meant by their kind."""

    model_config = example(_PLAN)

    title: Name
    domain: Domain = Domain.MAINTENANCE
    frequency: Literal[Period.DAY, Period.WEEK, Period.MONTH]
    unit_kinds: Annotated[list[UnitKind], Field(max_length=5)] = []
    units: Annotated[list[Identifier], Field(max_length=200)] = []
    checklist: Annotated[list[ChecklistItem], Field(min_length=1, max_length=100)]


class ItemResult(Body):
    code: ItemCode
    passed: StrictBool
    note: Note = ""


class RunInput(Body):
    """What the unit found today, item by item; each failed one becomes a finding."""

    model_config = example({"results": _RESULTS, "evidence": []})

    results: Annotated[list[ItemResult], Field(min_length=1, max_length=100)]
    evidence: EvidenceList = []


class PlanView(View):
    """One inspection plan."""

    model_config = shown(
        {
            "id": _ID,
            **_PLAN,
            "issued_by": "jx-zwfw",
            "issued_at": "2026-03-02T10:00:00+08:00",
            "ended_at": None,
            "version": 1,
        }
    )

    id: UUID
    title: str
    domain: str
    frequency: str
    unit_kinds: list[str]
    units: list[str]
    checklist: list[dict[str, Any]]
    issued_by: str
    issued_at: ShanghaiTime
    ended_at: ShanghaiTime | None
    version: int


class RunView(View):
    """One inspection of a unit in a period."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000b2",
            "plan_id": _ID,
            "organisation_id": "jx-rst",
            "region": "36",
            "period": "2026-03-02",
            "results": _RESULTS,
            "evidence": [],
            "failed": 1,
            "done_by": "jx-rst-system",
            "done_at": "2026-03-02T10:00:00+08:00",
        }
    )

    id: UUID
    plan_id: UUID
    organisation_id: str
    region: str
    period: str
    results: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    failed: int
    done_by: str
    done_at: ShanghaiTime
