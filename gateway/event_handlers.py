"""What the gateway does when catalog and filing tell something: entries, clients (G6)."""

from gateway import entries, standing
from gateway.oauth import clients
from shared.database import Transaction
from shared.events.catalog import (
    ListingDelisted,
    ListingPublished,
    ListingSuspended,
    NoticePublished,
)
from shared.events.filing import (
    ClearanceRecorded,
    ClearanceRevoked,
    EmergencyDelistingOrdered,
    PartnerForcedOut,
)
from shared.messaging.handling import Handlers, ReadModel, Received


async def on_published(tx: Transaction, received: Received[ListingPublished]) -> None:
    fact = received.event
    await entries.open_entry(
        tx, str(fact.listing_id), entry_url=fact.entry_url, at=received.occurred_at
    )


async def on_suspended(tx: Transaction, received: Received[ListingSuspended]) -> None:
    fact = received.event
    await entries.close_entry(
        tx,
        str(fact.listing_id),
        state=entries.SUSPENDED,
        notice_id=_text(fact.notice_id),
        at=received.occurred_at,
    )


async def on_delisted(tx: Transaction, received: Received[ListingDelisted]) -> None:
    fact = received.event
    await entries.close_entry(
        tx,
        str(fact.listing_id),
        state=entries.DELISTED,
        notice_id=_text(fact.notice_id),
        at=received.occurred_at,
    )


async def on_emergency(tx: Transaction, received: Received[EmergencyDelistingOrdered]) -> None:
    """Close on the order itself: the notice follows from catalog (C8)."""
    await entries.close_entry(
        tx,
        str(received.event.listing_id),
        state=entries.DELISTED,
        notice_id=None,
        at=received.occurred_at,
    )


async def on_notice(tx: Transaction, received: Received[NoticePublished]) -> None:
    for listing_id in received.event.listing_ids:
        await entries.name_notice(
            tx,
            str(listing_id),
            notice_id=str(received.event.notice_id),
            at=received.occurred_at,
        )


async def on_forced_out(tx: Transaction, received: Received[PartnerForcedOut]) -> None:
    """The partner's API clients are dead with the province's one decision (A15.5)."""
    await clients.close_all(tx, received.event.partner_id)


async def on_clearance(tx: Transaction, received: Received[ClearanceRecorded]) -> None:
    fact = received.event
    await standing.record_clearance(
        tx,
        fact.subject_ref,
        organisation_id=fact.organisation_id,
        filing_id=fact.filing_id,
        valid_from=fact.valid_from,
        valid_until=fact.valid_until,
        told_at=received.occurred_at,
    )


async def on_clearance_revoked(tx: Transaction, received: Received[ClearanceRevoked]) -> None:
    """What a client holds of it ends now, not with its token (A21.3)."""
    if await _revoke(tx, received):
        await clients.void_tokens(tx, received.event.subject_ref)


async def on_clearance_ended(tx: Transaction, received: Received[ClearanceRevoked]) -> None:
    """The projection alone: a rebuild voids no token a second time."""
    await _revoke(tx, received)


async def _revoke(tx: Transaction, received: Received[ClearanceRevoked]) -> bool:
    subject = received.event.subject_ref
    return await standing.revoke_clearance(tx, subject, told_at=received.occurred_at)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


HANDLERS: Handlers = {
    ListingPublished: on_published,
    ListingSuspended: on_suspended,
    ListingDelisted: on_delisted,
    EmergencyDelistingOrdered: on_emergency,
    NoticePublished: on_notice,
    PartnerForcedOut: on_forced_out,
    ClearanceRecorded: on_clearance,
    ClearanceRevoked: on_clearance_revoked,
}

# Clients are the gateway's own record. Revisions are counted on: each replica reads anew what was
# rebuilt, as it reads every change.
READ_MODEL = ReadModel(
    tables=("entry_points", "clearances"),
    handlers={
        ListingPublished: on_published,
        ListingSuspended: on_suspended,
        ListingDelisted: on_delisted,
        EmergencyDelistingOrdered: on_emergency,
        NoticePublished: on_notice,
        ClearanceRecorded: on_clearance,
        ClearanceRevoked: on_clearance_ended,
    },
)
