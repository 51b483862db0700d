"""The query parameters that monitoring's lists share."""

from typing import Annotated

from fastapi import Query

from services.monitoring.schemas.fields import IDENTIFIER, REGION

RegionFilter = Annotated[
    str, Query(pattern=f"{REGION}|^$", description="地区 id / region", examples=["360100"])
]
OrganisationFilter = Annotated[str, Query(pattern=f"{IDENTIFIER}|^$", description="单位 / unit")]
OpenFilter = Annotated[
    bool | None, Query(alias="open", description="是否未关闭 / whether it is still open")
]
