"""Walks of several steps, and what came of each run (M2)."""

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
from services.monitoring.schemas.probes import ConditionText

ValueName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,60}$")]
StepUrl = Annotated[
    str,
    Field(min_length=8, max_length=2000, description="http(s)，路径可含 {{值}}"),
    Printable,
]

_BASE = "https://rst.example.invalid/social-insurance"
_LOGIN: dict[str, Any] = {
    "name": "登录",
    "url": f"{_BASE}/login",
    "method": "POST",
    "headers": {"Content-Type": "application/json"},
    "body": '{"user": "probe", "password": "{{secret.password}}"}',
    "conditions": ["[STATUS] == 200"],
    "captures": {"session": "[BODY].session"},
}
_APPLY: dict[str, Any] = {
    "name": "提交申请",
    "url": f"{_BASE}/applications",
    "method": "POST",
    "headers": {"Authorization": "Bearer {{session}}"},
    "body": '{"kind": "test"}',
    "conditions": ["[STATUS] == 201"],
    "captures": {"id": "[BODY].id"},
}
_DELETE: dict[str, Any] = {
    "name": "撤回申请",
    "url": f"{_BASE}/applications/{{{{id}}}}",
    "method": "DELETE",
    "headers": {"Authorization": "Bearer {{session}}"},
    "body": None,
    "conditions": ["[STATUS] == 204"],
    "captures": {},
}
_SAID: dict[str, Any] = {
    "name": "模拟办理",
    "steps": [_LOGIN, _APPLY],
    "cleanup": [_DELETE],
    "interval_seconds": 600,
    "timeout_seconds": 15,
    "vantages": None,
    "parents": [],
    "paused": False,
}
_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_WALK = "0199f0a0-0000-7000-8000-0000000000c7"
_OF: dict[str, Any] = {
    "listing_id": _LISTING,
    "organisation_id": "jx-rst",
    "region": "36",
}


class StepInput(Body):
    """One request; `captures` name what later steps write as `{{name}}`."""

    model_config = example(_LOGIN)

    name: Name
    url: StepUrl
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Annotated[
        dict[HeaderName, Annotated[str, Field(max_length=1000)]], Field(max_length=20)
    ] = Field(default_factory=dict)
    body: Annotated[str | None, Field(max_length=10_000)] = None
    conditions: Annotated[list[ConditionText], Field(min_length=1, max_length=20)]
    captures: Annotated[dict[ValueName, ConditionText], Field(max_length=10)] = Field(
        default_factory=dict
    )


class WalkUpdate(Body):
    """All of a walk that its owner says; a secret of null stays what it was, and none is shown."""

    model_config = example({**_SAID, "secrets": {"password": None}})

    name: Name
    steps: Annotated[list[StepInput], Field(min_length=1, max_length=20)]
    cleanup: Annotated[list[StepInput], Field(max_length=5)] = Field(default_factory=list)
    secrets: Annotated[
        dict[ValueName, Annotated[str, Field(min_length=4, max_length=500), Printable] | None],
        Field(max_length=10),
    ] = Field(default_factory=dict)
    interval_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 600
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=60)] = 15
    vantages: Annotated[StrictInt | None, Field(ge=1, le=20)] = None
    parents: Annotated[list[UUID], Field(max_length=10)] = Field(default_factory=list)
    paused: StrictBool = False


class WalkInput(WalkUpdate):
    """A walk through one of the unit's live listings."""

    model_config = example(
        {"listing_id": _LISTING, **_SAID, "secrets": {"password": "the-probes-own"}}
    )

    listing_id: UUID


class StepView(View):
    """A step as it was written, its values not filled in."""

    model_config = shown(_LOGIN)

    name: str
    url: str
    method: str
    headers: dict[str, str]
    body: str | None
    conditions: list[str]
    captures: dict[str, str]


class WalkView(View):
    """A walk and where it stands; of its secrets only the names are shown."""

    model_config = shown(
        {
            "id": _WALK,
            **_OF,
            **_SAID,
            "secrets": ["password"],
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
    name: str
    steps: list[StepView]
    cleanup: list[StepView]
    secrets: list[str]
    interval_seconds: int
    timeout_seconds: int
    vantages: int | None
    parents: list[UUID]
    paused: bool
    running: bool
    state: str
    since: ShanghaiTime | None
    failure: str | None
    incident_id: UUID | None
    version: int


_STEPPED: dict[str, Any] = {
    "name": "登录",
    "part": "STEP",
    "ok": True,
    "total": 84.2,
    "status": 200,
    "error": None,
    "failure": None,
}


class SteppedView(View):
    """What came of one step, in milliseconds; `part` is STEP or CLEANUP."""

    model_config = shown(_STEPPED)

    name: str
    part: str
    ok: bool
    total: float
    status: int | None
    error: str | None
    failure: str | None


class WalkRunView(View):
    """One run; `ok` is null until it has ended, `cleaned` where there was nothing to clear away."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000d7",
            "walk_id": _WALK,
            **_OF,
            "state": "DONE",
            "requested": False,
            "at": "2026-03-02T10:00:00+08:00",
            "vantage": "default",
            "ok": True,
            "total": 212.5,
            "failed_step": None,
            "cleaned": True,
            "steps": [_STEPPED],
        }
    )

    id: UUID
    walk_id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    state: str
    requested: bool
    at: ShanghaiTime
    vantage: str | None
    ok: bool | None
    total: float | None
    failed_step: str | None
    cleaned: bool | None
    steps: list[SteppedView]
