"""Bulletins (通报): what stood of a period, frozen as it is published (A14.2)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select

from services.monitoring.commands.policies import policies_now, today
from services.monitoring.errors import (
    BulletinInvalid,
    BulletinPublished,
    NothingToReport,
    PeriodNotOver,
)
from services.monitoring.rules.periods import days_of, period_of
from services.monitoring.rules.reviews import OWING
from services.monitoring.tables import Bulletin
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import BulletinPublished as BulletinPublishedFact
from shared.security.access import Relation, check_relation
from shared.security.canonical import digest
from shared.security.identity import scope_prefix

# Of each unit of the region what was found in the period, and what stands of that now.
_FIGURES: Final = """
    select unit.id as organisation_id,
        count(finding.id) as found,
        count(finding.ordered_at) as ordered,
        count(finding.overdue_at) as overdue,
        count(finding.id) filter (where finding.state = 'CLOSED') as rectified,
        count(finding.id) filter (where finding.state <> 'CLOSED') as still_open,
        count(finding.id) filter (where finding.kind = 'RUN_MISSED') as inspections_missed,
        exists (select from reviews where reviews.organisation_id = unit.id
            and reviews.kind = 'SELF_INSPECTION' and reviews.period = $4) as self_inspected
    from known_organisations unit
    left join findings finding on finding.organisation_id = unit.id
        and finding.raised_at >= $2 and finding.raised_at < $3
    where unit.active and unit.region like $1 || '%' and unit.kind = any($5)
    group by unit.id order by unit.id
"""


async def publish_bulletin(
    tx: Transaction, relation: Relation, *, region: str, period: str, title: str, text: str
) -> Bulletin:
    """Once for a region and period, when it is over; later changes do not reach it."""
    check_relation(relation, tx.actor, organisation="", region=region, clause="A14.2")
    first, last = await _days(tx, period)
    if last >= today(tx):
        raise PeriodNotOver(period=period, last_day=last)
    await (await tx.raw()).execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 5))",
        f"{tx.actor.organisation}|{region}|{period}",
    )
    earlier = await tx.session.scalar(
        select(Bulletin.id).where(
            Bulletin.organisation_id == tx.actor.organisation,
            Bulletin.region == region,
            Bulletin.period == period,
        )
    )
    if earlier is not None:
        raise BulletinPublished(bulletin_id=earlier)
    figures = await _figures(tx, region, period, first, last)
    if not figures:
        raise NothingToReport(region=region)
    bulletin = Bulletin(
        id=uuid4(),
        organisation_id=tx.actor.organisation,
        region=region,
        period=period,
        title=title,
        text=text,
        units=[each["organisation_id"] for each in figures],
        figures=list(figures),
        digest=digest(
            {"region": region, "period": period, "figures": list(figures)}, algorithm=tx.algorithm
        ),
        published_by=tx.actor.subject,
        published_at=tx.now,
    )
    tx.session.add(bulletin)
    tx.emit(
        BulletinPublishedFact(
            bulletin_id=bulletin.id,
            organisation_id=bulletin.organisation_id,
            period=period,
            units=bulletin.units,
            digest=bulletin.digest,
        ),
        subject=f"bulletin:{bulletin.id}",
        region=region,
    )
    return bulletin


async def _days(tx: Transaction, name: str) -> tuple[date, date]:
    period = period_of((await policies_now(tx))["bulletin_period"].value)
    found = days_of(period, name, today=today(tx))
    if found is None:
        flaw = FieldError("/period", "review.period_wrong", {"period": period})
        raise BulletinInvalid(errors=[flaw], clause="A14.2")
    return found


async def _figures(
    tx: Transaction, region: str, period: str, first: date, last: date
) -> Sequence[dict[str, Any]]:
    rows = await (await tx.raw()).fetch(
        _FIGURES,
        scope_prefix(region),
        datetime.combine(first, time(), SHANGHAI),
        datetime.combine(last + timedelta(days=1), time(), SHANGHAI),
        period,
        sorted(OWING),
    )
    return [dict(row) for row in rows]
