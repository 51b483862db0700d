"""Items of the national lists and the code set of their types (A2.1, GB/T 39046-2020)."""

from typing import Annotated, Literal

from pydantic import Field

from services.catalog.rules.items import CodeScheme, Initiation
from services.catalog.schemas.fields import (
    Body,
    Distinct,
    ItemCode,
    Keywords,
    Line,
    Name,
    OrganisationId,
    TwoLanguages,
    View,
    example,
    shown,
)

_ITEM = {
    "code": "demo-rst-001",
    "code_scheme": "demo",
    "name": "社会保险个人权益记录查询打印",
    "item_type": "20",
    "level": "7",
    "department": "jx-rst",
    "audiences": ["1"],
    "initiation": "ON_APPLICATION",
    "summary": "查询和打印本人社会保险权益记录。",
    "keywords": ["社保", "养老保险"],
}

Audience = Literal["1", "2", "3", "4", "5", "6"]


class ItemInput(Body):
    model_config = example(_ITEM)

    code: ItemCode
    code_scheme: CodeScheme
    name: Name
    item_type: Annotated[str, Field(pattern="^[0-9]{2}$")]
    level: Literal["1", "2", "3", "4", "5", "6", "7"]
    department: OrganisationId
    audiences: Annotated[list[Audience], Field(min_length=1, max_length=6), Distinct]
    initiation: Initiation
    summary: Line
    keywords: Keywords = []


class ItemView(View):
    model_config = shown({**_ITEM, "active": True, "version": 1})

    code: str
    code_scheme: str
    name: str
    item_type: str
    level: str
    department: str
    audiences: list[str]
    initiation: str
    summary: str
    keywords: list[str]
    active: bool
    version: int


class ItemTypeView(View):
    """One code of GB/T 39046-2020 A.1."""

    model_config = shown(
        {"code": "01", "name": {"zh-CN": "行政许可", "en": "Administrative licence"}}
    )

    code: str
    name: TwoLanguages
