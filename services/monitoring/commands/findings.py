"""Findings: a live listing without a live probe is one, and only a probe closes it (M9)."""

from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.tables import Finding, KnownListing
from shared.database import Transaction
from shared.events.monitoring import FindingClosed, FindingRaised

PROBE_MISSING = "PROBE_MISSING"
_AT_ONCE = 200


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
        if await _open_finding(tx, listing.id) is not None:
            continue
        finding = Finding(
            id=uuid4(),
            kind=PROBE_MISSING,
            listing_id=listing.id,
            organisation_id=listing.organisation_id,
            region=listing.region,
            raised_at=tx.now,
        )
        tx.session.add(finding)
        tx.emit(
            FindingRaised(
                finding_id=finding.id,
                kind=finding.kind,
                listing_id=finding.listing_id,
                organisation_id=finding.organisation_id,
                raised_at=tx.now,
            ),
            subject=f"finding:{finding.id}",
            region=finding.region,
        )


async def probe_was_seen(tx: Transaction, listing_id: UUID) -> None:
    """A probe came to a result: nothing is missing, or no longer."""
    listing = await tx.session.get(KnownListing, listing_id, with_for_update=True)
    if listing is not None:
        listing.probe_due_at = None
    finding = await _open_finding(tx, listing_id)
    if finding is None:
        return
    finding.closed_at = tx.now
    tx.emit(
        FindingClosed(
            finding_id=finding.id,
            kind=finding.kind,
            listing_id=finding.listing_id,
            organisation_id=finding.organisation_id,
            closed_at=tx.now,
        ),
        subject=f"finding:{finding.id}",
        region=finding.region,
    )


async def _open_finding(tx: Transaction, listing_id: UUID) -> Finding | None:
    return await tx.session.scalar(
        select(Finding)
        .where(
            Finding.listing_id == listing_id,
            Finding.kind == PROBE_MISSING,
            Finding.closed_at.is_(None),
        )
        .with_for_update()
    )
