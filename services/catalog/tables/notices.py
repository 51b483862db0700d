"""Notices and their wordings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Notice(Base):
    """A notice; `next_due_at` is when it is next told of: its planned publication, or its end."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_published_at", "published_at", "id"),
        Index("ix_notices_next_due_at", "next_due_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    title: Mapped[str]
    text: Mapped[str]
    alternative_channel: Mapped[str | None]
    listing_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    regions: Mapped[list[str]]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    publisher: Mapped[str]
    filing_id: Mapped[UUID | None]
    published_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    next_due_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]


class NoticeWording(Base):
    __tablename__ = "notice_wordings"

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    alternative_channel: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    edited_by: Mapped[str]
    edited_at: Mapped[datetime]
