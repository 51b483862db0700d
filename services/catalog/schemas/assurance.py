"""A listing's service level, its protection and the office that keeps it running."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.catalog.schemas.fields import Body, OrganisationId, View, example, shown

_ASSURANCE: dict[str, Any] = {
    "availability_target": "0.999",
    "response_milliseconds": 1500,
    "mlps_level": 3,
    "critical_infrastructure": False,
    "operations_office": "jx-rst",
}
_PLACE = {
    "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
    "organisation_id": "jx-rst",
    "region": "36",
}
Target = Annotated[
    str,
    Field(
        pattern="^(0\\.[0-9]{0,5}[1-9]|1)$",
        description="a share as text, with no zeros at its end: 0.999",
    ),
]


class AssuranceInput(Body):
    """What an owner assures: an SLO (A7.2, A15.4), the protection (A22), an office, no person."""

    model_config = example(_ASSURANCE)

    availability_target: Target
    response_milliseconds: Annotated[int, Field(ge=1, le=600_000, strict=True)]
    mlps_level: Annotated[int, Field(ge=1, le=5, strict=True)] | None = Field(
        default=None, description="等保级别 / MLPS level, null while not graded"
    )
    critical_infrastructure: bool = Field(
        default=False, description="关键信息基础设施 / critical information infrastructure"
    )
    operations_office: OrganisationId


class AssuranceView(View):
    """What holds for a listing; version 0 is what holds by policy while its owner has set none."""

    model_config = shown({**_PLACE, **_ASSURANCE, "version": 1})

    listing_id: UUID
    organisation_id: str
    region: str
    availability_target: str
    response_milliseconds: int
    mlps_level: int | None
    critical_infrastructure: bool
    operations_office: str
    version: int
