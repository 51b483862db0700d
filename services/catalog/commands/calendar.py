"""The working calendar: a year's notice comes in, and is told to every service (F4)."""

from sqlalchemy import text

from services.catalog.errors import CalendarOfficial, CalendarWrong
from services.catalog.rules.calendar import CalendarYear
from services.catalog.schemas.calendar import CalendarInput
from shared.calendar import CalendarDay, CalendarStatus, DayKind, WorkingCalendar
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import CalendarImported, CalendarMissing
from shared.security.identity import PROVINCE_REGION

_SATURDAY = 5


async def import_calendar_year(tx: Transaction, year: int, given: CalendarInput) -> CalendarYear:
    """Replace a year's table; importing the same again changes nothing and tells nothing.

    Raises `calendar_wrong` (422) and, for a provisional table over an official one,
    `calendar_official` (409).
    """
    await tx.session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('calendar', :year))"), {"year": year}
    )
    current = await _current(tx, year)
    tx.expect(0 if current is None else current.version)
    _refuse_wrong(year, given)
    days = tuple(sorted((each.date, each.kind.value, each.name) for each in given.days))
    if current is not None:
        if (current.status, current.source, current.days) == (given.status, given.source, days):
            return current
        if current.status == CalendarStatus.OFFICIAL and given.status != CalendarStatus.OFFICIAL:
            raise CalendarOfficial(year=year)
    fresh = CalendarYear(
        year, given.status, given.source, 1 if current is None else current.version + 1, days
    )
    await _write(tx, fresh)
    tx.emit(
        CalendarImported(
            year=year,
            status=fresh.status,
            source_document=fresh.source,
            version=fresh.version,
            days=list(days),
        ),
        subject=f"calendar:{year}",
        region=PROVINCE_REGION,
    )
    return fresh


async def tell_missing_year(tx: Transaction, year: int) -> None:
    """The next year has no official table although its notice is due."""
    tx.emit(CalendarMissing(year=year), subject=f"calendar:{year}", region=PROVINCE_REGION)


def _refuse_wrong(year: int, given: CalendarInput) -> None:
    """The days lie in the year, once each, and a make-up day on a weekend."""
    errors = []
    seen = set()
    for place, each in enumerate(given.days):
        weekend = each.date.weekday() >= _SATURDAY
        if each.date.year != year:
            errors.append(FieldError(f"/days/{place}/date", "calendar_other_year", {"year": year}))
        elif each.date in seen:
            errors.append(FieldError(f"/days/{place}/date", "field_repeated"))
        elif each.kind is DayKind.WORKDAY and not weekend:
            errors.append(FieldError(f"/days/{place}/kind", "calendar_workday"))
        seen.add(each.date)
    if errors:
        raise CalendarWrong(errors=errors)
    try:
        WorkingCalendar(CalendarDay(d.date, d.kind, given.status, "v1") for d in given.days)
    except ValueError as wrong:
        raise CalendarWrong(
            errors=[FieldError("/days", "calendar_incomplete", {"year": year})]
        ) from wrong


async def _current(tx: Transaction, year: int) -> CalendarYear | None:
    head = (
        await tx.session.execute(
            text("select status, source, version from calendar_years where year = :year"),
            {"year": year},
        )
    ).one_or_none()
    if head is None:
        return None
    days = await tx.session.execute(
        text(
            "select day, kind, name from calendar_days"
            " where extract(year from day) = :year order by day"
        ),
        {"year": year},
    )
    return CalendarYear(
        year, head.status, head.source, head.version, tuple((d.day, d.kind, d.name) for d in days)
    )


async def _write(tx: Transaction, year: CalendarYear) -> None:
    await tx.session.execute(
        text("delete from calendar_days where extract(year from day) = :year"), {"year": year.year}
    )
    await tx.session.execute(
        text("insert into calendar_days (day, kind, name) values (:day, :kind, :name)"),
        [{"day": day, "kind": kind, "name": name} for day, kind, name in year.days],
    )
    await tx.session.execute(
        text(
            "insert into calendar_years (year, status, source, version)"
            " values (:year, :status, :source, :version) on conflict (year) do update"
            " set status = excluded.status, source = excluded.source, version = excluded.version"
        ),
        {
            "year": year.year,
            "status": year.status,
            "source": year.source,
            "version": year.version,
        },
    )
