"""The query parameters that catalog's lists share, bounded like the members of its bodies."""

from typing import Annotated

from fastapi import Query

from services.catalog.schemas.fields import IDENTIFIER, ITEM_CODE, REGION

RegionFilter = Annotated[
    str, Query(pattern=f"{REGION}|^$", description="地区 id / region", examples=["360100"])
]
IdFilter = Annotated[str, Query(pattern=f"{IDENTIFIER}|^$", description="编号 / id")]
ItemFilter = Annotated[str, Query(pattern=f"{ITEM_CODE}|^$", description="事项编码 / item code")]
CodeFilter = Annotated[str, Query(pattern="^[0-9]{0,2}$", description="GB/T 39046-2020")]
WordFilter = Annotated[str, Query(pattern="^[A-Z_]{0,40}$", description="取值可扩展 / extensible")]
TextFilter = Annotated[
    str,
    Query(
        max_length=100,
        pattern="^[^\\x00]*$",
        description="一个字及以上的文字 / text of one character and more",
        examples=["社保"],
    ),
]
