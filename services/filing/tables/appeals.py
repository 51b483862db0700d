"""Appeals against what reviewers decided (C2)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Id, Row


class Appeal(Row):
    """One appeal: against which entry of the filing's history, on which grounds, and its end."""

    __tablename__ = "appeals"
    __table_args__ = (
        UniqueConstraint("against"),
        Index("ix_appeals_filed", "filed_at", "id"),
        Index("ix_appeals_filing_id", "filing_id"),
        Index("ix_appeals_open", "filed_at", "id", postgresql_where=text("state = 'OPEN'")),
    )

    id: Mapped[Id]
    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    against: Mapped[int] = mapped_column(BigInteger, ForeignKey("filing.filing_history.number"))
    against_action: Mapped[str]
    round: Mapped[int]
    state: Mapped[str]
    grounds: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]]
    filed_by: Mapped[str]
    filed_at: Mapped[datetime]
    clause: Mapped[str | None]
    opinion: Mapped[str | None]
    decision_evidence: Mapped[list[dict[str, Any]] | None]
    decided_by: Mapped[str | None]
    decided_for: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    version: Mapped[int]
