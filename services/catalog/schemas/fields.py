"""The kinds of member that catalog's bodies are made of: bounded, printable, and never coerced."""

import re
from collections.abc import Hashable
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.clock import SHANGHAI

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(2000, 2101)
Member = TypeVar("Member", bound=Hashable)


def _printable(value: str) -> str:
    if _UNPRINTABLE.search(value) or not value.strip():
        raise PydanticCustomError("blank", "blank, or not printable", {"code": "field_blank"})
    return value


def _text_only(value: Any) -> Any:
    """A date is written as text that begins with one; a number is no date, not even as text."""
    written = isinstance(value, str) and _DATE.match(value)
    if not written and not isinstance(value, date):
        raise PydanticCustomError("date_type", "a date is written as text")
    return value


def _plausible(value: date) -> date:
    if value.year not in _YEARS:
        raise PydanticCustomError("year", "a year from 2000 to 2100", {"code": "field_range"})
    return value


def _in_shanghai(value: datetime) -> datetime:
    return value.astimezone(SHANGHAI)


def _distinct(value: list[Member]) -> list[Member]:
    if len(set(value)) != len(value):
        raise PydanticCustomError("repeated", "a member stands twice", {"code": "field_repeated"})
    return value


Day = Annotated[date, BeforeValidator(_text_only), AfterValidator(_plausible)]
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_text_only),
    AfterValidator(_plausible),
    AfterValidator(_in_shanghai),
]
"""An instant that came in: RFC 3339 with an offset, from 2000 to 2100."""

ShanghaiTime = Annotated[datetime, AfterValidator(_in_shanghai)]
"""An instant that goes out, always with +08:00."""

Printable = AfterValidator(_printable)
Name = Annotated[str, Field(min_length=1, max_length=100), Printable]
Line = Annotated[str, Field(min_length=1, max_length=300), Printable]
Prose = Annotated[str, Field(min_length=1, max_length=4000), Printable]
Keyword = Annotated[str, Field(min_length=1, max_length=40), Printable]
Keywords = Annotated[list[Keyword], Field(max_length=40), AfterValidator(_distinct)]

REGION = "^36([0-9A-Z]{4})?$"
IDENTIFIER = "^[a-z0-9][a-z0-9-]{1,39}$"
ITEM_CODE = "^[A-Za-z0-9._-]{3,50}$"
VERSION = "^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"

RegionId = Annotated[str, Field(pattern=REGION, examples=["360100"])]
OrganisationId = Annotated[str, Field(pattern=IDENTIFIER, examples=["city-360100"])]
HallId = Annotated[str, Field(pattern=IDENTIFIER, examples=["hall-360100"])]
ZoneId = Annotated[str, Field(pattern=IDENTIFIER, examples=["zone-rst"])]
ItemCode = Annotated[str, Field(pattern=ITEM_CODE, examples=["demo-rst-001"])]
NormVersion = Annotated[str, Field(pattern=VERSION, examples=["demo-1.0"])]

Distinct = AfterValidator(_distinct)


class Body(BaseModel):
    """What a caller sends: an unknown member is refused."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """What a caller gets; enums are extensible and new members may appear."""

    model_config = ConfigDict(from_attributes=True)


class TwoLanguages(BaseModel):
    """The same sentence in the two languages of the platform."""

    model_config = ConfigDict(
        populate_by_name=True,
        serialize_by_alias=True,
        json_schema_extra={"examples": [{"zh-CN": "行政许可", "en": "Administrative licence"}]},
    )

    zh_cn: str = Field(alias="zh-CN")
    en: str


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with its example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


def shown(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a view with its example."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [value]})
