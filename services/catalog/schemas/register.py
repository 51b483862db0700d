"""Regions, organisations, halls, zones and norms as they are sent and shown."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.catalog.rules.halls import HallState, ZoneState
from services.catalog.rules.register import HallLevel, Level, OrganisationKind
from services.catalog.schemas.fields import (
    Body,
    Day,
    Distinct,
    HallId,
    Line,
    Name,
    NormVersion,
    OrganisationId,
    RegionId,
    View,
    ZoneId,
    example,
    shown,
)

_REGION = {
    "id": "360102",
    "name": "东湖区",
    "level": "COUNTY",
    "parent": "360100",
    "gb2260": "360102",
}
_ORGANISATION = {
    "id": "city-360100",
    "name": "南昌市政务服务主管部门",
    "short_name": "南昌市政务服务主管部门",
    "kind": "CITY_AUTHORITY",
    "region": "360100",
    "parent": "jx-zwfw",
    "mandate_from": None,
    "mandate_to": None,
}
_HALL = {
    "id": "hall-360100",
    "name": "赣服通南昌分厅",
    "level": "CITY",
    "region": "360100",
    "organisation_id": "city-360100",
    "parent": "hall-36",
}
_ZONE = {"id": "zone-rst", "name": "人社专区", "hall_id": "hall-36", "department": "jx-rst"}
_NORM = {
    "id": "platform-technical-norm",
    "title": "“赣服通”平台技术管理规范（演示版）",
    "version": "demo-1.0",
    "effective_from": "2025-08-04",
    "checklist": ["投诉和评价入口可用", "办理结果与线下一致"],
}


class RegionInput(Body):
    """One region of the tree; `gb2260` is null where GB/T 2260 gives no code (赣江新区)."""

    model_config = example(_REGION)

    id: RegionId
    name: Name
    level: Level
    parent: RegionId | None = None
    gb2260: Annotated[str, Field(pattern="^36[0-9]{4}$")] | None = None


class RegionView(View):
    model_config = shown(_REGION)

    id: str
    name: str
    level: str
    parent: str | None
    gb2260: str | None


class Mandated(Body):
    """The dates between which the province mandates an operator (A9.1)."""

    mandate_from: Day | None = None
    mandate_to: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.mandate_from and self.mandate_to and self.mandate_to < self.mandate_from:
            raise PydanticCustomError(
                "order", "the mandate ends before it begins", {"code": "field_order"}
            )
        return self


class OrganisationInput(Mandated):
    """A unit of the platform's tree; its id is given by whoever registers it and never changes."""

    model_config = example(_ORGANISATION)

    id: OrganisationId
    name: Name
    short_name: Name
    kind: OrganisationKind
    region: RegionId
    parent: OrganisationId | None = None


class OrganisationUpdate(Mandated):
    """All of a unit that may change; kind and region stay for its life."""

    model_config = example(
        {key: value for key, value in _ORGANISATION.items() if key not in ("id", "kind", "region")}
    )

    name: Name
    short_name: Name
    parent: OrganisationId | None = None


class OrganisationView(View):
    model_config = shown({**_ORGANISATION, "active": True, "version": 1})

    id: str
    name: str
    short_name: str
    kind: str
    region: str
    parent: str | None
    mandate_from: Day | None
    mandate_to: Day | None
    active: bool
    version: int


class HallInput(Body):
    model_config = example(_HALL)

    id: HallId
    name: Name
    level: HallLevel
    region: RegionId
    organisation_id: OrganisationId
    parent: HallId | None = None


class HallUpdate(Body):
    """All of a hall that may change; `merged_into` names the hall that is to take it in (A5.3)."""

    model_config = example(
        {
            "name": "赣服通东湖区分厅",
            "organisation_id": "county-360102",
            "state": "MERGED",
            "merged_into": "hall-360100",
        }
    )

    name: Name
    organisation_id: OrganisationId
    state: HallState
    merged_into: HallId | None = None


class HallView(View):
    model_config = shown(
        {
            **_HALL,
            "state": "ACTIVE",
            "merged_into": None,
            "retained_until": None,
            "retention_filing_id": None,
            "version": 1,
        }
    )

    id: str
    name: str
    level: str
    region: str
    organisation_id: str
    parent: str | None
    state: str
    merged_into: str | None
    retained_until: Day | None = Field(description="kept up to this day by a filing (A5.5)")
    retention_filing_id: UUID | None
    version: int


class ZoneInput(Body):
    """A department's own area in a hall (A8.2)."""

    model_config = example(_ZONE)

    id: ZoneId
    name: Name
    hall_id: HallId
    department: OrganisationId


class ZoneUpdate(Body):
    """All of a zone that may change; `pages` are the titles of its pages, in their order (A8.2)."""

    model_config = example(
        {
            "name": "人社专区",
            "operated_by": "operator",
            "pages": ["社保", "就业"],
            "state": "LISTED",
        }
    )

    name: Name
    operated_by: OrganisationId | None = None
    pages: Annotated[list[Name], Field(max_length=50), Distinct] = []
    state: ZoneState


class ZoneView(View):
    """A zone; `operated_by` is null where its department runs it itself."""

    model_config = shown(
        {**_ZONE, "operated_by": None, "pages": ["社保"], "state": "LISTED", "version": 1}
    )

    id: str
    name: str
    hall_id: str
    department: str
    operated_by: str | None
    pages: list[str]
    state: str
    version: int


class NormInput(Body):
    """A version of a technical norm; once issued it does not change (A6.3, A10.1)."""

    model_config = example(_NORM)

    id: OrganisationId
    title: Line
    version: NormVersion
    effective_from: Day
    checklist: Annotated[list[Line], Field(min_length=1, max_length=100), Distinct]


class NormView(View):
    model_config = shown(_NORM)

    id: str
    title: str
    version: str
    effective_from: Day
    checklist: list[str]
