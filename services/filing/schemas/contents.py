"""The documents about listings, and the members that all documents are made of."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from shared.security.masking import is_masked

# Digits that are a mobile or resident-identity number however they are grouped or written.
_MOBILE = re.compile(r"(?<!\d)1[\s\-.]?[3-9](?:[\s\-.]?\d){9}(?!\d)")
_IDENTITY = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[\dXx](?![0-9A-Za-z])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
Moment = TypeVar("Moment", date, datetime)
_FIRST_YEAR, _LAST_YEAR = 2000, 2199


def readable(value: str) -> str:
    if _CONTROL.search(value):
        code = "control_character_refused"
        raise PydanticCustomError(code, "control characters are refused", {"code": code})
    if not value.strip():
        raise PydanticCustomError("string_too_short", "blank", {"code": "field_too_short"})
    return value


def _impersonal(value: str) -> str:
    """Offices and roles are named, not persons: no mobile or identity numbers (A21.2)."""
    if _MOBILE.search(value) or _IDENTITY.search(value) or is_masked(value):
        code = "personal_data_refused"
        raise PydanticCustomError(code, "name an office or a role", {"code": code})
    return value


def _in_range(value: Moment) -> Moment:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise PydanticCustomError("datetime_range", "out of range", {"code": "field_range"})
    return value


def _words(value: object) -> object:
    if not isinstance(value, (str, date, UUID)):
        raise PydanticCustomError("string_type", "a string is needed", {"code": "field_type"})
    return value


def distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        code = "members_repeated"
        raise PydanticCustomError(code, "members repeat", {"code": code})
    return values


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_words),
    AfterValidator(_in_range),
    Field(examples=["2025-11-03T09:20:00+08:00"]),
]
Identifier = Annotated[str, Field(pattern="^[a-z0-9-]{2,40}$", examples=["jx-rst"])]
ItemCode = Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,50}$", examples=["demo-rst-001"])]
RegionId = Annotated[str, Field(pattern="^36([0-9A-Z]{4})?$", examples=["360100"])]
Digest = Annotated[
    str,
    Field(
        pattern="^(sha-256|sm3):[0-9a-f]{64}$",
        description="RFC 8785 canonical form of `content`, hashed",
        examples=["sha-256:" + "0f" * 32],
    ),
]
Clause = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]{0,39}$",
        description="办法条款（如 A10.3），或现行技术规范的检查项："
        "自带的编号，无编号的为 N 加序号（如 N3）",
        examples=["A10.3"],
    ),
]
NormVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,39}$")]
Code = Annotated[str, Field(pattern="^[A-Z0-9_]{1,40}$")]
Title = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(readable)]
FileName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(readable)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]
Day = Annotated[
    date, BeforeValidator(_words), AfterValidator(_in_range), Field(examples=["2026-03-31"])
]
Office = Annotated[
    str,
    Field(min_length=1, max_length=80, examples=["南昌市政务服务主管部门运维岗"]),
    AfterValidator(readable),
    AfterValidator(_impersonal),
]
Prose = Annotated[
    str,
    Field(min_length=1, max_length=2000, examples=["入口连续报错，先行下架排查"]),
    AfterValidator(readable),
    AfterValidator(_impersonal),
]
Impersonal = Annotated[str, AfterValidator(_impersonal)]
Url = Annotated[str, Field(min_length=8, max_length=1000, pattern=r"^https?://[!-~]+$")]
Kind = Literal["STANDARD", "LOCAL_SCENARIO"]
REASON_CLASSES = (
    "FAULT", "SECURITY", "DATA_LEAK", "WRONG_CONTENT", "POLICY_CHANGE", "PUBLIC_OPINION", "OTHER",
)  # fmt: skip
ReasonClass = Literal[
    "FAULT", "SECURITY", "DATA_LEAK", "WRONG_CONTENT", "POLICY_CHANGE", "PUBLIC_OPINION", "OTHER"
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Attachment(Body):
    """A file that was uploaded before, named by its digest."""

    name: FileName
    sha256: Sha256
    size: Annotated[int, Field(strict=True, ge=1, le=10_485_760)]


LISTING_EXAMPLE: dict[str, Any] = {
    "item_code": "demo-rst-001",
    "title": "社会保险个人权益记录查询打印",
    "summary": "查询并打印个人社会保险权益记录。",
    "kind": "STANDARD",
    "organisation_id": "jx-rst",
    "region": "36",
    "hall_id": "hall-36",
    "zone_id": "zone-rst",
    "audiences": ["1"],
    "channels": ["APP", "WECHAT_MINI"],
    "capabilities": ["QUERY", "COMPLAINT", "RATING"],
    "entry_url": "https://entry.example.invalid/rst/social-insurance-query",
    "complaint_url": "https://entry.example.invalid/complaints",
    "rating_url": "https://entry.example.invalid/ratings",
    "builder": "省人力资源社会保障厅信息中心",
    "operations_contact": "省人社厅运维值班岗",
    "identity_level": "REAL_NAME",
    "data_scope": ["社会保险参保信息"],
    "keywords": ["社保"],
    "norm_version": "demo-1.0",
}


class ListingDocument(Body):
    """What goes live, byte for byte; one builder and one operations contact: offices (A4.2)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [LISTING_EXAMPLE]})

    item_code: ItemCode
    title: Title
    summary: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(readable)]
    kind: Kind
    organisation_id: Identifier
    region: RegionId
    hall_id: Identifier
    zone_id: Identifier | None = None
    audiences: Annotated[
        list[Literal["1", "2", "3", "4", "5", "6"]],
        Field(min_length=1, max_length=6, description="GB/T 39046-2020 A.4"),
        AfterValidator(distinct),
    ]
    channels: Annotated[list[Code], Field(min_length=1, max_length=10), AfterValidator(distinct)]
    capabilities: Annotated[
        list[Literal["QUERY", "BOOKING", "APPLICATION", "HANDLING", "COMPLAINT", "RATING"]],
        Field(min_length=1, max_length=6, description="COMPLAINT 和 RATING 必备（A2.2）"),
        AfterValidator(distinct),
    ]
    entry_url: Url
    complaint_url: Url
    rating_url: Url
    builder: Office
    operations_contact: Office
    identity_level: Code
    data_scope: Annotated[list[Title], Field(max_length=50), AfterValidator(distinct)] = []
    keywords: Annotated[list[Title], Field(max_length=30), AfterValidator(distinct)] = []
    norm_version: NormVersion


class DelistDocument(Body):
    """Why a listing goes, and where people find the service instead (A11.3)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"reason": "事项取消", "alternative_channel": "省政务服务大厅窗口"}]
        },
    )

    reason: Prose
    alternative_channel: Prose | None = None


class EmergencyDocument(Body):
    """The written filing after an emergency delisting; it cites the oral report (A11.5)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "oral_report_id": "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10",
                    "listing_id": "7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01",
                    "circumstances": "入口连续报错，影响查询。",
                    "measures": "已下架并修复，拟重新自测后申请上架。",
                }
            ]
        },
    )

    oral_report_id: UUID
    listing_id: UUID
    circumstances: Prose
    measures: Prose


class PlanLineDocument(Body):
    item_code: ItemCode
    hall_id: Identifier
    kind: Kind
    planned_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    note: Annotated[str, Field(max_length=200)] = ""


class PlanDocument(Body):
    """A year's list of services to be listed (A10.2); it is filed through /v1/listing-plans."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "year": 2026,
                    "lines": [
                        {
                            "item_code": "demo-rst-001",
                            "hall_id": "hall-36",
                            "kind": "STANDARD",
                            "planned_on": "2026-03-31",
                            "note": "",
                        }
                    ],
                }
            ]
        },
    )

    year: Annotated[int, Field(ge=2025, le=2100)]
    lines: Annotated[list[PlanLineDocument], Field(min_length=1, max_length=100_000)]
