"""What is shown of a row, with its times in Jiangxi's zone."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.clock import SHANGHAI


def _local(value: datetime) -> datetime:
    return value.astimezone(SHANGHAI)


Local = Annotated[datetime, AfterValidator(_local), Field(examples=["2025-11-03T09:20:00+08:00"])]


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)
