"""What waits for the caller, and when things are due: oldest deadline first."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from services.filing.queries.filings import seen
from services.filing.rules import ESCALATIONS, FILED_BY, ClockKind
from services.filing.schemas import DueDayView
from services.filing.tables import Delegation, Filing, HistoryEntry, LadderRung, Obligation
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut
from shared.reads import ASK, Read, compiled, page_of, place
from shared.security.identity import Role
from shared.security.scope import scope_values, visible, visible_to

# Written out as in the partial indexes: a bound parameter would hide that they fit.
_OF_THE_DESK: Final[Mapping[Role, str]] = {
    Role.PROVINCE: "filings.due_for IN ('REVIEW', 'APPEAL')",
    Role.DEPARTMENT: "filings.due_for = 'CONFIRMATION'",
}
_PLAIN = (
    "number",
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
_TIMES = ("submitted_at", "due_at", "overdue_at")
_ORDER = (Filing.due_at.expression, Filing.id.expression)


async def list_queue(
    tx: Transaction, page: PageRequest, *, waiting_for: ClockKind | None, acting_for: str | None
) -> tuple[bytes, str | None]:
    """The filings that the caller's desk must answer or correct, oldest deadline first.

    A page of `QueueItemView` as JSON, and the next cursor: this list is asked for all day.
    """
    read = queue_of(
        tx.actor.role,
        waiting_for,
        person=tx.actor.person,
        acting=acting_for is not None,
        continued=page.cursor is not None,
        limit=page.limit,
    )
    rows = await tx.rows(
        read,
        **scope_values(tx.actor),
        **place(page, datetime.fromisoformat, UUID),
        subject=tx.actor.subject,
        delegator=acting_for,
        now=tx.now,
    )
    shown, cursor = cut(rows, page, lambda row: (row["due_at"], row["id"]))
    return orjson.dumps({"items": [*map(_item, shown)], "next_cursor": cursor}), cursor


def _item(row: asyncpg.Record) -> dict[str, Any]:
    item: dict[str, Any] = dict(row)
    del item[ASK]
    for name in _TIMES:
        if item[name] is not None:
            item[name] = item[name].astimezone(SHANGHAI)
    return item


@lru_cache(maxsize=512)
def queue_of(
    role: Role,
    waiting_for: ClockKind | None,
    *,
    person: bool,
    acting: bool,
    continued: bool,
    limit: int,
) -> Read:
    """One page of the queue of whoever has this role."""
    mandates = _mandates(acting=acting)
    filed = exists().where(
        HistoryEntry.filing_id == Filing.id,
        HistoryEntry.action == any_(literal(list(FILED_BY), ARRAY(Text))),
        HistoryEntry.actor == bindparam("subject", type_=Text),
    )
    mandated = func.array(
        select(cast(Delegation.id, Text)).where(*mandates).order_by(Delegation.id).scalar_subquery()
    )
    none: ColumnElement[Any] = literal_column("'{}'::text[]")
    own = bindparam("own", type_=Text)
    found = [
        visible_to(
            role,
            region=Filing.region.expression,
            organisation=Filing.organisation_id.expression,
            named=own == any_(Filing.departments.expression),
            own=own,
            within=bindparam("within", type_=Text),
        ),
        Filing.due_at.is_not(None),
        _waits(role, waiting_for, own),
    ]
    if acting:
        found.append(exists().where(*mandates) if person else literal_column("false"))
    statement = select(
        cast(Filing.id, Text).label("id"),
        Filing.type.label("filing_type"),
        *(getattr(Filing, name) for name in _PLAIN),
        filed.label("own_filing"),
        (mandated if person else none).label("delegations"),
    ).where(*found)
    page = page_of(statement, columns=_ORDER, continued=continued, limit=limit)
    return compiled(page, guarded=True)


def _waits(
    role: Role, waiting_for: ClockKind | None, own: ColumnElement[str]
) -> ColumnElement[bool]:
    """A reviewer's desk answers; whoever filed corrects what came back."""
    desk = _OF_THE_DESK.get(role)
    if waiting_for is ClockKind.CORRECTION or (desk is None and waiting_for is None):
        return (Filing.organisation_id == own) & literal_column("filings.due_for = 'CORRECTION'")
    if desk is None:
        return literal_column("false")
    found: ColumnElement[bool] = literal_column(f"({desk})")
    if role is Role.DEPARTMENT:
        found = found & (own == any_(Filing.departments.expression))
    return found & (Filing.due_for == waiting_for) if waiting_for is not None else found


def _mandates(*, acting: bool) -> list[ColumnElement[bool]]:
    """The delegations in force under which this person may decide the filing of the outer query."""
    found: list[ColumnElement[bool]] = [
        Delegation.delegate == bindparam("subject", type_=Text),
        Delegation.organisation_id == bindparam("own", type_=Text),
        Delegation.revoked_at.is_(None),
        Delegation.starts_at <= bindparam("now", type_=DateTime(timezone=True)),
        Delegation.ends_at > bindparam("now", type_=DateTime(timezone=True)),
        _all_or_one_of(Delegation.filing_types, Filing.type),
        _all_or_one_of(Delegation.organisations, Filing.organisation_id),
    ]
    if acting:
        found.append(Delegation.delegator == bindparam("delegator", type_=Text))
    return found


def _all_or_one_of(named: Any, value: Any) -> ColumnElement[bool]:
    return or_(func.cardinality(named) == 0, value == any_(named))


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
