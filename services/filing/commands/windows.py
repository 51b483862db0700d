"""Windows for upgrades and major events: planned, changed and ended by filing (A16.3)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from services.filing import rules
from services.filing.commands import clocks
from services.filing.commands.records import policies_now
from services.filing.errors import WindowNotFound, WindowOver
from services.filing.rules import LEAD, WINDOW, WindowAction, WindowState
from services.filing.tables import Filing, LiveListing, Round, Window
from shared import deadlines
from shared.database import Transaction
from shared.deadlines import ClockEntry, ClockKind
from shared.events.filing import WindowCancelled, WindowEnded, WindowPlanned


def window_subject(filing: Filing) -> str:
    return f"window:{filing.content['window_id'] or filing.id}"


async def check_window(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    hours = int((await policies_now(tx))["window_longest"].value)
    unknown = await foreign_listings(tx, filing, organisation)
    longest = timedelta(hours=hours)
    return list(rules.window_flaws(filing.content, now=tx.now, longest=longest, unknown=unknown))


async def foreign_listings(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[int]:
    """The places in `listing_ids` that name no live listing of this unit."""
    named = [UUID(each) for each in filing.content["listing_ids"]]
    if not named:
        return []
    own = set(
        await tx.session.scalars(
            select(LiveListing.id).where(
                LiveListing.id.in_(named),
                LiveListing.organisation_id == organisation.id,
                LiveListing.state != "DELISTED",
            )
        )
    )
    return [place for place, id_ in enumerate(named) if id_ not in own]


async def may_step(tx: Transaction, filing: Filing) -> None:
    """A later step is about a planned window of this unit and type, and fits where it stands."""
    if filing.content["action"] != WindowAction.PLAN:
        window = await _window(tx, filing)
        flaws = list(
            rules.step_flaws(
                filing.content, starts_at=window.starts_at, ends_at=window.ends_at, now=tx.now
            )
        )
        if flaws:
            raise rules.refusal(flaws)


async def step(tx: Transaction, filing: Filing) -> None:
    """Accepted: monitoring hears of the window, its change, or its end (F7)."""
    match WindowAction(filing.content["action"]):
        case WindowAction.PLAN:
            window = Window(
                id=filing.id,
                filing_type=filing.type,
                organisation_id=filing.organisation_id,
                region=filing.region,
                state=WINDOW.initial,
                change=0,
                short_notice=False,
                version=0,
            )
            await _shape(tx, window, filing)
            tx.session.add(window)
        case WindowAction.CHANGE:
            window = await _after(tx, filing)
            await _shape(tx, window, filing)
        case WindowAction.CANCEL:
            window = await _after(tx, filing)
            tx.emit(
                WindowCancelled(
                    window_id=window.id,
                    filing_id=filing.id,
                    organisation_id=window.organisation_id,
                ),
                subject=f"window:{window.id}",
                region=window.region,
            )
        case WindowAction.END:
            window = await _after(tx, filing)
            window.ended_at = datetime.fromisoformat(filing.content["ended_at"])
            tx.emit(
                WindowEnded(
                    window_id=window.id,
                    filing_id=filing.id,
                    organisation_id=window.organisation_id,
                    ended_at=window.ended_at,
                ),
                subject=f"window:{window.id}",
                region=window.region,
            )
    window.version += 1


async def _after(tx: Transaction, filing: Filing) -> Window:
    window = await _window(tx, filing)
    window.state = WINDOW.after(
        WindowState(window.state), WindowAction(filing.content["action"]), tx.actor.role
    )
    window.filing_id = filing.id
    return window


async def _shape(tx: Transaction, window: Window, filing: Filing) -> None:
    content = filing.content
    window.filing_id = filing.id
    window.title, window.kind = content["title"], content["kind"]
    window.listing_ids = [UUID(each) for each in content["listing_ids"]]
    window.starts_at = datetime.fromisoformat(content["starts_at"])
    window.ends_at = datetime.fromisoformat(content["ends_at"])
    window.impact = content["impact"]
    window.change += 1
    window.filed_at = await _first_sent(tx, filing)
    lead = (await policies_now(tx))[LEAD[filing.type]].limit()
    sent = ClockEntry(ClockKind.STARTED, window.filed_at, filing.organisation_id)
    needed = deadlines.due_at([sent], lead, await clocks.load_calendar(tx))
    short = needed is None or window.starts_at < needed.at
    window.short_notice = window.short_notice or short
    tx.emit(
        WindowPlanned(
            window_id=window.id,
            filing_id=filing.id,
            filing_type=filing.type,
            kind=window.kind,
            organisation_id=window.organisation_id,
            listing_ids=window.listing_ids,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            impact=window.impact,
            change=window.change,
            filed_at=window.filed_at,
            short_notice=window.short_notice,
        ),
        subject=f"window:{window.id}",
        region=window.region,
    )


async def _first_sent(tx: Transaction, filing: Filing) -> datetime:
    """Notice was given when the thread began: a correction does not make it late."""
    first = await tx.session.scalar(
        select(func.min(Round.submitted_at)).where(Round.filing_id == filing.id)
    )
    return first or tx.now


async def _window(tx: Transaction, filing: Filing) -> Window:
    window = await tx.session.scalar(
        select(Window)
        .where(
            Window.id == UUID(filing.content["window_id"]),
            Window.organisation_id == filing.organisation_id,
            Window.filing_type == filing.type,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if window is None:
        raise WindowNotFound(window_id=filing.content["window_id"])
    if window.state != WindowState.PLANNED:
        raise WindowOver(clause="A16.3", window_id=window.id, state=window.state)
    return window
