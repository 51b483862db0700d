"""Reviews: recorded by units or for security, and found missing when they are (A14.2, A20.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, select

from services.monitoring.commands.automatic import find, find_once
from services.monitoring.commands.electronic import settle
from services.monitoring.commands.finding_clocks import load_calendar
from services.monitoring.commands.finding_records import Raised
from services.monitoring.commands.policies import policies_now, today
from services.monitoring.errors import OrganisationUnknown, ReviewInvalid, ReviewRecorded
from services.monitoring.rules.periods import Period, days_of, last_ended, period_of
from services.monitoring.rules.rectifications import PLATFORM, FindingKind, Severity, Source
from services.monitoring.rules.reviews import (
    OWING,
    RECURRING,
    Recurring,
    ReviewKind,
    is_security,
    missing_id,
)
from services.monitoring.tables import Finding, KnownOrganisation, Review
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import ReviewRecorded as ReviewRecordedFact
from shared.security.access import OutsideRemit, Relation, check_relation

_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Issue:
    """What a review found."""

    kind: FindingKind
    severity: Severity
    summary: str


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """What is said of one review; without a unit it is the actor's own."""

    kind: ReviewKind
    organisation_id: str | None
    period: str
    summary: str
    issues: Sequence[Issue]
    evidence: Sequence[Mapping[str, Any]]


async def record_review(tx: Transaction, given: ReviewEntry, *, relation: Relation) -> Review:
    """Keep it; each issue is a finding that is ordered at once (A14.2, A20.3).

    `review_recorded` (409) for the second of a period. Only security is inspected by others.
    """
    unit = await _unit(tx, given, relation)
    await _check_period(tx, given)
    if given.kind in RECURRING:
        earlier = await tx.session.scalar(
            select(Review.id).where(
                Review.organisation_id == unit.id,
                Review.kind == given.kind,
                Review.period == given.period,
            )
        )
        if earlier is not None:
            raise ReviewRecorded(review_id=earlier, period=given.period)
    review = Review(
        id=uuid4(),
        kind=given.kind,
        organisation_id=unit.id,
        region=unit.region,
        period=given.period,
        summary=given.summary,
        issues=[
            {"kind": each.kind, "severity": each.severity, "summary": each.summary}
            for each in given.issues
        ],
        evidence=[dict(each) for each in given.evidence],
        recording_organisation=tx.actor.organisation,
        recorded_by=tx.actor.subject,
        recorded_at=tx.now,
    )
    tx.session.add(review)
    tx.emit(
        ReviewRecordedFact(
            review_id=review.id,
            kind=review.kind,
            organisation_id=review.organisation_id,
            period=review.period,
            issues=len(given.issues),
        ),
        subject=f"review:{review.id}",
        region=review.region,
    )
    await _find_issues(tx, review, given)
    await _settle_missing(tx, review)
    return review


async def find_missing_reviews(tx: Transaction) -> None:
    """Each unit without its review of the last period, some days after that, is one finding."""
    calendar = await load_calendar(tx)
    policies = await policies_now(tx)
    for kind, owed in RECURRING.items():
        period = period_of(policies[owed.period_policy].value)
        name, last = last_ended(period, today=today(tx))
        end = datetime.combine(last, time(23, 59), SHANGHAI)
        days = int(policies[owed.due_policy].value)
        if calendar.add_working_days(end, days).at <= tx.now:
            await _find_missing(tx, kind, owed, name, begun=period.first_day(last))


async def _find_missing(
    tx: Transaction, kind: ReviewKind, owed: Recurring, period: str, *, begun: date
) -> None:
    """A unit that came in the middle of the period owes nothing for it."""
    done = exists().where(
        Review.organisation_id == KnownOrganisation.id,
        Review.kind == kind,
        Review.period == period,
    )
    known = exists().where(
        Finding.source == owed.source,
        Finding.raising_organisation == PLATFORM,
        Finding.source_id == f"missing:{kind}:" + KnownOrganisation.id + f":{period}",
    )
    units = await tx.session.scalars(
        select(KnownOrganisation)
        .where(
            KnownOrganisation.active,
            KnownOrganisation.kind.in_(sorted(OWING)),
            KnownOrganisation.since < datetime.combine(begun, time(), SHANGHAI),
            ~done,
            ~known,
        )
        .order_by(KnownOrganisation.id)
        .limit(_AT_ONCE)
    )
    for unit in units.all():
        await find_once(
            tx,
            Raised(
                kind=owed.missing,
                organisation_id=unit.id,
                region=unit.region,
                source=owed.source,
                source_id=missing_id(kind, unit.id, period),
                summary=period,
            ),
        )


async def _find_issues(tx: Transaction, review: Review, given: ReviewEntry) -> None:
    source = Source.SECURITY if is_security(given.kind) else Source.INSPECTION
    for number, issue in enumerate(given.issues):
        await find(
            tx,
            Raised(
                kind=issue.kind,
                organisation_id=review.organisation_id,
                region=review.region,
                source=source,
                source_id=f"{review.id}:{number}",
                about_id=review.id,
                severity=issue.severity,
                summary=issue.summary,
                evidence=given.evidence,
            ),
        )


async def _settle_missing(tx: Transaction, review: Review) -> None:
    """It was missing and is there: late stays late, but the finding can be closed."""
    owed = RECURRING.get(ReviewKind(review.kind))
    if owed is None:
        return
    finding = await tx.session.scalar(
        select(Finding)
        .where(
            Finding.source == owed.source,
            Finding.raising_organisation == PLATFORM,
            Finding.source_id
            == missing_id(ReviewKind(review.kind), review.organisation_id, review.period),
            Finding.closed_at.is_(None),
        )
        .with_for_update()
    )
    if finding is not None:
        settle(tx, finding, holds=True)


async def _unit(tx: Transaction, given: ReviewEntry, relation: Relation) -> KnownOrganisation:
    id_ = given.organisation_id or tx.actor.organisation
    unit = await tx.session.get(KnownOrganisation, id_, with_for_update=True)
    if unit is None or not unit.active:
        raise OrganisationUnknown(
            organisation=id_, errors=[FieldError("/organisation_id", OrganisationUnknown.code)]
        )
    if unit.id != tx.actor.organisation and given.kind is not ReviewKind.SECURITY_INSPECTION:
        raise OutsideRemit(organisation=tx.actor.organisation, clause="A14.2")
    check_relation(relation, tx.actor, organisation=unit.id, region=unit.region, clause="A20.3")
    return unit


async def _check_period(tx: Transaction, given: ReviewEntry) -> None:
    """Of its own length, begun, and of the last two years; security is inspected on a day."""
    owed = RECURRING.get(given.kind)
    period = Period.DAY
    if owed is not None:
        period = period_of((await policies_now(tx))[owed.period_policy].value)
    day = today(tx)
    errors = []
    if days_of(period, given.period, today=day) is None:
        errors.append(FieldError("/period", "review.period_wrong", {"period": period}))
    wanted = FindingKind.SECURITY_WEAKNESS
    for number, issue in enumerate(given.issues):
        if is_security(given.kind) is not (issue.kind is wanted):
            errors.append(FieldError(f"/issues/{number}/kind", "review.kind_wrong"))
    if errors:
        raise ReviewInvalid(errors=errors, clause="A14.2")
