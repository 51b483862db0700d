"""Partners and the two persons through whom they and the operator speak (A15.1, A15.3)."""

from uuid import UUID

from pydantic import Field

from services.catalog.schemas.fields import Body, Day, ShanghaiTime, View, example, shown

_PAIR = {
    "partner_person_id": "0199f0a0-0000-7000-8000-000000000003",
    "operator_person_id": "0199f0a0-0000-7000-8000-000000000004",
}


class LiaisonInput(Body):
    """The pair: a responsible person of the partner and one of the operator (A15.3)."""

    model_config = example(_PAIR)

    partner_person_id: UUID
    operator_person_id: UUID


class LiaisonView(View):
    """A partner, the level that supervises it (A15.1) and its liaison pair."""

    model_config = shown(
        {
            "partner_id": "partner-demo",
            "name": "第三方合作方（演示）",
            "state": "ACTIVE",
            "supervising_organisation": "jx-zwfw",
            "supervising_level": "PROVINCE",
            "valid_until": "2027-12-31",
            **_PAIR,
            "live_listings": 2,
            "forced_out_at": None,
            "version": 1,
        }
    )

    partner_id: str
    name: str
    state: str
    supervising_organisation: str
    supervising_level: str | None = Field(description="level of the supervising unit's region")
    valid_until: Day
    partner_person_id: UUID | None
    operator_person_id: UUID | None
    live_listings: int
    forced_out_at: ShanghaiTime | None
    version: int
