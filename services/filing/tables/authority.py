"""Who decides in whose place: delegations of reviewers (F6)."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from services.filing.tables.mapping import Id, Row


class Delegation(Row):
    """One person lets another of the same organisation decide for them, within scope and window.

    An empty list of types or organisations means all of them.
    """

    __tablename__ = "delegations"
    __table_args__ = (
        Index("ix_delegations_delegate", "delegate", "ends_at"),
        Index("ix_delegations_organisation", "organisation_id", "created_at", "id"),
        Index("ix_delegations_created", "created_at", "id"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[str]
    region: Mapped[str]
    delegator: Mapped[str]
    delegate: Mapped[str]
    filing_types: Mapped[list[str]]
    actions: Mapped[list[str]]
    organisations: Mapped[list[str]]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    version: Mapped[int]


# Everyone up the chain of those who let `me` decide for them at `now`: who asks and who decides
# are told the same.
DELEGATORS = text("""
with recursive chain(name) as (
    select delegator from delegations
        where delegate = :me and revoked_at is null and starts_at <= :now and ends_at > :now
    union
    select d.delegator from delegations d join chain on d.delegate = chain.name
        where d.revoked_at is null and d.starts_at <= :now and d.ends_at > :now
)
select name from chain
""")
