"""What the province took note of, sent to where it is done (A11)."""

from services.catalog.commands.listings.delisting import delist
from services.catalog.commands.listings.publication import accept_content
from services.catalog.commands.listings.records import filing_of, known_listing
from services.catalog.rules.listings import ABOUT_LISTINGS, FilingProgress, FilingType
from shared.database import Transaction
from shared.events.filing import FilingAccepted


async def accept(tx: Transaction, event: FilingAccepted, *, region: str) -> None:
    """Do what the province took note of: publish, update, delist, or link a written filing."""
    if event.filing_type not in ABOUT_LISTINGS or event.listing_id is None:
        return
    filing = await filing_of(tx, event, region=region)
    filing.state, filing.digest = FilingProgress.ACCEPTED, event.digest
    filing.goes_live_at = event.goes_live_at
    match FilingType(event.filing_type):
        case FilingType.LISTING | FilingType.UPDATE:
            await accept_content(tx, event, filing)
        case FilingType.DELIST:
            listing = await known_listing(tx, event.listing_id)
            await delist(tx, listing, filing_id=event.filing_id, decided_at=event.accepted_at)
        case FilingType.EMERGENCY_DELIST:
            pass  # the order has closed it already; the written filing is linked by its row
