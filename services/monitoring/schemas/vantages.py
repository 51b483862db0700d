"""What single vantage points see (M5)."""

from typing import Any
from uuid import UUID

from services.monitoring.schemas.fields import ShanghaiTime, View, shown

_PROBE: dict[str, Any] = {"probe_id": "0199f0a0-0000-7000-8000-0000000000c1"}


class VantageView(View):
    """A probe as one vantage point sees it; one that is not `watching` decides nothing."""

    model_config = shown(
        {
            "vantage": "nanchang",
            "watching": True,
            "state": "DOWN",
            "since": "2026-03-02T10:00:00+08:00",
            "failure": "connection_refused",
        }
    )

    vantage: str
    watching: bool
    state: str
    since: ShanghaiTime | None
    failure: str | None


class AdvisoryView(View):
    """A fault that too few vantage points saw; `incident_id` is the outage that it grew into."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000d1",
            **_PROBE,
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "organisation_id": "jx-rst",
            "region": "36",
            "vantage": "nanchang",
            "cause": "connection_refused",
            "detail": "connection_refused",
            "started_at": "2026-03-02T10:00:00+08:00",
            "opened_at": "2026-03-02T10:02:00+08:00",
            "closed_at": None,
            "incident_id": None,
        }
    )

    id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    vantage: str
    cause: str
    detail: str | None
    started_at: ShanghaiTime
    opened_at: ShanghaiTime
    closed_at: ShanghaiTime | None
    incident_id: UUID | None
