"""Notices: what is announced, and every earlier wording of it (A11.6)."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.catalog.rules.notices import NoticeKind
from services.catalog.schemas.fields import (
    Body,
    Distinct,
    Line,
    Moment,
    Prose,
    RegionId,
    ShanghaiTime,
    View,
    example,
    shown,
)

_TEXT = {
    "title": "社保服务系统升级公告",
    "text": "因系统升级，社保查询服务将暂停办理，请错峰使用。",
    "alternative_channel": "各级政务服务大厅",
    "expires_at": "2026-12-31T18:00:00+08:00",
}
_NOTICE = {
    **_TEXT,
    "kind": "MAINTENANCE",
    "listing_ids": [],
    "regions": ["360100"],
    "starts_at": "2026-12-30T22:00:00+08:00",
    "ends_at": "2026-12-31T06:00:00+08:00",
    "publishes_at": "2026-12-28T09:00:00+08:00",
}


class NoticeText(Body):
    """What an edit may change: the wording, the alternative channel and the end."""

    model_config = example(_TEXT)

    title: Line
    text: Prose
    alternative_channel: Line | None = None
    expires_at: Moment | None = None


class NoticeInput(NoticeText):
    model_config = example(_NOTICE)

    kind: NoticeKind
    listing_ids: Annotated[list[UUID], Field(max_length=100), Distinct] = []
    regions: Annotated[list[RegionId], Field(max_length=120), Distinct] = []
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    publishes_at: Annotated[
        Moment | None, Field(description="a planned publication; at once when null or past")
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_at and self.ends_at and self.ends_at < self.starts_at:
            raise PydanticCustomError("order", "it ends before it begins", {"code": "field_order"})
        if self.publishes_at and self.expires_at and self.expires_at <= self.publishes_at:
            raise PydanticCustomError("over", "over before published", {"code": "notice_over"})
        return self


class WithdrawalRequest(Body):
    model_config = example({"reason": "服务已恢复"})

    reason: Line


class WordingView(View):
    """One wording of a notice."""

    version: int
    title: str
    text: str
    alternative_channel: str | None
    expires_at: ShanghaiTime | None
    edited_by: str = Field(description="organisation")
    edited_at: ShanghaiTime


class NoticeView(View):
    """The current wording; an edited notice says so; `history` keeps the earlier ones."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000b1",
            **{name: value for name, value in _NOTICE.items() if name != "publishes_at"},
            "state": "PUBLISHED",
            "version": 1,
            "edited": False,
            "publisher": "operator",
            "filing_id": None,
            "published_at": "2026-11-23T10:00:00+08:00",
            "withdrawn_at": None,
            "withdrawal_reason": None,
            "history": [],
        }
    )

    id: UUID
    kind: str
    state: str
    version: int
    edited: bool
    title: str
    text: str
    alternative_channel: str | None
    listing_ids: list[UUID]
    regions: list[str]
    starts_at: ShanghaiTime | None
    ends_at: ShanghaiTime | None
    publisher: str
    filing_id: UUID | None
    published_at: ShanghaiTime = Field(description="planned, while it is SCHEDULED")
    expires_at: ShanghaiTime | None
    withdrawn_at: ShanghaiTime | None
    withdrawal_reason: str | None
    history: list[WordingView] = []
