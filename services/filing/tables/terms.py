"""What decisions have granted, each up to a day."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Id, Row


class GrantedTerm(Row):
    """One accepted filing's term; two terms of one subject never overlap.

    Not row-secured: whoever files must meet what others hold; the API shows nobody's to others.
    """

    __tablename__ = "granted_terms"
    __table_args__ = (
        Index("ix_granted_terms_subject", "kind", "subject", "until"),
        Index("ix_granted_terms_until", "kind", "until", "id"),
    )

    id: Mapped[Id] = mapped_column(ForeignKey("filing.filings.id"))
    kind: Mapped[str]
    subject: Mapped[str]
    organisation_id: Mapped[str]
    region: Mapped[str]
    since: Mapped[date]
    until: Mapped[date]
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
