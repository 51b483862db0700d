"""What was seen by the hour, and what the test of government sites makes of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from services.monitoring.errors import ListingUnwatched
from services.monitoring.queries.probes import show_probe, shown_probes
from services.monitoring.rules.hours import HOUR, SiteRule, Visit, site_test
from services.monitoring.rules.probing import Purpose
from services.monitoring.schemas.hours import HourView, SiteTestView
from services.monitoring.tables import Probe, SampleHour
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset


async def list_hours(
    tx: Transaction, page: PageRequest, probe_id: UUID
) -> tuple[Sequence[HourView], str | None]:
    """The newest first; `probe_not_found` (404)."""
    await show_probe(tx, probe_id)
    rows = await tx.session.scalars(
        keyset(
            select(SampleHour).where(SampleHour.probe_id == probe_id),
            page,
            columns=[SampleHour.hour.expression, SampleHour.vantage.expression],
            kinds=[datetime.fromisoformat, str],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.hour, row.vantage))
    return [
        HourView(
            hour=each.hour,
            vantage=each.vantage,
            visits=each.visits,
            failed=each.failed,
            mean=each.total / each.visits,
            slowest=each.slowest,
        )
        for each in shown
    ], cursor


async def show_site_test(
    tx: Transaction, listing_id: UUID, *, rule: SiteRule, until: datetime | None
) -> SiteTestView:
    """By the listing's entry, the first vantage point of each hour; `listing_unwatched` (404)."""
    end = min(until or tx.now, tx.now)
    start = end - timedelta(days=rule.days)
    found = await tx.session.execute(
        shown_probes(tx).where(Probe.listing_id == listing_id, Probe.purpose == Purpose.ENTRY)
    )
    entry = found.first()
    if entry is None:
        raise ListingUnwatched(listing_id=listing_id)
    rows = await tx.session.scalars(
        select(SampleHour)
        .where(
            SampleHour.probe_id == entry.Probe.id,
            SampleHour.hour > start - HOUR,
            SampleHour.hour <= end,
        )
        .ext(distinct_on(SampleHour.hour))
        .order_by(SampleHour.hour, SampleHour.first_at)
    )
    visits = [
        Visit(each.first_at, each.first_opened, each.first_opened, each.first_total)
        for each in rows
        if start < each.first_at <= end
    ]
    result = site_test(visits, rule, until=end)
    return SiteTestView(
        listing_id=listing_id,
        since=start,
        until=end,
        verdict=result.verdict,
        visits=result.visits,
        failures=result.failures,
        short_days=result.short_days,
        visits_a_day=rule.visits,
        limit_seconds=int(rule.longest / 1000),
        failing_share=rule.share,
    )
