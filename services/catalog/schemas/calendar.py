"""The working calendar of a year, as the State Council's notice gives it (F4)."""

from typing import Annotated

from pydantic import Field

from services.catalog.schemas.fields import Body, Day, Line, Name, View, example, shown
from shared.calendar import CalendarStatus, DayKind

_YEAR = {
    "status": "PROVISIONAL",
    "source": "全国年节及纪念日放假办法",
    "days": [
        {"date": "2027-01-01", "kind": "HOLIDAY", "name": "元旦"},
        {"date": "2027-05-01", "kind": "HOLIDAY", "name": "劳动节"},
        {"date": "2027-10-01", "kind": "HOLIDAY", "name": "国庆节"},
    ],
}


class CalendarDayInput(Body):
    date: Day
    kind: DayKind
    name: Name


class CalendarInput(Body):
    """The days that differ from Monday to Friday; If-Match `*` for the first import of a year."""

    model_config = example(_YEAR)

    status: CalendarStatus
    source: Line
    days: Annotated[list[CalendarDayInput], Field(min_length=1, max_length=366)]


class CalendarDayView(View):
    date: Day
    kind: str
    name: str


class CalendarView(View):
    model_config = shown({"year": 2027, "version": 1, **_YEAR})

    year: int
    status: str
    source: str
    version: int
    days: list[CalendarDayView]
