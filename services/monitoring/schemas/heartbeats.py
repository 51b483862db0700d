"""Heartbeats and their beats."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from services.monitoring.schemas.fields import Body, Name, ShanghaiTime, View, example, shown

_SAID: dict[str, Any] = {
    "name": "夜间批量结算",
    "interval_seconds": 300,
    "grace_seconds": 60,
    "parents": [],
    "paused": False,
}
_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_TOKEN = "made-by-the-platform-and-shown-once-only-000"  # noqa: S105 an example
_SHOWN: dict[str, Any] = {
    "id": "0199f0a0-0000-7000-8000-0000000000c9",
    "listing_id": _LISTING,
    "organisation_id": "jx-rst",
    "region": "36",
    **_SAID,
    "running": True,
    "state": "UP",
    "since": "2026-03-02T10:00:00+08:00",
    "beat_at": "2026-03-02T10:05:00+08:00",
    "incident_id": None,
    "version": 1,
}


class HeartbeatUpdate(Body):
    """How often a system tells that it runs, and how late a beat may be."""

    model_config = example(_SAID)

    name: Name
    interval_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 300
    grace_seconds: Annotated[StrictInt, Field(ge=0, le=86_400)] = 60
    parents: Annotated[list[UUID], Field(max_length=10)] = Field(default_factory=list)
    paused: StrictBool = False


class HeartbeatInput(HeartbeatUpdate):
    """A heartbeat of one of the unit's live listings."""

    model_config = example({"listing_id": _LISTING, **_SAID})

    listing_id: UUID


class HeartbeatView(View):
    """A heartbeat and where it stands; `beat_at` is its last beat, at first its beginning."""

    model_config = shown(_SHOWN)

    id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    name: str
    interval_seconds: int
    grace_seconds: int
    parents: list[UUID]
    paused: bool
    running: bool
    state: str
    since: ShanghaiTime | None
    beat_at: ShanghaiTime
    incident_id: UUID | None
    version: int


class IssuedHeartbeat(HeartbeatView):
    """With the token of its beats, which is shown this once."""

    model_config = shown({**_SHOWN, "token": _TOKEN})

    token: str


class BeatInput(Body):
    """It runs."""

    model_config = example({"token": _TOKEN})

    token: Annotated[str, Field(min_length=20, max_length=100, pattern="^[A-Za-z0-9_-]+$")]


class BeatView(View):
    """Which heartbeat has beaten, and when the next is due at the latest."""

    model_config = shown(
        {
            "heartbeat_id": "0199f0a0-0000-7000-8000-0000000000c9",
            "beat_at": "2026-03-02T10:05:00+08:00",
            "due_at": "2026-03-02T10:11:00+08:00",
        }
    )

    heartbeat_id: UUID
    beat_at: ShanghaiTime
    due_at: ShanghaiTime
