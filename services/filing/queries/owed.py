"""Oral reports, emergency delistings and obligations with their clocks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text

from services.filing.errors import (
    EmergencyDelistingNotFound,
    ObligationNotFound,
    OralReportNotFound,
)
from services.filing.schemas import (
    ClockView,
    EmergencyView,
    GatewayView,
    NoticeView,
    ObligationView,
    OralReportView,
)
from services.filing.schemas.views import ClockEntryView, RungView
from services.filing.tables import (
    Clock,
    ClockEntry,
    EmergencyDelisting,
    Filing,
    LadderRung,
    Obligation,
    OralReport,
)
from shared import deadlines
from shared.calendar import CalendarDay, CalendarStatus, DayKind, WorkingCalendar
from shared.database import Transaction
from shared.deadlines import Limit, TimeUnit
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible

Scoped = type[OralReport] | type[EmergencyDelisting] | type[Obligation]


def _seen(tx: Transaction, table: Scoped) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=table.region.expression,
        organisation=table.organisation_id.expression,
    )


async def show_oral_report(tx: Transaction, oral_report_id: UUID) -> OralReportView:
    """`oral_report_not_found` (404) where there is none that the caller sees."""
    await tx.session.flush()
    row = await tx.session.scalar(
        select(OralReport).where(OralReport.id == oral_report_id, _seen(tx, OralReport))
    )
    if row is None:
        raise OralReportNotFound(oral_report_id=oral_report_id)
    return OralReportView.model_validate(row)


async def show_emergency(tx: Transaction, filing_id: UUID) -> EmergencyView:
    """Order, notice, gateway and obligation in one record (C8)."""
    await tx.session.flush()
    order = await tx.session.scalar(
        select(EmergencyDelisting).where(
            EmergencyDelisting.id == filing_id, _seen(tx, EmergencyDelisting)
        )
    )
    obligation = await tx.session.scalar(
        select(Obligation).where(Obligation.filing_id == filing_id)
    )
    if order is None or obligation is None:
        raise EmergencyDelistingNotFound(filing_id=filing_id)
    revoked = await tx.session.scalars(
        select(Filing.id).where(Filing.revoked_by == order.id).order_by(Filing.id)
    )
    return EmergencyView.model_validate(
        {
            **{name: getattr(order, name) for name in _OF_THE_ORDER},
            "oral_report": await show_oral_report(tx, order.oral_report_id),
            "notice": NoticeView(id=order.notice_id, published_at=order.notice_published_at)
            if order.notice_id and order.notice_published_at
            else None,
            "gateway": GatewayView(
                state="CLOSED" if order.delisted_at else "CLOSING", delisted_at=order.delisted_at
            ),
            "obligation": await _obligation_view(tx, obligation),
            "written_filing_id": obligation.fulfilled_by,
            "revoked_filings": list(revoked),
        }
    )


_OF_THE_ORDER = (
    "id",
    "number",
    "listing_id",
    "organisation_id",
    "region",
    "reason_class",
    "on_order_of",
    "ordering_organisation",
    "ordered_at",
    "notice_text",
    "alternative_channel",
    "version",
)


async def list_obligations(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str | None,
    open_only: bool | None,
    breached: bool | None,
    addressed_to: str | None,
) -> tuple[Sequence[ObligationView], str | None]:
    """The newest first, with their ladders and without their ledgers."""
    found = [_seen(tx, Obligation)]
    if organisation is not None:
        found.append(Obligation.organisation_id == organisation)
    if open_only is not None:
        unpaid = Obligation.fulfilled_at.is_(None)
        found.append(unpaid if open_only else ~unpaid)
    if breached is not None:
        whole = Obligation.breached_at.is_(None)
        found.append(~whole if breached else whole)
    if addressed_to is not None:
        at_the_unit = select(LadderRung.obligation_id).where(
            LadderRung.organisation_id == addressed_to
        )
        found.append(Obligation.id.in_(at_the_unit))
    statement = keyset(
        select(Obligation).where(*found),
        page,
        columns=[Obligation.opened_at.expression, Obligation.id.expression],
        kinds=[datetime.fromisoformat, UUID],
        descending=True,
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.opened_at, row.id)
    )
    ladders = await _ladders(tx, rows)
    return [_plain(row, ladders[row.id]) for row in rows], cursor


async def show_obligation(tx: Transaction, obligation_id: UUID) -> ObligationView:
    """With its clock; `obligation_not_found` (404)."""
    row = await tx.session.scalar(
        select(Obligation).where(Obligation.id == obligation_id, _seen(tx, Obligation))
    )
    if row is None:
        raise ObligationNotFound(obligation_id=obligation_id)
    return await _obligation_view(tx, row)


def _plain(
    row: Obligation, ladder: Sequence[RungView], clock: ClockView | None = None
) -> ObligationView:
    values = {
        name: getattr(row, name)
        for name in ObligationView.model_fields
        if name not in ("state", "ladder", "clock")
    }
    state = "OPEN" if row.fulfilled_at is None else "FULFILLED"
    return ObligationView.model_validate(
        {**values, "state": state, "ladder": ladder, "clock": clock}
    )


async def _ladders(
    tx: Transaction, obligations: Sequence[Obligation]
) -> Mapping[UUID, list[RungView]]:
    """The fired rungs of each, in one statement, the earliest first."""
    domains = {each.id: each.domain for each in obligations}
    rows = await tx.session.scalars(
        select(LadderRung)
        .where(LadderRung.obligation_id.in_(domains))
        .order_by(LadderRung.fired_at, LadderRung.rung)
    )
    found: dict[UUID, list[RungView]] = {id_: [] for id_ in domains}
    for row in rows:
        found[row.obligation_id].append(_rung_view(row, domains[row.obligation_id]))
    return found


def _rung_view(row: LadderRung, domain: str) -> RungView:
    holder = {"organisation_id": row.organisation_id, "domain": domain}
    to = {**holder, "post": row.post, "person_id": row.person_id} if row.person_id else None
    return RungView.model_validate(
        {
            "rung": row.rung,
            "level": row.level,
            "fired_at": row.fired_at,
            "to": to,
            "skipped": row.skipped,
        }
    )


async def _obligation_view(tx: Transaction, obligation: Obligation) -> ObligationView:
    last = select(func.max(ClockEntry.number)).where(ClockEntry.clock_id == Clock.id)
    row = await tx.session.scalar(
        select(Clock)
        .where(Clock.record_id == obligation.id)
        .order_by(last.scalar_subquery().desc())
        .limit(1)
    )
    ladder = (await _ladders(tx, [obligation]))[obligation.id]
    return _plain(obligation, ladder, await _clock_view(tx, row) if row is not None else None)


async def _clock_view(tx: Transaction, row: Clock) -> ClockView:
    entries = (
        await tx.session.scalars(
            select(ClockEntry).where(ClockEntry.clock_id == row.id).order_by(ClockEntry.number)
        )
    ).all()
    ledger = [
        deadlines.ClockEntry(deadlines.ClockKind(entry.kind), entry.at, entry.by, entry.reason)
        for entry in entries
    ]
    limit = Limit(row.amount, TimeUnit(row.unit))
    left = deadlines.remaining(ledger, limit, await _calendar(tx), tx.now)
    return ClockView(
        state=row.state,
        limit=row.amount,
        unit=row.unit,
        due_at=row.due_at,
        provisional=row.provisional,
        calendar_version=row.calendar_version,
        entries=[ClockEntryView.model_validate(entry) for entry in entries],
        remaining_seconds=int(left.total_seconds()),
        fired=row.fired,
        next_due_at=row.next_due_at,
    )


async def _calendar(tx: Transaction) -> WorkingCalendar:
    rows = await tx.session.execute(
        text(
            "select day, kind, coalesce(status, 'PROVISIONAL') as status, coalesce(version, 0)"
            " as version from calendar_days left join calendar_years"
            " on year = extract(year from day)"
        )
    )
    return WorkingCalendar(
        CalendarDay(row.day, DayKind(row.kind), CalendarStatus(row.status), f"v{row.version}")
        for row in rows
    )
