"""Maintenance, major events and incident reports (A16)."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from services.filing.schemas.contents import (
    Attachment,
    Body,
    Instant,
    Office,
    Prose,
    Title,
    distinct,
)

Listings = Annotated[
    list[UUID],
    Field(max_length=200, description="留空表示本单位全部服务"),
    AfterValidator(distinct),
]
_LISTING_ID = "7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01"


class WindowDocument(Body):
    """A window with its impact and rollback; a later step names it by `window_id` (A16.3)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "action": "PLAN",
                    "title": "核心数据库升级",
                    "kind": "SYSTEM_UPGRADE",
                    "listing_ids": [_LISTING_ID],
                    "starts_at": "2026-03-14T00:00:00+08:00",
                    "ends_at": "2026-03-14T06:00:00+08:00",
                    "impact": "UNAVAILABLE",
                    "details": "升级期间暂停查询。",
                    "rollback": "两小时内未完成即恢复快照。",
                    "contact_office": "省人社厅信息中心值班岗",
                }
            ]
        },
    )

    action: Literal["PLAN", "CHANGE", "CANCEL", "END"]
    contact_office: Office
    window_id: UUID | None = None
    title: Title | None = None
    kind: Literal["SYSTEM_UPGRADE", "DATA_MIGRATION", "NETWORK_CHANGE", "EVENT", "OTHER"] = "OTHER"
    listing_ids: Listings = []
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    impact: Literal["NONE", "DEGRADED", "UNAVAILABLE"] | None = None
    details: Prose | None = None
    rollback: Prose | None = None
    reason: Prose | None = None
    ended_at: Instant | None = None
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []


class IncidentDocument(Body):
    """A fault: reported at once after detection, and finally when it is over (A16.4)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "stage": "FIRST",
                    "severity": "MAJOR",
                    "listing_ids": [_LISTING_ID],
                    "started_at": "2026-03-02T09:30:00+08:00",
                    "detected_at": "2026-03-02T09:40:00+08:00",
                    "summary": "查询接口持续超时。",
                    "impact": "全省参保查询不可用。",
                    "measures": "已切换备用节点并发布公告。",
                    "contact_office": "省人社厅运维值班岗",
                }
            ]
        },
    )

    stage: Literal["FIRST", "FINAL"]
    severity: Literal["SPECIAL_MAJOR", "MAJOR", "LARGER", "GENERAL"]
    listing_ids: Listings = []
    started_at: Instant
    detected_at: Instant
    summary: Prose
    impact: Prose
    measures: Prose
    contact_office: Office
    incident_id: UUID | None = None
    resolved_at: Instant | None = None
    cause: Prose | None = None
    improvement: Prose | None = None
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []
