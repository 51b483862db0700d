"""Door 2: what catalog does when filing tells of a decision."""

from services.catalog.commands import channels, listings, merging, partners
from services.catalog.rules.listings import FilingProgress
from shared.database import Transaction
from shared.events.filing import (
    ChannelExceptionGranted,
    EmergencyDelistingOrdered,
    FilingAccepted,
    FilingLapsed,
    FilingRefused,
    FilingReturned,
    FilingSubmitted,
    FilingWithdrawn,
    PartnerApproved,
    PartnerForcedOut,
    PlanLinesAccepted,
    SubhallRetained,
)
from shared.messaging.inbox import Handlers, ReadModel, Received


async def on_filing_submitted(tx: Transaction, received: Received[FilingSubmitted]) -> None:
    await listings.note_submission(tx, received.event, region=received.region)


async def on_filing_returned(tx: Transaction, received: Received[FilingReturned]) -> None:
    await listings.note_progress(tx, received.event.filing_id, FilingProgress.RETURNED)


async def on_filing_refused(tx: Transaction, received: Received[FilingRefused]) -> None:
    await listings.note_progress(tx, received.event.filing_id, FilingProgress.REFUSED)


async def on_filing_withdrawn(tx: Transaction, received: Received[FilingWithdrawn]) -> None:
    await listings.note_progress(tx, received.event.filing_id, FilingProgress.WITHDRAWN)


async def on_filing_lapsed(tx: Transaction, received: Received[FilingLapsed]) -> None:
    await listings.note_progress(tx, received.event.filing_id, FilingProgress.LAPSED)


async def on_filing_accepted(tx: Transaction, received: Received[FilingAccepted]) -> None:
    await listings.accept(tx, received.event, region=received.region)


async def on_plan_lines_accepted(tx: Transaction, received: Received[PlanLinesAccepted]) -> None:
    await listings.accept_plan(tx, received.event, region=received.region)


async def on_emergency_delisting_ordered(
    tx: Transaction, received: Received[EmergencyDelistingOrdered]
) -> None:
    await listings.delist_in_emergency(tx, received.event)


async def on_subhall_retained(tx: Transaction, received: Received[SubhallRetained]) -> None:
    await merging.retain_hall(tx, received.event)


async def on_channel_exception_granted(
    tx: Transaction, received: Received[ChannelExceptionGranted]
) -> None:
    await channels.grant_exception(tx, received.event, region=received.region)


async def on_partner_approved(tx: Transaction, received: Received[PartnerApproved]) -> None:
    await partners.follow_approval(tx, received.event)


async def on_partner_forced_out(tx: Transaction, received: Received[PartnerForcedOut]) -> None:
    await partners.force_out(tx, received.event)


HANDLERS: Handlers = {
    FilingSubmitted: on_filing_submitted,
    FilingReturned: on_filing_returned,
    FilingRefused: on_filing_refused,
    FilingWithdrawn: on_filing_withdrawn,
    FilingLapsed: on_filing_lapsed,
    FilingAccepted: on_filing_accepted,
    PlanLinesAccepted: on_plan_lines_accepted,
    EmergencyDelistingOrdered: on_emergency_delisting_ordered,
    SubhallRetained: on_subhall_retained,
    PartnerApproved: on_partner_approved,
    PartnerForcedOut: on_partner_forced_out,
    ChannelExceptionGranted: on_channel_exception_granted,
}

# Listings are catalog's own record of what it did: only the yearly lists are filing's word alone.
READ_MODEL = ReadModel(tables=("plan_lines",), handlers={PlanLinesAccepted: on_plan_lines_accepted})
