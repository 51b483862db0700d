"""The working calendar as it stands."""

from sqlalchemy import text

from services.catalog.errors import CalendarYearNotFound
from services.catalog.rules.calendar import CalendarYear
from services.catalog.schemas.calendar import CalendarDayView, CalendarView
from shared.calendar import CalendarStatus
from shared.database import Transaction


async def get_year(tx: Transaction, year: int) -> CalendarYear:
    """A year's table, or `calendar_year_not_found` (404)."""
    found = await find_year(tx, year)
    if found is None:
        raise CalendarYearNotFound(year=year)
    return found


async def find_year(tx: Transaction, year: int) -> CalendarYear | None:
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


async def is_official(tx: Transaction, year: int) -> bool:
    found = await find_year(tx, year)
    return found is not None and found.status == CalendarStatus.OFFICIAL


def calendar_view(year: CalendarYear) -> CalendarView:
    return CalendarView(
        year=year.year,
        status=year.status,
        source=year.source,
        version=year.version,
        days=[CalendarDayView(date=day, kind=kind, name=name) for day, kind, name in year.days],
    )
