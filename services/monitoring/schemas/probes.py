"""Probes, their samples, and where their time went (A17.3)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from services.monitoring.schemas.fields import (
    Body,
    Name,
    Printable,
    ShanghaiTime,
    View,
    example,
    shown,
)

Url = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2000,
        description="https、http、tcp://主机:端口 或 dns://服务器/名称?type=A",
    ),
    Printable,
]
ConditionText = Annotated[str, Field(min_length=1, max_length=300), Printable]

_ASKED: dict[str, Any] = {
    "name": "查询环节",
    "url": "https://rst.example.invalid/social-insurance/api/status",
    "method": "GET",
    "conditions": ["[STATUS] == 200", "[BODY].status == UP", "[RESPONSE_TIME] < 3s"],
    "interval_seconds": 60,
    "timeout_seconds": 15,
    "redirects": 0,
    "vantages": None,
    "parents": [],
    "paused": False,
}
_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_PROBE = "0199f0a0-0000-7000-8000-0000000000c1"


class ProbeUpdate(Body):
    """All of a probe that its owner says; the condition language is that of Gatus."""

    model_config = example(_ASKED)

    name: Name
    url: Url
    method: Literal["GET", "HEAD"] = "GET"
    conditions: Annotated[list[ConditionText], Field(min_length=1, max_length=20)]
    interval_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 60
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=60)] = 15
    redirects: Annotated[StrictInt, Field(ge=0, le=10)] = 0
    vantages: Annotated[
        StrictInt | None,
        Field(ge=1, le=20, description="几个监测点同时判定才算中断，空值按政策 / null: by policy"),
    ] = None
    parents: Annotated[
        list[UUID],
        Field(
            max_length=10,
            description="依赖的探测或服务（指其入口探测） / probes, or listings for their entry",
        ),
    ] = Field(default_factory=list)
    paused: StrictBool = False


class ProbeInput(ProbeUpdate):
    """A probe of one of the unit's live listings, beside that of its entry."""

    model_config = example({"listing_id": _LISTING, **_ASKED})

    listing_id: UUID


class ProbeView(View):
    """A probe and where it stands; `state` is UNKNOWN while nobody looks."""

    model_config = shown(
        {
            "id": _PROBE,
            "listing_id": _LISTING,
            "organisation_id": "jx-rst",
            "region": "36",
            "purpose": "EXTRA",
            **_ASKED,
            "running": True,
            "state": "UP",
            "since": "2026-03-02T10:00:00+08:00",
            "failure": None,
            "incident_id": None,
            "version": 1,
        }
    )

    id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    purpose: str
    name: str
    url: str
    method: str
    conditions: list[str]
    interval_seconds: int
    timeout_seconds: int
    redirects: int
    vantages: int | None
    parents: list[UUID]
    paused: bool
    running: bool
    state: str
    since: ShanghaiTime | None
    failure: str | None
    incident_id: UUID | None
    version: int


class SampleView(View):
    """One result; times in milliseconds. Without `evidence` it says nothing of the target."""

    model_config = shown(
        {
            "at": "2026-03-02T10:00:00+08:00",
            "vantage": "default",
            "ok": True,
            "evidence": True,
            "reused": False,
            "lag": 2.1,
            "total": 84.2,
            "dns": 1.2,
            "connect": 8.4,
            "tls": 21.0,
            "first_byte": 50.1,
            "transfer": 3.5,
            "status": 200,
            "error": None,
            "failure": None,
        }
    )

    at: ShanghaiTime
    vantage: str
    ok: bool
    evidence: bool
    reused: bool
    lag: float
    total: float
    dns: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None
    transfer: float | None
    status: int | None
    error: str | None
    failure: str | None


class AvailabilityView(View):
    """Where the time went, in seconds: the four parts sum to the period (M7).

    Raw availability disregards filed windows, adjusted leaves their time out; null is unwatched.
    """

    model_config = shown(
        {
            "probe_id": _PROBE,
            "since": "2026-03-01T10:00:00+08:00",
            "until": "2026-03-02T10:00:00+08:00",
            "up": 82800.0,
            "down": 600.0,
            "maintenance": 3000.0,
            "unknown": 0.0,
            "raw_availability": 0.9722,
            "adjusted_availability": 0.9928,
        }
    )

    probe_id: UUID
    since: ShanghaiTime
    until: ShanghaiTime
    up: float
    down: float
    maintenance: float
    unknown: float
    raw_availability: float | None
    adjusted_availability: float | None


class HealthView(View):
    """The running probes of one unit by their state, and what is open."""

    model_config = shown(
        {
            "region": "360100",
            "organisation_id": "city-360100",
            "up": 12,
            "down": 1,
            "unknown": 0,
            "open_incidents": 1,
        }
    )

    region: str
    organisation_id: str
    up: int
    down: int
    unknown: int
    open_incidents: int
