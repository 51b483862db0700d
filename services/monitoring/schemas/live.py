"""The live picture of a listing: what is known of it now, from every side (A17.4)."""

from uuid import UUID

from pydantic import Field

from services.monitoring.schemas.fields import ShanghaiTime, View, shown

_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_PROBE = {
    "id": "0199f0a0-0000-7000-8000-0000000000c1",
    "name": "服务入口",
    "state": "DOWN",
    "since": "2026-03-02T10:00:00+08:00",
    "failure": "[STATUS] (503) < 400",
}
_INCIDENT = {
    "id": "0199f0a0-0000-7000-8000-0000000000e1",
    "state": "OPEN",
    "severity": "LARGER",
    "opened_at": "2026-03-02T10:02:00+08:00",
    "acknowledged_at": None,
}
_WINDOW = {
    "id": "0199f0a0-0000-7000-8000-0000000000b1",
    "filing_id": "0199f0a0-0000-7000-8000-0000000000b2",
    "impact": "DEGRADED",
    "ends_at": "2026-03-02T12:00:00+08:00",
}


class LiveProbe(View):
    model_config = shown(_PROBE)

    id: UUID
    name: str
    state: str
    since: ShanghaiTime | None
    failure: str | None


class LiveIncident(View):
    model_config = shown(_INCIDENT)

    id: UUID
    state: str
    severity: str
    opened_at: ShanghaiTime
    acknowledged_at: ShanghaiTime | None


class LiveWindow(View):
    model_config = shown(_WINDOW)

    id: UUID
    filing_id: UUID
    impact: str
    ends_at: ShanghaiTime


class LiveListingView(View):
    """A listing now: the worst of its probes, its open incidents, and the windows that run.

    `suppressed_alerts` counts faults within those windows, which alert nobody.
    """

    model_config = shown(
        {
            "listing_id": _LISTING,
            "title": "社会保险个人权益记录查询打印",
            "organisation_id": "jx-rst",
            "region": "36",
            "listing_state": "LISTED",
            "state": "DOWN",
            "probes": [_PROBE],
            "incidents": [_INCIDENT],
            "windows": [_WINDOW],
            "suppressed_alerts": 0,
            "open_complaints": None,
        }
    )

    listing_id: UUID
    title: str
    organisation_id: str
    region: str
    listing_state: str
    state: str
    probes: list[LiveProbe]
    incidents: list[LiveIncident]
    windows: list[LiveWindow]
    suppressed_alerts: int
    open_complaints: int | None = Field(
        description="投诉服务上线前为空 / null until the complaints service tells of them"
    )


class RegionHealthView(View):
    """The running probes below a city, or of the province's own departments, by their state."""

    model_config = shown(
        {
            "region": "360100",
            "units": 9,
            "up": 112,
            "down": 1,
            "unknown": 0,
            "open_incidents": 1,
        }
    )

    region: str
    units: int
    up: int
    down: int
    unknown: int
    open_incidents: int
