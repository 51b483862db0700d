"""Mobile channels and their plans to move in (A5.1, A5.2)."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.catalog.rules.channels import ChannelKind, ChannelState
from services.catalog.schemas.fields import (
    Body,
    Day,
    Distinct,
    HallId,
    Line,
    Name,
    OrganisationId,
    View,
    example,
    shown,
)

_CHANNEL: dict[str, Any] = {
    "name": "某市民卡应用（演示）",
    "kind": "APP",
    "organisation_id": "city-360100",
    "independent": True,
    "in_service_since": "2021-05-01",
}
_PLAN: dict[str, Any] = {
    "into": "hall-360100",
    "steps": ["接入统一身份认证", "服务迁入分厅", "停止更新并引导用户"],
    "starts_on": "2026-03-01",
    "due_on": "2027-06-30",
}


class ChannelInput(Body):
    """A channel that is there; `independent` when it runs beside the platform."""

    model_config = example(_CHANNEL)

    name: Name
    kind: ChannelKind
    organisation_id: OrganisationId
    independent: bool
    in_service_since: Day


class MigrationPlan(Body):
    """How a channel moves in: into which hall, in which steps, between which days (A5.2)."""

    model_config = example(_PLAN)

    into: HallId
    steps: Annotated[list[Line], Field(min_length=1, max_length=30), Distinct]
    starts_on: Day
    due_on: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.due_on < self.starts_on:
            raise PydanticCustomError("order", "it ends before it begins", {"code": "field_order"})
        return self


class ChannelUpdate(Body):
    """All of a channel that may change; without a plan it stays as it is."""

    model_config = example({"name": _CHANNEL["name"], "state": "PLANNED", "plan": _PLAN})

    name: Name
    state: ChannelState
    plan: MigrationPlan | None = None


class ChannelView(View):
    """A channel; `flagged` when it stands by an exception (A5.1), `overdue` says with what."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000c1",
            **_CHANNEL,
            "region": "360100",
            "state": "PLANNED",
            "flagged": False,
            "exception_filing_id": None,
            "exception_until": None,
            "plan": _PLAN,
            "overdue": [],
            "version": 2,
        }
    )

    id: UUID
    name: str
    kind: str
    organisation_id: str
    region: str
    independent: bool
    in_service_since: Day
    state: str
    flagged: bool
    exception_filing_id: UUID | None
    exception_until: Day | None
    plan: MigrationPlan | None
    overdue: list[str]
    version: int
