"""Halls that are kept, and channels that stand beside the platform (A5)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from services.filing.schemas.contents import (
    Attachment,
    Body,
    Day,
    Identifier,
    Office,
    Prose,
    Title,
    readable,
)

_TERM: dict[str, Any] = {"since": "2026-04-01", "until": "2027-03-31"}


class RetentionDocument(Body):
    """Why a hall is really to be kept, and how long (A5.5); both days are included."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "hall_id": "hall-360102",
                    "reason": "承载本地特色应用场景，暂不并入市级分厅。",
                    **_TERM,
                    "operations_contact": "东湖区政务服务主管部门运维岗",
                    "attachments": [],
                }
            ]
        },
    )

    hall_id: Identifier
    reason: Prose
    since: Day
    until: Day
    operations_contact: Office
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []


class ChannelDocument(Body):
    """Why an independent channel is needed all the same, and how it will be integrated (A5.1)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "channel_name": "某专项业务移动端",
                    "channel_kind": "APP",
                    "reason": "专用终端受限，无法接入统一平台。",
                    "legal_basis": "主管部门批复文件",
                    "integration_plan": "终端更换后迁入“赣服通”。",
                    **_TERM,
                    "operations_contact": "信息中心运维岗",
                    "attachments": [],
                }
            ]
        },
    )

    channel_name: Annotated[str, Field(min_length=2, max_length=100), AfterValidator(readable)]
    channel_kind: Literal["APP", "MINI_PROGRAM", "OFFICIAL_ACCOUNT", "WEBSITE", "OTHER"]
    reason: Prose
    legal_basis: Title
    integration_plan: Prose
    since: Day
    until: Day
    operations_contact: Office
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []
