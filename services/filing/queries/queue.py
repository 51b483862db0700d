"""What waits for the caller, and when things are due: oldest deadline first."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, any_, exists, func, literal, literal_column, select

from services.filing.queries.filings import seen
from services.filing.rules import ESCALATIONS, FILED_BY, ClockKind
from services.filing.schemas import DueDayView, QueueItemView
from services.filing.tables import Delegation, Filing, HistoryEntry, LadderRung, Obligation
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import Role
from shared.security.scope import visible

# Written out as in the partial indexes: a bound parameter would hide that they fit.
_OF_THE_DESK: Final[Mapping[Role, str]] = {
    Role.PROVINCE: "filings.due_for IN ('REVIEW', 'APPEAL')",
    Role.DEPARTMENT: "filings.due_for = 'CONFIRMATION'",
}


async def list_queue(
    tx: Transaction, page: PageRequest, *, waiting_for: ClockKind | None, acting_for: str | None
) -> tuple[Sequence[QueueItemView], str | None]:
    """The filings that the caller's desk must answer or correct, oldest deadline first."""
    mandates = await _mandates(tx, acting_for)
    found = [seen(tx), Filing.due_at.is_not(None), _waits(tx, waiting_for)]
    if acting_for is not None:
        found.append(_covered(mandates))
    statement = keyset(
        select(*(getattr(Filing, name) for name in _PLAIN)).where(*found),
        page,
        columns=[Filing.due_at.expression, Filing.id.expression],
        kinds=[datetime.fromisoformat, UUID],
    )
    rows, cursor = cut(
        (await tx.session.execute(statement)).all(), page, lambda row: (row.due_at, row.id)
    )
    own = await _filed_by_oneself(tx, [row.id for row in rows])
    return [
        QueueItemView.model_validate(
            {
                **row._mapping,  # noqa: SLF001 SQLAlchemy's public name for it
                "own_filing": row.id in own,
                "delegations": [each.id for each in mandates if _fits(each, row)],
            }
        )
        for row in rows
    ], cursor


_PLAIN = (
    "id",
    "number",
    "type",
    "state",
    "organisation_id",
    "region",
    "round",
    "submitted_at",
    "due_at",
    "due_for",
    "provisional",
    "overdue_at",
    "version",
)


def _waits(tx: Transaction, waiting_for: ClockKind | None) -> ColumnElement[bool]:
    """A reviewer's desk answers; whoever filed corrects what came back."""
    desk = _OF_THE_DESK.get(tx.actor.role)
    if waiting_for is ClockKind.CORRECTION or (desk is None and waiting_for is None):
        return (Filing.organisation_id == tx.actor.organisation) & (
            Filing.due_for == ClockKind.CORRECTION
        )
    if desk is None:
        return literal(False)
    found: ColumnElement[bool] = literal_column(f"({desk})")
    if tx.actor.role is Role.DEPARTMENT:
        found = found & (literal(tx.actor.organisation) == any_(Filing.departments.expression))
    return found & (Filing.due_for == waiting_for) if waiting_for is not None else found


async def _mandates(tx: Transaction, acting_for: str | None) -> Sequence[Delegation]:
    """The delegations in force under which this person may act."""
    if not tx.actor.person:
        return []
    found = await tx.session.scalars(
        select(Delegation)
        .where(
            Delegation.delegate == tx.actor.subject,
            Delegation.organisation_id == tx.actor.organisation,
            Delegation.delegator == acting_for if acting_for is not None else literal(True),
            Delegation.revoked_at.is_(None),
            Delegation.starts_at <= tx.now,
            Delegation.ends_at > tx.now,
        )
        .order_by(Delegation.id)
    )
    return found.all()


def _covered(mandates: Sequence[Delegation]) -> ColumnElement[bool]:
    """What at least one of these delegations covers by type and filer."""
    found: ColumnElement[bool] = literal(False)
    for each in mandates:
        types = Filing.type.in_(each.filing_types) if each.filing_types else literal(True)
        filers = (
            Filing.organisation_id.in_(each.organisations) if each.organisations else literal(True)
        )
        found = found | (types & filers)
    return found


def _fits(mandate: Delegation, row: Any) -> bool:
    return row.type in (mandate.filing_types or (row.type,)) and row.organisation_id in (
        mandate.organisations or (row.organisation_id,)
    )


async def _filed_by_oneself(tx: Transaction, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Of these, the filings that this subject filed, so that somebody else must decide (F6)."""
    found = await tx.session.scalars(
        select(HistoryEntry.filing_id).where(
            HistoryEntry.filing_id.in_(ids),
            HistoryEntry.action.in_(FILED_BY),
            HistoryEntry.actor == tx.actor.subject,
        )
    )
    return frozenset(found)


async def list_due_dates(tx: Transaction, *, first: date, last: date) -> list[DueDayView]:
    """How many filings and obligations fall due on each day, by what is waited for."""
    begin = datetime.combine(first, time(), SHANGHAI)
    end = datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
    found: list[DueDayView] = []
    obligations = visible(
        tx.actor,
        region=Obligation.region.expression,
        organisation=Obligation.organisation_id.expression,
    )
    escalated = exists().where(
        LadderRung.obligation_id == Obligation.id, LadderRung.rung.in_(ESCALATIONS)
    )
    for record, kind, due, late, climbed, conditions in (
        ("filing", Filing.due_for, Filing.due_at, Filing.overdue_at, literal(False), [seen(tx)]),
        (
            "obligation",
            Obligation.kind,
            Obligation.due_at,
            Obligation.breached_at,
            escalated,
            [obligations, Obligation.fulfilled_at.is_(None)],
        ),
    ):
        # A day's limit ends at the midnight after it: that instant belongs to the day before.
        day = func.date(
            func.timezone("Asia/Shanghai", due.expression - timedelta(microseconds=1))
        ).label("day")
        rows = await tx.session.execute(
            select(
                day,
                kind.expression.label("kind"),
                func.count(),
                func.count(late.expression),
                func.count().filter(climbed),
            )
            .where(*conditions, due > begin, due <= end)
            .group_by(day, kind.expression)
            .order_by(day, kind.expression)
        )
        found += [
            DueDayView(
                date=on,
                record=record,
                waiting_for=what,
                count=count,
                overdue=overdue,
                escalated=higher,
            )
            for on, what, count, overdue, higher in rows
        ]
    return sorted(found, key=lambda each: (each.date, each.record, each.waiting_for))
