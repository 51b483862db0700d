"""Leads of liability, as the province alone reads them (A26)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.monitoring.errors import BundleNotFrozen, LeadNotFound
from services.monitoring.rules.emergency import LEAD, LeadState
from services.monitoring.schemas.emergency import BundleView, LeadView
from services.monitoring.tables import AccountabilityLead
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset


async def list_leads(
    tx: Transaction, page: PageRequest, *, organisation: str, state: LeadState | None
) -> tuple[Sequence[LeadView], str | None]:
    """The newest first."""
    statement = select(AccountabilityLead)
    if organisation:
        statement = statement.where(AccountabilityLead.organisation_id == organisation)
    if state is not None:
        statement = statement.where(AccountabilityLead.state == state)
    columns: list[Any] = [
        AccountabilityLead.recorded_at.expression,
        AccountabilityLead.id.expression,
    ]
    rows = await tx.session.scalars(
        keyset(
            statement,
            page,
            columns=columns,
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.recorded_at, row.id))
    return [_view(tx, row) for row in shown], cursor


async def show_lead(tx: Transaction, lead_id: UUID) -> LeadView:
    """`lead_not_found` (404)."""
    return _view(tx, await _lead(tx, lead_id))


async def show_bundle(tx: Transaction, lead_id: UUID) -> BundleView:
    """What was referred; `bundle_not_frozen` (409) before that."""
    lead = await _lead(tx, lead_id)
    if lead.bundle is None or lead.digest is None:
        raise BundleNotFrozen(clause="A26")
    return BundleView(lead_id=lead.id, digest=lead.digest, bundle=lead.bundle)


async def _lead(tx: Transaction, lead_id: UUID) -> AccountabilityLead:
    await tx.session.flush()
    lead = await tx.session.get(AccountabilityLead, lead_id)
    if lead is None:
        raise LeadNotFound(lead_id=lead_id)
    return lead


def _view(tx: Transaction, lead: AccountabilityLead) -> LeadView:
    shown = {
        name: getattr(lead, name) for name in LeadView.model_fields if name != "allowed_actions"
    }
    actions = LEAD.actions(LeadState(lead.state), tx.actor.role)
    return LeadView(**shown, allowed_actions=list(actions))
