"""What a unit should list and what it has (A8.1), and who answers for what is live (C5)."""

from decimal import Decimal
from uuid import UUID

from pydantic import Field

from services.catalog.schemas.fields import (
    Body,
    Day,
    ItemCode,
    Line,
    OrganisationId,
    ShanghaiTime,
    View,
    example,
    shown,
)

_EXEMPTION = {
    "organisation_id": "jx-rst",
    "item_code": "demo-rst-001",
    "reason": "依法须当面核验，暂不具备移动端办理条件",
    "until": "2027-12-31",
}
_ID = "0199f0a0-0000-7000-8000-0000000000e1"


class CoverageView(View):
    """Listed ÷ should be listed for one unit (A8.1), and who answers for what is live (C5).

    `planned` is split into the members from `listed` to `missing`; an exempt item that is listed
    all the same counts as listed. `ratio` is listed ÷ (planned - exempt), null where nothing is
    left to list; `orphan` is true where live listings lack a person.
    """

    model_config = shown(
        {
            "organisation_id": "jx-rst",
            "name": "江西省人力资源和社会保障厅",
            "region": "36",
            "planned": 12,
            "listed": 6,
            "suspended": 1,
            "scheduled": 1,
            "exempt": 2,
            "forced_exits": 0,
            "delisted": 1,
            "missing": 1,
            "ratio": "0.6000",
            "live_listings": 9,
            "operation_person_id": "0199f0a0-0000-7000-8000-000000000001",
            "maintenance_person_id": None,
            "orphan": True,
        }
    )

    organisation_id: str
    name: str
    region: str
    planned: int
    listed: int
    suspended: int
    scheduled: int
    exempt: int
    forced_exits: int
    delisted: int
    missing: int
    ratio: Decimal | None
    live_listings: int
    operation_person_id: UUID | None
    maintenance_person_id: UUID | None
    orphan: bool


class CoverageItemView(View):
    """One planned item of a unit: how far it has come, when it is to go live, why it need not."""

    model_config = shown(
        {
            "organisation_id": "jx-rst",
            "item_code": "demo-rst-001",
            "item_name": "社会保险个人权益记录查询打印",
            "year": 2026,
            "state": "SCHEDULED",
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "goes_live_at": "2026-12-01T08:00:00+08:00",
            "exemption_id": None,
            "exemption_reason": None,
        }
    )

    organisation_id: str
    item_code: str
    item_name: str | None
    year: int
    state: str
    listing_id: UUID | None
    goes_live_at: ShanghaiTime | None = Field(description="planned time (C1)")
    exemption_id: UUID | None
    exemption_reason: str | None


class ExemptionInput(Body):
    """Why an item need not be listed, and up to which day; without one until it is revoked."""

    model_config = example(_EXEMPTION)

    organisation_id: OrganisationId
    item_code: ItemCode
    reason: Line
    until: Day | None = None


class ExemptionView(View):
    model_config = shown(
        {
            "id": _ID,
            **_EXEMPTION,
            "region": "36",
            "granted_by": "jx-zwfw",
            "granted_at": "2026-11-23T10:00:00+08:00",
            "version": 1,
        }
    )

    id: UUID
    organisation_id: str
    region: str
    item_code: str
    reason: str
    until: Day | None
    granted_by: str
    granted_at: ShanghaiTime
    version: int
