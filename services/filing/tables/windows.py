"""Windows that accepted filings have opened (A16.3)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Id, Row


class Window(Row):
    """One window under the id of the filing that planned it; `short_notice` stays once true (F7).

    `filing_id` is the filing that gave it its present shape; no `listing_ids` means all.
    """

    __tablename__ = "windows"
    __table_args__ = (
        Index("ix_windows_start", "starts_at", "id"),
        Index("ix_windows_organisation", "organisation_id", "starts_at", "id"),
    )

    id: Mapped[Id] = mapped_column(ForeignKey("filing.filings.id"))
    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    filing_type: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    title: Mapped[str]
    kind: Mapped[str]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    impact: Mapped[str]
    state: Mapped[str]
    change: Mapped[int]
    filed_at: Mapped[datetime]
    short_notice: Mapped[bool]
    ended_at: Mapped[datetime | None]
    version: Mapped[int]
