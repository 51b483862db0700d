"""Ledgers of one summer, written as a handler would tell of them."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from shared import deadlines
from shared.calendar import WorkingCalendar
from shared.clock import SHANGHAI
from shared.deadlines import Ledger, Limit, Rung, TimeUnit, due_at
from tests.shared.notices import official

CALENDAR = WorkingCalendar(official(2025, 2026))
FIVE_DAYS = Limit(5, TimeUnit.WORKING_DAYS)
DAY = timedelta(hours=7)
HANDLER, CHIEF = "handler", "chief"


def at(text: str) -> datetime:
    """A moment of 2026 in Shanghai; 06-08 is the Monday of a week without a holiday."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI)


def started(text: str) -> Ledger:
    return (deadlines.start((), at=at(text), by=HANDLER),)


def paused(ledger: Ledger, text: str, limit: Limit = FIVE_DAYS) -> Ledger:
    entry = deadlines.pause(ledger, limit, CALENDAR, at=at(text), by=HANDLER, reason="补正")
    return (*ledger, entry)


def resumed(ledger: Ledger, text: str) -> Ledger:
    return (*ledger, deadlines.resume(ledger, at=at(text), by=HANDLER))


def extended(ledger: Ledger, text: str, amount: int = 5, limit: Limit = FIVE_DAYS) -> Ledger:
    entry = deadlines.extend(
        ledger,
        limit,
        CALENDAR,
        amount=amount,
        at=at(text),
        by=CHIEF,
        asked_by=HANDLER,
        reason="需现场核实",
    )
    return (*ledger, entry)


def stopped(ledger: Ledger, text: str) -> Ledger:
    return (*ledger, deadlines.stop(ledger, at=at(text), by=HANDLER))


def due_date(ledger: Ledger, limit: Limit = FIVE_DAYS) -> date | None:
    due = due_at(ledger, limit, CALENDAR)
    return due.local_date if due else None


RUNNING = started("06-08T10:00")
PAUSED = paused(RUNNING, "06-09T10:00")
STOPPED = stopped(RUNNING, "06-09T10:00")
LADDER = (
    Rung("halfway", fraction=Decimal("0.5"), office_hours=True),
    Rung("last_hours", offset=-timedelta(hours=10)),
    Rung("overdue", offset=timedelta()),
    Rung("urge", offset=timedelta(), office_hours=True),
    Rung("escalate", offset=timedelta(days=1)),
)
