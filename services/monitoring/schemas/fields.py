"""The kinds of member that monitoring's bodies are made of."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.clock import SHANGHAI

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_YEARS = range(2000, 2101)
REGION = "^36([0-9A-Z]{4})?$"
IDENTIFIER = "^[a-z0-9][a-z0-9-]{1,39}$"


def printable(value: str) -> str:
    if _UNPRINTABLE.search(value) or not value.strip():
        raise PydanticCustomError("blank", "blank, or not printable", {"code": "field_blank"})
    return value


def _plausible(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise PydanticCustomError("year", "a year from 2000 to 2100", {"code": "field_range"})
    return value.astimezone(SHANGHAI)


def _in_shanghai(value: datetime) -> datetime:
    return value.astimezone(SHANGHAI)


Printable = AfterValidator(printable)
Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""An instant that came in: RFC 3339 with an offset, from 2000 to 2100."""

ShanghaiTime = Annotated[datetime, AfterValidator(_in_shanghai)]
"""An instant that goes out, always with +08:00."""

Name = Annotated[str, Field(min_length=1, max_length=100), Printable]


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with its example: an unknown member is refused."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


def shown(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a view with its example."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [value]})


class Body(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """What a caller gets; enums are extensible and new members may appear."""

    model_config = ConfigDict(from_attributes=True)
