"""Assets of informatisation projects (A6.4)."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.catalog.schemas.fields import (
    Body,
    Day,
    Distinct,
    Name,
    OrganisationId,
    View,
    ZoneId,
    example,
    shown,
)

ContractNumber = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._/-]{0,59}$")]
_MOST = 200

_SYSTEM: dict[str, Any] = {
    "project": "移动政务服务二期（演示）",
    "system": "社保查询后台（演示）",
    "contract_number": "demo-2025-017",
    "in_service_from": "2025-09-01",
    "in_service_until": None,
    "listing_ids": ["0199f0a0-0000-7000-8000-0000000000a1"],
    "zone_ids": ["zone-rst"],
}


class AssetUpdate(Body):
    """All of an asset that may change; its owner stays."""

    model_config = example(_SYSTEM)

    project: Name
    system: Name
    contract_number: ContractNumber
    in_service_from: Day
    in_service_until: Day | None = Field(default=None, description="its last day in service")
    listing_ids: Annotated[list[UUID], Field(max_length=_MOST), Distinct] = []
    zone_ids: Annotated[list[ZoneId], Field(max_length=_MOST), Distinct] = []

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.in_service_until is not None and self.in_service_until < self.in_service_from:
            raise PydanticCustomError("order", "it ends before it begins", {"code": "field_order"})
        return self


class AssetInput(AssetUpdate):
    """A system that a project delivered under a contract, and the unit that owns it."""

    model_config = example({"organisation_id": "jx-rst", **_SYSTEM})

    organisation_id: OrganisationId


class AssetView(View):
    """An asset with the listings and zones that it serves."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000d1",
            "organisation_id": "jx-rst",
            "region": "36",
            **_SYSTEM,
            "version": 1,
        }
    )

    id: UUID
    organisation_id: str
    region: str
    project: str
    system: str
    contract_number: str
    in_service_from: Day
    in_service_until: Day | None
    listing_ids: list[UUID]
    zone_ids: list[str]
    version: int
