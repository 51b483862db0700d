"""Maintenance windows, as callers see them."""

from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas import examples
from services.filing.schemas.views.rows import Local, View


class WindowView(View):
    """A window; `short_notice` says that it was filed later than the lead time asks (A16.3)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.WINDOW]})

    id: UUID
    filing_id: UUID = Field(description="最近一次改变窗口的报备")
    filing_type: str
    organisation_id: str
    region: str
    title: str
    kind: str
    listing_ids: list[UUID]
    starts_at: Local
    ends_at: Local
    impact: str
    state: str
    change: int
    filed_at: Local
    short_notice: bool
    ended_at: Local | None
    version: int
