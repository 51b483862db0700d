"""Partners whose application was approved, and the decisions that ended cooperation."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.filing.tables.mapping import Code, Id, Row


class Partner(Row):
    """One partner; its supervising unit is named on it (A15.1, A15.2)."""

    __tablename__ = "partners"
    __table_args__ = (
        Index("ix_partners_state", "state", "organisation_id"),
        Index("ix_partners_supervising", "supervising_organisation", "organisation_id"),
        Index("uq_partners_uscc", "uscc", unique=True, postgresql_where=text("state = 'ACTIVE'")),
    )

    organisation_id: Mapped[Code]
    region: Mapped[str]
    name: Mapped[str]
    uscc: Mapped[str]
    state: Mapped[str]
    supervising_organisation: Mapped[str]
    data_scope: Mapped[list[str]]
    liaison_office: Mapped[str]
    application_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"))
    active_since: Mapped[datetime]
    valid_until: Mapped[date]
    version: Mapped[int]


class ForcedExit(Row):
    """The province's decision: cause, evidence, who decided, when (A15.5); never rewritten."""

    __tablename__ = "forced_exits"

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    partner_id: Mapped[str] = mapped_column(
        ForeignKey("filing.partners.organisation_id"), unique=True
    )
    cause: Mapped[str]
    circumstances: Mapped[str]
    liability: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]]
    decided_by: Mapped[str]
    deciding_organisation: Mapped[str]
    deciding_office: Mapped[str]
    decided_at: Mapped[datetime]
