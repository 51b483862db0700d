"""Findings with their rectification and history, as their units and the authorities see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.monitoring.errors import FindingNotFound
from services.monitoring.rules.rectifications import Party, allowed_actions, supervises
from services.monitoring.schemas.findings import FindingEntryView, FindingView
from services.monitoring.tables import Finding, FindingEntry
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import Actor, scope_prefix
from shared.security.scope import visible


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What a list is narrowed to; an empty member asks for nothing."""

    organisation: str = ""
    region: str = ""
    listing: UUID | None = None
    is_open: bool | None = None
    state: str | None = None
    source: str | None = None
    overdue: bool | None = None


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Finding.region.expression,
        organisation=Finding.organisation_id.expression,
    )


def _found(tx: Transaction, wanted: FindingFilter) -> list[ColumnElement[bool]]:
    found = [_seen(tx)]
    if wanted.organisation:
        found.append(Finding.organisation_id == wanted.organisation)
    if wanted.region:
        found.append(Finding.region.startswith(scope_prefix(wanted.region), autoescape=True))
    if wanted.listing is not None:
        found.append(Finding.listing_id == wanted.listing)
    if wanted.state is not None:
        found.append(Finding.state == wanted.state)
    if wanted.source is not None:
        found.append(Finding.source == wanted.source)
    if wanted.is_open is not None:
        found.append(_none(Finding.closed_at.expression, absent=wanted.is_open))
    if wanted.overdue is not None:
        found.append(_none(Finding.overdue_at.expression, absent=not wanted.overdue))
    return found


def _none(column: ColumnElement[datetime | None], *, absent: bool) -> ColumnElement[bool]:
    return column.is_(None) if absent else column.is_not(None)


async def list_findings(
    tx: Transaction, page: PageRequest, wanted: FindingFilter
) -> tuple[Sequence[FindingView], str | None]:
    """The newest first."""
    rows = await tx.session.scalars(
        keyset(
            select(Finding).where(*_found(tx, wanted)),
            page,
            columns=[Finding.raised_at.expression, Finding.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.raised_at, row.id))
    return [_view(tx.actor, row) for row in shown], cursor


async def show_finding(tx: Transaction, finding_id: UUID) -> FindingView:
    """`finding_not_found` (404)."""
    row = await tx.session.scalar(select(Finding).where(Finding.id == finding_id, _seen(tx)))
    if row is None:
        raise FindingNotFound(finding_id=finding_id)
    return _view(tx.actor, row)


async def list_history(
    tx: Transaction, page: PageRequest, finding_id: UUID
) -> tuple[Sequence[FindingEntryView], str | None]:
    """What was done about a finding, in its order."""
    await show_finding(tx, finding_id)
    rows = await tx.session.scalars(
        keyset(
            select(FindingEntry).where(FindingEntry.finding_id == finding_id),
            page,
            columns=[FindingEntry.number.expression],
            kinds=[int],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.number,))
    return [FindingEntryView.model_validate(row) for row in shown], cursor


def _view(actor: Actor, row: Finding) -> FindingView:
    view = FindingView.model_validate(row)
    view.allowed_actions = [
        action
        for party in _parties(actor, row)
        for action in allowed_actions(row.state, party, row.retest)
    ]
    return view


def _parties(actor: Actor, row: Finding) -> list[Party]:
    """As which parties this actor may act: by its region and orders, and as the unit itself."""
    parties = []
    if row.organisation_id == actor.organisation:
        parties.append(Party.DEBTOR)
    mine = supervises(actor, debtor=row.organisation_id, ordered_by=row.ordering_organisation)
    if mine and actor.covers(row.region):
        parties.append(Party.SUPERVISOR)
    return parties
