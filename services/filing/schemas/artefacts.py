"""The recurring artefacts as one document: plans, records, agreements, checks, field classes."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas.contents import (
    Attachment,
    Body,
    Day,
    Impersonal,
    Prose,
    Title,
)
from services.filing.schemas.views import Local, View

SubjectRef = Annotated[
    Impersonal,
    Field(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="令牌 sub 里的人员或客户端编号，不是姓名",
        examples=["officer-rst-1"],
    ),
]
# New media, government websites, service venues, the livestream 小赣事聊服务, media of their own.
PromotionChannel = Literal[
    "NEW_MEDIA", "GOVERNMENT_WEBSITE", "SERVICE_VENUE", "XIAOGAN_LIVE", "OWN_MEDIA"
]
_CHECK: dict[str, Any] = {
    "subject_ref": "officer-rst-1",
    "role": "数据库管理岗",
    "since": "2026-02-20",
    "until": "2027-02-19",
}


class AgreementPart(Body):
    """A confidentiality agreement with a supplier (A21.3)."""

    supplier: Title
    since: Day
    until: Day


class CheckPart(Body):
    """A background check that was passed, by an opaque reference (A21.3)."""

    subject_ref: SubjectRef
    role: Title
    since: Day
    until: Day


class ClassifiedField(Body):
    """One data field of one system with its class (A21.1)."""

    system: Title
    field: Title
    level: Literal["GENERAL", "IMPORTANT", "CORE"]
    category: Title
    purpose: Title
    shared_with: Annotated[list[Title], Field(max_length=20)] = []


class ArtefactDocument(Body):
    """One artefact of one kind, for a period if it recurs; its file is cited by digest."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "OPERATION_PLAN",
                    "period": "2026",
                    "title": "2026 年运营工作方案",
                    "summary": "明确年度运营目标、措施和分工。",
                    "attachments": [{"name": "方案.pdf", "sha256": "0f" * 32, "size": 40960}],
                }
            ]
        },
    )

    kind: Literal[
        "IMPLEMENTATION_PLAN",
        "LOCAL_PROMOTION",
        "ZONE_PROMOTION",
        "OPERATION_PLAN",
        "PROMOTION_PLAN",
        "BUDGET_PLAN",
        "SECURITY_TRAINING",
        "FIELD_CLASSIFICATION",
        "CONFIDENTIALITY_AGREEMENT",
        "BACKGROUND_CHECK",
    ]
    channels: Annotated[
        list[PromotionChannel],
        Field(max_length=5, description="推广渠道；推广方案必填（A13）", examples=[["NEW_MEDIA"]]),
    ] = []
    period: Annotated[str | None, Field(pattern=r"^\d{4}(-(H[12]|Q[1-4]|\d{2}))?$")] = None
    title: Title
    summary: Prose
    attachments: Annotated[list[Attachment], Field(min_length=1, max_length=20)]
    fields: Annotated[list[ClassifiedField] | None, Field(min_length=1, max_length=2000)] = None
    agreement: AgreementPart | None = None
    check: CheckPart | None = None


class RevocationBody(Body):
    """Why a clearance holds no more (A21.3)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "LEFT", "note": "已调离岗位"}]},
    )

    reason: Literal["LEFT", "CHECK_FAILED", "MISCONDUCT", "RECORDED_IN_ERROR"]
    note: Prose


class ClearanceView(View):
    """A passed background check: in force from the first to the last day unless it has ended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10",
                    "organisation_id": "jx-rst",
                    "subject_ref": _CHECK["subject_ref"],
                    "since": _CHECK["since"],
                    "until": _CHECK["until"],
                    "in_force": True,
                    "ended_at": None,
                    "version": 1,
                }
            ]
        }
    )

    id: UUID
    organisation_id: str
    subject_ref: str
    since: date
    until: date
    in_force: bool
    ended_at: Local | None
    version: int


class ClassifiedFieldView(View):
    """One field of a unit's registry in force (A21.1)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
                    "filing_id": "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10",
                    "organisation_id": "jx-rst",
                    "system": "社保查询系统",
                    "field": "参保单位名称",
                    "level": "GENERAL",
                    "category": "单位信息",
                    "purpose": "展示参保记录",
                    "shared_with": [],
                }
            ]
        }
    )

    id: UUID
    filing_id: UUID
    organisation_id: str
    system: str
    field: str
    level: str
    category: str
    purpose: str
    shared_with: list[str]
