"""Delegations that the caller's organisation has given."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.filing.errors import DelegationNotFound
from services.filing.schemas import DelegationView
from services.filing.tables import Delegation
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Delegation.region.expression,
        organisation=Delegation.organisation_id.expression,
    )


async def list_delegations(
    tx: Transaction, page: PageRequest, *, delegate: str | None, in_force: bool | None
) -> tuple[Sequence[DelegationView], str | None]:
    """The newest first."""
    found = [_seen(tx)]
    if delegate is not None:
        found.append(Delegation.delegate == delegate)
    if in_force is not None:
        now = (
            Delegation.revoked_at.is_(None)
            & (Delegation.starts_at <= tx.now)
            & (Delegation.ends_at > tx.now)
        )
        found.append(now if in_force else ~now)
    statement = keyset(
        select(Delegation).where(*found),
        page,
        columns=[Delegation.created_at.expression, Delegation.id.expression],
        kinds=[datetime.fromisoformat, UUID],
        descending=True,
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.created_at, row.id)
    )
    return [DelegationView.model_validate(row) for row in rows], cursor


async def show_delegation(tx: Transaction, delegation_id: UUID) -> DelegationView:
    """`delegation_not_found` (404)."""
    row = await tx.session.scalar(
        select(Delegation).where(Delegation.id == delegation_id, _seen(tx))
    )
    if row is None:
        raise DelegationNotFound(delegation_id=delegation_id)
    return DelegationView.model_validate(row)
