"""Listings as the public sees them, and their versions and filings as officers do."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.schemas.fields import ShanghaiTime, View, shown

_ID = "0199f0a0-0000-7000-8000-0000000000a1"
_FILING = "0199f0a0-0000-7000-8000-0000000000f1"
_DIGEST = "sha-256:" + "0" * 64
_LISTING: dict[str, Any] = {
    "id": _ID,
    "state": "LISTED",
    "version": 1,
    "item_code": "demo-rst-001",
    "item_type": "20",
    "title": "社会保险个人权益记录查询打印",
    "summary": "查询和打印本人社会保险权益记录。",
    "keywords": ["社保"],
    "kind": "STANDARD",
    "organisation_id": "jx-rst",
    "organisation_name": "江西省人力资源和社会保障厅",
    "region": "36",
    "hall_id": "hall-36",
    "zone_id": "zone-rst",
    "audiences": ["1"],
    "channels": ["APP", "WECHAT_MINI"],
    "capabilities": ["QUERY", "COMPLAINT", "RATING"],
    "entry_url": "https://entry.example/rst/social-insurance-query",
    "complaint_url": "https://entry.example/complaint",
    "rating_url": "https://entry.example/rating",
    "identity_level": "REAL_NAME",
    "norm_version": "demo-1.0",
    "digest": _DIGEST,
    "filing_id": _FILING,
    "listed_at": "2026-11-23T10:00:00+08:00",
    "delisted_at": None,
    "notice_id": None,
}


class ListingView(BaseModel):
    """A listing; `organisation_id` is the accountable unit (A4.2), `digest` that of what was filed.

    A suspended or delisted one names the notice that explains it.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_LISTING]})

    id: UUID
    state: str
    version: int
    item_code: str
    item_type: str
    title: str
    summary: str
    keywords: list[str]
    kind: str
    organisation_id: str
    organisation_name: str
    region: str
    hall_id: str
    zone_id: str | None
    audiences: list[str]
    channels: list[str]
    capabilities: list[str]
    entry_url: str
    complaint_url: str
    rating_url: str
    identity_level: str
    norm_version: str
    digest: str
    filing_id: UUID
    listed_at: ShanghaiTime
    delisted_at: ShanghaiTime | None
    notice_id: UUID | None


class VersionView(View):
    """One version, never changed; `content` is what was filed, its contact masked."""

    model_config = shown(
        {
            "version": 1,
            "digest": _DIGEST,
            "filing_id": _FILING,
            "valid_from": "2026-11-23T10:00:00+08:00",
            "valid_to": None,
            "content": {"title": "社会保险个人权益记录查询打印"},
        }
    )

    version: int
    digest: str
    filing_id: UUID
    valid_from: ShanghaiTime | None = Field(description="null until it goes live")
    valid_to: ShanghaiTime | None
    content: dict[str, Any]


class PendingView(View):
    """A filing about a listing that has not come to its end."""

    model_config = shown(
        {
            "filing_id": _FILING,
            "listing_id": _ID,
            "filing_type": "LISTING",
            "item_code": "demo-rst-001",
            "organisation_id": "jx-rst",
            "region": "36",
            "department": "jx-rst",
            "state": "SUBMITTED",
            "listing_state": "DRAFT",
            "round": 1,
            "digest": _DIGEST,
            "submitted_at": "2026-11-23T10:00:00+08:00",
            "due_at": "2026-12-01T00:00:00+08:00",
            "goes_live_at": None,
        }
    )

    filing_id: UUID
    listing_id: UUID
    filing_type: str
    item_code: str | None
    organisation_id: str
    region: str
    department: str | None
    state: str
    listing_state: str
    round: int
    digest: str
    submitted_at: ShanghaiTime
    due_at: ShanghaiTime | None
    goes_live_at: ShanghaiTime | None
