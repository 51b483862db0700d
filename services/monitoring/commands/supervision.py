"""Supervision of listed services: samples are drawn, checks made, failures ordered (A24.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.commands.finding_records import Raised, raise_finding
from services.monitoring.commands.policies import number, today
from services.monitoring.commands.rectifications import order_now
from services.monitoring.errors import (
    CheckedAlready,
    ListingUnwatched,
    NothingToSample,
    SampleNotFound,
    SupervisionInvalid,
)
from services.monitoring.rules.rectifications import FindingKind, Severity, Source
from services.monitoring.rules.sampling import ALGORITHM, VERSION, draw, population_digest
from services.monitoring.rules.supervision import Method, check_flaws
from services.monitoring.tables import KnownListing, SupervisionCheck, SupervisionSample
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import SampleDrawn, SupervisionChecked
from shared.security.access import Relation, check_relation
from shared.security.identity import scope_prefix
from shared.security.scope import visible

_LISTED = "LISTED"


async def draw_sample(
    tx: Transaction,
    relation: Relation,
    *,
    seed: str,
    size: int,
    region: str,
    organisation: str | None,
) -> SupervisionSample:
    """Of what is listed now in a region, or of one unit there; by the day and the seed alone."""
    check_relation(relation, tx.actor, organisation="", region=region, clause="A24.1")
    most = await number(tx, "sample_most")
    if size > most:
        flaw = FieldError("/size", "supervision.sample_too_large", {"most": most})
        raise SupervisionInvalid(errors=[flaw], clause="A24.1")
    population = await _population(tx, region, organisation)
    if not population:
        raise NothingToSample(region=region)
    day = today(tx)
    sample = SupervisionSample(
        id=uuid4(),
        organisation_id=tx.actor.organisation,
        region=region,
        of_organisation=organisation,
        seed=seed,
        drawn_on=day,
        algorithm=ALGORITHM,
        algorithm_version=VERSION,
        size=size,
        population_digest=population_digest(population),
        population=population,
        listing_ids=draw(population, seed=seed, day=day, size=size),
        drawn_by=tx.actor.subject,
        drawn_at=tx.now,
    )
    tx.session.add(sample)
    tx.emit(
        SampleDrawn(
            sample_id=sample.id,
            organisation_id=sample.organisation_id,
            seed=seed,
            drawn_on=day,
            algorithm=ALGORITHM,
            algorithm_version=VERSION,
            population=len(population),
            population_digest=sample.population_digest,
            drawn=len(sample.listing_ids),
        ),
        subject=f"sample:{sample.id}",
        region=region,
    )
    return sample


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """What a supervisor says of one listed service."""

    listing_id: UUID
    sample_id: UUID | None
    method: Method
    passed: bool
    kind: FindingKind | None
    severity: Severity
    summary: str
    evidence: Sequence[Mapping[str, Any]]
    walk_run_id: UUID | None


async def record_check(
    tx: Transaction, given: CheckEntry, *, relation: Relation
) -> SupervisionCheck:
    """Keep a check; what fails is a finding, whose rectification is ordered at once (A24.2)."""
    listing = await _listing(tx, given.listing_id)
    check_relation(
        relation,
        tx.actor,
        organisation=listing.organisation_id,
        region=listing.region,
        clause="A24.1",
    )
    _refuse_flaws(given)
    if given.sample_id is not None:
        await _check_sample(tx, given)
    check = SupervisionCheck(
        id=uuid4(),
        sample_id=given.sample_id,
        listing_id=listing.id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        method=given.method,
        passed=given.passed,
        summary=given.summary,
        evidence=[dict(each) for each in given.evidence],
        walk_run_id=given.walk_run_id,
        finding_id=None,
        checking_organisation=tx.actor.organisation,
        checked_by=tx.actor.subject,
        checked_at=tx.now,
    )
    if given.kind is not None and not given.passed:
        await _order(tx, check, given, given.kind)
    tx.session.add(check)
    tx.emit(
        SupervisionChecked(
            check_id=check.id,
            sample_id=check.sample_id,
            listing_id=check.listing_id,
            organisation_id=check.organisation_id,
            method=check.method,
            passed=check.passed,
            walk_run_id=check.walk_run_id,
            finding_id=check.finding_id,
        ),
        subject=f"supervision_check:{check.id}",
        region=check.region,
    )
    return check


async def _order(
    tx: Transaction, check: SupervisionCheck, given: CheckEntry, kind: FindingKind
) -> None:
    finding = raise_finding(
        tx,
        Raised(
            kind=kind,
            organisation_id=check.organisation_id,
            region=check.region,
            source=Source.SUPERVISION,
            listing_id=check.listing_id,
            source_id=f"check:{check.id}",
            about_id=check.id,
            severity=given.severity,
            summary=given.summary,
            evidence=given.evidence,
        ),
        by=tx.actor.organisation,
    )
    await order_now(tx, finding, opinion=given.summary)
    check.finding_id = finding.id


def _refuse_flaws(given: CheckEntry) -> None:
    errors = list(
        check_flaws(
            method=given.method,
            sampled=given.sample_id is not None,
            walked=given.walk_run_id is not None,
            passed=given.passed,
            kind=given.kind,
            evidence=len(given.evidence),
        )
    )
    if errors:
        raise SupervisionInvalid(errors=errors, clause="A24.1")


async def _population(tx: Transaction, region: str, organisation: str | None) -> list[UUID]:
    statement = select(KnownListing.id).where(
        KnownListing.state == _LISTED,
        KnownListing.region.startswith(scope_prefix(region), autoescape=True),
        visible(
            tx.actor,
            region=KnownListing.region.expression,
            organisation=KnownListing.organisation_id.expression,
        ),
    )
    if organisation is not None:
        statement = statement.where(KnownListing.organisation_id == organisation)
    return list((await tx.session.scalars(statement.order_by(KnownListing.id))).all())


async def _listing(tx: Transaction, listing_id: UUID) -> KnownListing:
    listing = await tx.session.scalar(
        select(KnownListing).where(
            KnownListing.id == listing_id,
            KnownListing.state == _LISTED,
            visible(
                tx.actor,
                region=KnownListing.region.expression,
                organisation=KnownListing.organisation_id.expression,
            ),
        )
    )
    if listing is None:
        raise ListingUnwatched(listing_id=listing_id)
    return listing


async def _check_sample(tx: Transaction, given: CheckEntry) -> None:
    """Its own sample, in which the listing was drawn, and not checked in this way before."""
    sample = await tx.session.scalar(
        select(SupervisionSample)
        .where(
            SupervisionSample.id == given.sample_id,
            SupervisionSample.organisation_id == tx.actor.organisation,
        )
        .with_for_update()
    )
    if sample is None:
        raise SampleNotFound(sample_id=given.sample_id)
    if given.listing_id not in sample.listing_ids:
        flaw = FieldError("/listing_id", "supervision.not_drawn")
        raise SupervisionInvalid(errors=[flaw], clause="A24.1")
    earlier = await tx.session.scalar(
        select(SupervisionCheck.id).where(
            SupervisionCheck.sample_id == sample.id,
            SupervisionCheck.listing_id == given.listing_id,
            SupervisionCheck.method == given.method,
        )
    )
    if earlier is not None:
        raise CheckedAlready(check_id=earlier)
