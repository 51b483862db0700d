"""What monitoring does when catalog or filing tells something: each handler calls one command."""

from services.monitoring.commands import probes, windows
from shared.database import Transaction
from shared.events import catalog, filing
from shared.messaging.inbox import Handlers, ReadModel, Received


async def on_listing_published(
    tx: Transaction, received: Received[catalog.ListingPublished]
) -> None:
    await probes.listing_went_live(tx, received.event, region=received.region)


async def on_listing_suspended(
    tx: Transaction, received: Received[catalog.ListingSuspended]
) -> None:
    await probes.listing_went_off(tx, received.event.listing_id, state="SUSPENDED")


async def on_listing_delisted(tx: Transaction, received: Received[catalog.ListingDelisted]) -> None:
    await probes.listing_went_off(tx, received.event.listing_id, state="DELISTED")


async def on_window_planned(tx: Transaction, received: Received[filing.WindowPlanned]) -> None:
    await windows.window_was_planned(tx, received.event)


async def on_window_cancelled(tx: Transaction, received: Received[filing.WindowCancelled]) -> None:
    await windows.window_was_cancelled(tx, received.event.window_id)


async def on_window_ended(tx: Transaction, received: Received[filing.WindowEnded]) -> None:
    told = received.event
    await windows.window_has_ended(tx, told.window_id, ended_at=told.ended_at)


_WINDOWS: Handlers = {
    filing.WindowPlanned: on_window_planned,
    filing.WindowCancelled: on_window_cancelled,
    filing.WindowEnded: on_window_ended,
}
HANDLERS: Handlers = {
    catalog.ListingPublished: on_listing_published,
    catalog.ListingSuspended: on_listing_suspended,
    catalog.ListingDelisted: on_listing_delisted,
    **_WINDOWS,
}
READ_MODEL = ReadModel(tables=("known_windows",), handlers=_WINDOWS)
