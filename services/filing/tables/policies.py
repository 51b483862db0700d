"""Changes of limits: proposed, then confirmed."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped

from services.filing.tables.mapping import Code, Row


class PolicyProposal(Row):
    """The last proposal for a limit; the row stays, so that its version is never given twice."""

    __tablename__ = "policy_proposals"

    key: Mapped[Code]
    amount: Mapped[int]
    source: Mapped[str]
    effective_from: Mapped[date]
    based_on: Mapped[int]
    proposed_by: Mapped[str]
    client_id: Mapped[str]
    person: Mapped[bool]
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None]
    version: Mapped[int]
