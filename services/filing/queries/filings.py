"""Filings: one filter for list and count, and one filing with its whole thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, func, literal, select

from services.filing.errors import FilingNotFound
from services.filing.queries.allowed import allowed
from services.filing.rules import FilingKind
from services.filing.schemas import FilingSummary, FilingView, HistoryView, RoundView
from services.filing.tables import (
    Confirmation,
    Filing,
    HistoryEntry,
    Obligation,
    Round,
)
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible


@dataclass(frozen=True, slots=True)
class FilingFilter:
    """What a list of filings is narrowed to; None leaves a member open."""

    filing_type: str | None = None
    state: str | None = None
    organisation: str | None = None
    region: str | None = None
    item_code: str | None = None
    listing_id: UUID | None = None
    due_before: datetime | None = None


def seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Filing.region.expression,
        organisation=Filing.organisation_id.expression,
        named=literal(tx.actor.organisation) == any_(Filing.departments.expression),
    )


def _matching(tx: Transaction, wanted: FilingFilter) -> list[ColumnElement[bool]]:
    """The one filter of list and count (C3)."""
    found = [seen(tx)]
    if wanted.filing_type is not None:
        found.append(Filing.type == wanted.filing_type)
    if wanted.state is not None:
        found.append(Filing.state == wanted.state)
    if wanted.organisation is not None:
        found.append(Filing.organisation_id == wanted.organisation)
    if wanted.region is not None:
        found.append(Filing.region.startswith(scope_prefix(wanted.region), autoescape=True))
    if wanted.item_code is not None:
        found.append(Filing.item_code == wanted.item_code)
    if wanted.listing_id is not None:
        found.append(Filing.listing_id == wanted.listing_id)
    if wanted.due_before is not None:
        found.append(Filing.due_at < wanted.due_before)
    return found


async def list_filings(
    tx: Transaction, wanted: FilingFilter, page: PageRequest
) -> tuple[Sequence[FilingSummary], str | None]:
    """The newest first."""
    statement = keyset(
        select(Filing).where(*_matching(tx, wanted)),
        page,
        columns=[Filing.created_at.expression, Filing.id.expression],
        kinds=[datetime.fromisoformat, UUID],
        descending=True,
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.created_at, row.id)
    )
    return [FilingSummary.model_validate(row) for row in rows], cursor


async def count_filings(tx: Transaction, wanted: FilingFilter) -> int:
    statement = select(func.count()).select_from(Filing).where(*_matching(tx, wanted))
    return await tx.session.scalar(statement) or 0


async def show_filing(tx: Transaction, filing_id: UUID) -> FilingView:
    """One filing that the caller sees, with what it may do; `filing_not_found` (404)."""
    filing = await tx.session.scalar(select(Filing).where(Filing.id == filing_id, seen(tx)))
    if filing is None:
        raise FilingNotFound(filing_id=filing_id)
    return await view_of(tx, filing)


async def view_of(tx: Transaction, filing: Filing) -> FilingView:
    """A filing with its thread, as this caller sees it; what a draft cannot have is not read."""
    history = await _history(tx, filing)
    own = vars(filing)  # a loaded member needs no descriptor
    sent = filing.submitted_at is not None
    confirmed_by = await _confirmed_by(tx, filing) if filing.departments else []
    return FilingView.model_validate(
        {
            **{name: own[name] if name in own else getattr(filing, name) for name in _MEMBERS},
            "content": _shown(filing.type, filing.content),
            "confirmed_by": confirmed_by,
            "revokes": await _revokes(tx, filing) if sent else [],
            "obligation_id": await _obligation_of(tx, filing) if sent else None,
            "allowed_actions": await allowed(tx, filing, history, confirmed_by=confirmed_by),
            "history": [HistoryView.model_validate(entry) for entry in history],
            "rounds": await _rounds(tx, filing) if sent else [],
        }
    )


async def _history(tx: Transaction, filing: Filing) -> Sequence[HistoryEntry]:
    """The thread; of a filing that has its one line from this transaction nothing is read again."""
    own = [entry for entry in tx.added(HistoryEntry) if entry.filing_id == filing.id]
    if len(own) == filing.version:
        return own
    await tx.session.flush()
    entries = await tx.session.scalars(
        select(HistoryEntry)
        .where(HistoryEntry.filing_id == filing.id)
        .order_by(HistoryEntry.number)
    )
    return entries.all()


_MEMBERS = ("type", *(name for name in FilingView.model_fields if hasattr(Filing, name)))


def _shown(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """A list's lines stand under /v1/plan-lines; here only how many they are."""
    if kind != FilingKind.LISTING_PLAN:
        return content
    return {"year": content["year"], "line_count": len(content["lines"])}


async def _rounds(tx: Transaction, filing: Filing) -> list[RoundView]:
    rows = await tx.session.scalars(
        select(Round).where(Round.filing_id == filing.id).order_by(Round.round)
    )
    return [
        RoundView(
            round=row.round,
            submitted_at=row.submitted_at,
            digest=row.digest,
            content=_shown(filing.type, row.content),
            self_test=row.self_test,
        )
        for row in rows
    ]


async def _confirmed_by(tx: Transaction, filing: Filing) -> list[str]:
    given = await tx.session.scalars(
        select(Confirmation.department)
        .where(Confirmation.filing_id == filing.id, Confirmation.digest == filing.digest)
        .order_by(Confirmation.department)
    )
    return list(given)


async def _revokes(tx: Transaction, filing: Filing) -> list[UUID]:
    """The filings that this one took back (F2)."""
    if filing.type not in (FilingKind.LISTING, FilingKind.DELIST):
        return []
    return list(
        await tx.session.scalars(
            select(Filing.id).where(Filing.revoked_by == filing.id).order_by(Filing.id)
        )
    )


_FULFILLING = frozenset(
    {FilingKind.EMERGENCY_DELIST, FilingKind.INCIDENT_REPORT, FilingKind.DOCUMENT}
)


async def _obligation_of(tx: Transaction, filing: Filing) -> UUID | None:
    """The obligation that this filing fulfilled (A11.5, A16.4)."""
    if filing.type not in _FULFILLING:
        return None
    return await tx.session.scalar(
        select(Obligation.id).where(Obligation.fulfilled_by == filing.id)
    )
