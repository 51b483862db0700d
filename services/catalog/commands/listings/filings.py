"""What is known of a filing on its way, and what a yearly list plans (A10.2)."""

from uuid import UUID

from sqlalchemy import delete

from services.catalog.commands.listings.records import department_of, lock
from services.catalog.rules.listings import ABOUT_LISTINGS, FilingProgress, FilingType, ListingState
from services.catalog.tables import Listing, ListingFiling, PlanLine
from shared.database import Transaction
from shared.events.filing import FilingSubmitted, PlanLinesAccepted


async def note_submission(tx: Transaction, event: FilingSubmitted, *, region: str) -> None:
    """Keep that a filing about a listing is under way; the public sees nothing of it."""
    if event.filing_type not in ABOUT_LISTINGS or event.listing_id is None:
        return
    listing = await lock(tx, event.listing_id)
    if listing is None and event.filing_type == FilingType.LISTING:
        tx.session.add(
            Listing(
                id=event.listing_id,
                state=ListingState.DRAFT,
                item_code=event.item_code,
                organisation_id=event.organisation_id,
                region=region,
            )
        )
    filing = await tx.session.get(ListingFiling, event.filing_id)
    if filing is None:
        filing = ListingFiling(
            filing_id=event.filing_id,
            listing_id=event.listing_id,
            filing_type=event.filing_type,
            item_code=event.item_code,
            organisation_id=event.organisation_id,
            region=region,
            department=await department_of(tx, event.item_code),
        )
        tx.session.add(filing)
    filing.state = FilingProgress.SUBMITTED
    filing.round, filing.digest = event.round, event.digest
    filing.submitted_at, filing.due_at = tx.now, event.due_at


async def note_progress(tx: Transaction, filing_id: UUID, progress: FilingProgress) -> None:
    """Returned, refused or withdrawn: a pending listing stays a draft."""
    filing = await tx.session.get(ListingFiling, filing_id)
    if filing is not None:
        filing.state = progress


async def accept_plan(tx: Transaction, event: PlanLinesAccepted, *, region: str) -> None:
    """Keep what a unit's accepted yearly list says that it should list (A10.2, A8.1).

    The first part of a list takes the place of the year's earlier one.
    """
    if event.part == 1:
        await tx.session.execute(
            delete(PlanLine).where(
                PlanLine.organisation_id == event.organisation_id,
                PlanLine.year == event.year,
                PlanLine.filing_id != event.filing_id,
            )
        )
    for code in event.item_codes:
        await tx.session.merge(
            PlanLine(
                organisation_id=event.organisation_id,
                item_code=code,
                region=region,
                year=event.year,
                filing_id=event.filing_id,
            )
        )
