"""Findings: recorded by people, or by the clock for a live listing without a live probe (M9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.monitoring.commands.finding_records import (
    Raised,
    close,
    keep,
    move,
    raise_finding,
)
from services.monitoring.commands.rectifications import lapse, order_now
from services.monitoring.errors import (
    FindingInvalid,
    ListingUnwatched,
    OrganisationUnknown,
    SourceTaken,
)
from services.monitoring.rules.rectifications import (
    KINDS,
    FindingAction,
    FindingKind,
    FindingState,
    Party,
    Retest,
    Severity,
    Source,
)
from services.monitoring.tables import Finding, KnownListing, KnownOrganisation
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.access import Relation, check_relation
from shared.security.scope import visible

RESOLVED, UNLISTED = "RESOLVED", "UNLISTED"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class FindingEntryGiven:
    """What a supervisor, an inspector or another system says that it found."""

    organisation_id: str
    listing_id: UUID | None
    kind: FindingKind
    source: Source
    source_id: str | None
    severity: Severity
    summary: str
    evidence: Sequence[Mapping[str, Any]]


async def record_finding(
    tx: Transaction, given: FindingEntryGiven, *, relation: Relation, order: bool
) -> Finding:
    """Keep a finding, and order its rectification at once where asked (A16.2, A24.2).

    A source that tells again of the same gets what stands (`source_taken`, 409, if it differs).
    """
    unit = await tx.session.get(KnownOrganisation, given.organisation_id)
    if unit is None or not unit.active:
        raise OrganisationUnknown(
            organisation=given.organisation_id,
            errors=[FieldError("/organisation_id", OrganisationUnknown.code)],
        )
    check_relation(relation, tx.actor, organisation=unit.id, region=unit.region, clause="A4.1")
    earlier = await _told_before(tx, given)
    if earlier is not None:
        return earlier
    await _check(tx, given)
    finding = raise_finding(
        tx,
        Raised(
            kind=given.kind,
            organisation_id=unit.id,
            region=unit.region,
            source=given.source,
            listing_id=given.listing_id,
            source_id=given.source_id,
            severity=given.severity,
            summary=given.summary,
            evidence=given.evidence,
        ),
        by=tx.actor.organisation,
    )
    if order:
        await order_now(tx, finding, opinion=given.summary)
    return finding


async def _told_before(tx: Transaction, given: FindingEntryGiven) -> Finding | None:
    if given.source_id is None:
        return None
    told_by = tx.actor.organisation
    await (await tx.raw()).execute(  # two who tell of the same at once wait for each other
        "select pg_advisory_xact_lock(hashtextextended($1, 4))",
        f"{given.source}|{told_by}|{given.source_id}",
    )
    earlier = await tx.session.scalar(
        select(Finding).where(
            Finding.source == given.source,
            Finding.raising_organisation == told_by,
            Finding.source_id == given.source_id,
        )
    )
    if earlier is None:
        return None
    same = (earlier.kind, earlier.organisation_id, earlier.listing_id)
    if same != (given.kind, given.organisation_id, given.listing_id):
        raise SourceTaken(finding_id=earlier.id)
    return earlier


async def _check(tx: Transaction, given: FindingEntryGiven) -> None:
    kind = KINDS[given.kind]
    errors = []
    if not kind.by_hand:
        errors.append(FieldError("/kind", "finding.kind_of_the_platform"))
    if kind.retest is Retest.PROBE and given.listing_id is None:
        errors.append(FieldError("/listing_id", "finding.listing_needed"))
    if errors:
        raise FindingInvalid(errors=errors, clause=kind.clause)
    if given.listing_id is None:
        return
    listing = await tx.session.scalar(
        select(KnownListing).where(
            KnownListing.id == given.listing_id,
            KnownListing.organisation_id == given.organisation_id,
            visible(
                tx.actor,
                region=KnownListing.region.expression,
                organisation=KnownListing.organisation_id.expression,
            ),
        )
    )
    if listing is None:
        raise ListingUnwatched(listing_id=given.listing_id)


async def raise_missing_probes(tx: Transaction) -> None:
    """Each listing that no probe has seen in its time gets one finding (A17.3)."""
    due = await tx.session.scalars(
        select(KnownListing)
        .where(KnownListing.probe_due_at <= tx.now)
        .order_by(KnownListing.probe_due_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for listing in due:
        listing.probe_due_at = None
        if await _missing(tx, listing.id) is not None:
            continue
        raise_finding(
            tx,
            Raised(
                kind=FindingKind.PROBE_MISSING,
                organisation_id=listing.organisation_id,
                region=listing.region,
                source=Source.RULE,
                listing_id=listing.id,
            ),
        )


async def probe_was_seen(tx: Transaction, listing_id: UUID) -> None:
    """A probe came to a result: nothing is missing, or no longer.

    What was ordered already waits for the unit's word, and for the re-test after it (M9).
    """
    listing = await tx.session.get(KnownListing, listing_id, with_for_update=True)
    if listing is not None:
        listing.probe_due_at = None
    finding = await _missing(tx, listing_id)
    if finding is None or finding.state != FindingState.OPEN:
        return
    move(finding, FindingAction.RESOLVE, Party.PLATFORM)
    keep(tx, finding, FindingAction.RESOLVE)
    close(tx, finding, because=RESOLVED)


async def listing_was_delisted(tx: Transaction, listing_id: UUID) -> None:
    """Nothing is left to test again: what only a probe could close ends with the listing."""
    found = await tx.session.scalars(
        select(Finding)
        .where(
            Finding.listing_id == listing_id,
            Finding.retest == Retest.PROBE,
            Finding.closed_at.is_(None),
        )
        .order_by(Finding.id)
        .with_for_update()
    )
    for finding in found.all():
        await lapse(tx, finding, because=UNLISTED)


async def _missing(tx: Transaction, listing_id: UUID) -> Finding | None:
    return await tx.session.scalar(
        select(Finding)
        .where(
            Finding.listing_id == listing_id,
            Finding.kind == FindingKind.PROBE_MISSING,
            Finding.closed_at.is_(None),
        )
        .with_for_update()
    )
