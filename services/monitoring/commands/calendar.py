"""A calendar arrives: its days, and every due date that was counted without them (F4)."""

from datetime import date

from sqlalchemy import select, text

from services.monitoring.commands.finding_clocks import load_timing, open_clock, settle, show
from services.monitoring.commands.finding_records import subject_of
from services.monitoring.tables import Finding, FindingClock
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.events.catalog import CalendarImported
from shared.events.monitoring import RectificationDueDateRecomputed


async def import_calendar(tx: Transaction, told: CalendarImported) -> None:
    """Keep a year's table and recompute what was counted with the one before (F4)."""
    known = await tx.session.scalar(
        text("select version from calendar_years where year = :year"), {"year": told.year}
    )
    if known is not None and known >= told.version:
        return
    raw = await tx.raw()
    await raw.execute("delete from calendar_days where extract(year from day) = $1", told.year)
    days: list[tuple[date, str, str]] = told.days
    await raw.execute(
        "insert into calendar_days (day, kind, name)"
        " select * from unnest($1::date[], $2::text[], $3::text[])"
        " on conflict (day) do update set kind = excluded.kind, name = excluded.name",
        [day for day, _, _ in days],
        [kind for _, kind, _ in days],
        [name for _, _, name in days],
    )
    await raw.execute(
        "insert into calendar_years (year, status, source, version) values ($1, $2, $3, $4)"
        " on conflict (year) do update set status = excluded.status, source = excluded.source,"
        " version = excluded.version",
        told.year,
        told.status,
        told.source_document,
        told.version,
    )
    await _recompute(tx, year=told.year)


async def _recompute(tx: Transaction, *, year: int) -> None:
    """Count again every clock that has not stopped and touches that year; tell each new date."""
    rows = await tx.session.scalars(
        select(FindingClock)
        .where(
            FindingClock.state != ClockState.STOPPED,
            FindingClock.overdue_at.is_(None),
            FindingClock.calendar_version.contains(f"{year}="),
        )
        .order_by(FindingClock.id)
        .with_for_update()
    )
    timing = await load_timing(tx)
    for row in rows.all():
        before = (row.due_at, row.provisional)
        running = await open_clock(tx, row, timing)
        settle(tx, running)
        if row.due_at is None or (row.due_at, row.provisional) == before:
            continue
        finding = await tx.session.get_one(Finding, row.finding_id)
        previous = finding.due_at or row.due_at
        show(finding, running)
        finding.version += 1
        tx.emit(
            RectificationDueDateRecomputed(
                finding_id=finding.id,
                organisation_id=finding.organisation_id,
                previous_due_at=previous,
                due_at=row.due_at,
                provisional=row.provisional,
            ),
            subject=subject_of(finding),
            region=finding.region,
        )
