"""A calendar arrives: its days, and every due date that was counted without them (F4)."""

from datetime import date, datetime

from sqlalchemy import select, text

from services.filing.commands import clocks
from services.filing.tables import Clock, Filing, Obligation
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.events.filing import DueDateRecomputed


async def import_calendar(
    tx: Transaction,
    *,
    year: int,
    status: str,
    source: str,
    version: int,
    days: list[tuple[date, str, str]],
) -> None:
    """Keep a year's table and recompute what was counted with the one before (F4)."""
    if await keep_calendar(tx, year=year, status=status, source=source, version=version, days=days):
        await recompute_due_dates(tx, year=year)


async def keep_calendar(
    tx: Transaction,
    *,
    year: int,
    status: str,
    source: str,
    version: int,
    days: list[tuple[date, str, str]],
) -> bool:
    """Keep a year's table alone; False when it, or a later one, is kept already."""
    known = await tx.session.scalar(
        text("select version from calendar_years where year = :year"), {"year": year}
    )
    if known is not None and known >= version:
        return False
    raw = await tx.raw()
    await raw.execute("delete from calendar_days where extract(year from day) = $1", year)
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
        year,
        status,
        source,
        version,
    )
    return True


async def recompute_due_dates(tx: Transaction, *, year: int) -> int:
    """Count again every clock that has not stopped and touches that year; tell each new date."""
    rows = await tx.session.scalars(
        select(Clock)
        .where(
            Clock.state != ClockState.STOPPED,
            Clock.overdue_at.is_(None),
            Clock.calendar_version.contains(f"{year}="),
        )
        .order_by(Clock.id)
        .with_for_update()
    )
    changed, timing = 0, await clocks.load_timing(tx)
    for row in rows.all():
        before = (row.due_at, row.provisional)
        running = await clocks.open_clock(tx, row, timing)
        clocks.settle(tx, running)
        if row.due_at is not None and (row.due_at, row.provisional) != before:
            await tell_new_date(tx, row, previous=before[0])
            changed += 1
    return changed


async def tell_new_date(tx: Transaction, row: Clock, *, previous: datetime | None) -> None:
    """Copy a clock's new due date to its record, and tell it."""
    assert row.due_at is not None  # noqa: S101 the caller has looked
    record: Filing | Obligation | None
    if row.record == "filing":
        record = await tx.session.get(Filing, row.record_id)
    else:
        record = await tx.session.get(Obligation, row.record_id)
    if record is None:
        return
    record.due_at = row.due_at
    record.provisional = row.provisional
    record.version += 1
    tx.emit(
        DueDateRecomputed(
            record_id=record.id,
            previous_due_at=previous or row.due_at,
            due_at=row.due_at,
            provisional=row.provisional,
            calendar_version=row.calendar_version,
        ),
        subject=f"{row.record}:{record.id}",
        region=record.region,
    )
