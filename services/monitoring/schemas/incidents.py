"""Incidents with their timeline, and findings."""

from typing import Any
from uuid import UUID

from services.monitoring.schemas.fields import ShanghaiTime, View, shown

_OF: dict[str, Any] = {
    "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
    "organisation_id": "jx-rst",
    "region": "36",
}


class IncidentView(View):
    """One continuous fault; `started_at` is its first failed result.

    `window_id` and `filing_id` name a filed window that it has outlasted.
    """

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000e1",
            "probe_id": "0199f0a0-0000-7000-8000-0000000000c1",
            **_OF,
            "state": "OPEN",
            "cause": "timeout_first_byte",
            "started_at": "2026-03-02T10:00:00+08:00",
            "opened_at": "2026-03-02T10:02:00+08:00",
            "closed_at": None,
            "reopened": 0,
            "window_id": None,
            "filing_id": None,
            "version": 1,
        }
    )

    id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    state: str
    cause: str
    started_at: ShanghaiTime
    opened_at: ShanghaiTime
    closed_at: ShanghaiTime | None
    reopened: int
    window_id: UUID | None
    filing_id: UUID | None
    version: int


class TimelineEntry(View):
    """One line of an incident's timeline."""

    model_config = shown(
        {
            "number": 7,
            "at": "2026-03-02T10:02:00+08:00",
            "action": "OPENED",
            "detail": "[STATUS] (503) < 400",
        }
    )

    number: int
    at: ShanghaiTime
    action: str
    detail: str | None


class FindingView(View):
    """Something that a unit has to put right."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000f1",
            "kind": "PROBE_MISSING",
            **_OF,
            "raised_at": "2026-03-02T10:01:00+08:00",
            "closed_at": None,
        }
    )

    id: UUID
    kind: str
    listing_id: UUID
    organisation_id: str
    region: str
    raised_at: ShanghaiTime
    closed_at: ShanghaiTime | None
