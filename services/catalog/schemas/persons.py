"""Responsible persons: what is sent in full is shown masked (A12.2, A17.1, A21.2)."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.catalog.rules.register import Domain, Post
from services.catalog.schemas.fields import (
    Body,
    Day,
    Line,
    OrganisationId,
    Printable,
    View,
    example,
    shown,
)
from shared.security.masking import is_masked

_PHONE = r"^((\+86)?1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8})$"
_PERSON = {
    "organisation_id": "city-360100",
    "domain": "OPERATION",
    "post": "RESPONSIBLE",
    "name": "演示运营专人",
    "phone": "19900000005",
    "valid_from": "2025-08-04",
    "valid_to": "2027-12-31",
}


def _unmasked(value: str) -> str:
    if is_masked(value):
        raise PydanticCustomError(
            "masked_value_refused",
            "a masked value cannot be written back",
            {"code": "masked_value_refused"},
        )
    return value


Unmasked = AfterValidator(_unmasked)
PersonName = Annotated[str, Field(min_length=1, max_length=60), Unmasked, Printable]
Phone = Annotated[
    str, Field(max_length=20, examples=["19900000005"]), Unmasked, Field(pattern=_PHONE)
]


class Term(Body):
    """The days from and to which a person is responsible; an open end is null."""

    valid_from: Day
    valid_to: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise PydanticCustomError(
                "order", "the term ends before it begins", {"code": "field_order"}
            )
        return self


class PersonInput(Term):
    model_config = example(_PERSON)

    organisation_id: OrganisationId
    domain: Domain
    post: Post = Field(
        default=Post.RESPONSIBLE,
        description="RESPONSIBLE 专人，DEPUTY 副岗，LEADER 分管负责人",
    )
    name: PersonName
    phone: Phone


class PersonUpdate(Term):
    """All of a person's entry that may change; another unit, domain or post is another entry."""

    model_config = example(
        {key: _PERSON[key] for key in ("name", "phone", "valid_from", "valid_to")}
    )

    name: PersonName
    phone: Phone


class PersonView(View):
    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-000000000001",
            **_PERSON,
            "region": "360100",
            "name": "演*****",
            "phone": "199****0005",
            "version": 1,
        }
    )

    id: UUID
    organisation_id: str
    region: str
    domain: str
    post: str
    name: str = Field(description="masked")
    phone: str = Field(description="masked")
    valid_from: Day
    valid_to: Day | None
    version: int


class DisclosureRequest(Body):
    """Why the full values are needed; the reason enters the audit, so it names no one."""

    model_config = example({"reason": "服务故障，需要联系运维专人"})

    reason: Line


class DisclosureView(View):
    """The full values, shown once."""

    model_config = shown(
        {
            "person_id": "0199f0a0-0000-7000-8000-000000000001",
            "name": "演示运营专人",
            "phone": "19900000005",
        }
    )

    person_id: UUID
    name: str
    phone: str
