"""How a filing ends undecided: withdrawn by its filer, or revoked by an opposite one (F2)."""

from collections.abc import Set as AbstractSet
from uuid import UUID

from sqlalchemy import update

from services.filing.commands import clocks
from services.filing.commands.records import advance, drop_filed_lines, keep, pending_of
from services.filing.rules import (
    APPEALS,
    Action,
    AppealAction,
    AppealParty,
    AppealState,
    FilingKind,
)
from services.filing.tables import Appeal, Filing
from shared.database import Transaction
from shared.events.filing import FilingWithdrawn


async def revoke_pending(
    tx: Transaction, listing_id: UUID, *, revoked_by: UUID, kinds: AbstractSet[FilingKind]
) -> None:
    """The opposite filing takes back what is pending for the listing, and both are linked."""
    for filing in await pending_of(tx, listing_id, except_for=revoked_by):
        if filing.type in kinds:
            filing.state = advance(tx, filing, Action.REVOKE, platform=True)
            filing.revoked_by = revoked_by
            await close(tx, filing, Action.REVOKE, reason=str(revoked_by))
            tell_withdrawn(tx, filing)


async def close(tx: Transaction, filing: Filing, action: Action, *, reason: str) -> None:
    """Stop what still runs on a filing that has reached its end."""
    filing.decided_at = tx.now
    await stop_clocks(tx, filing, reason=action)
    await drop_filed_lines(tx, filing)
    await tx.session.execute(
        update(Appeal)
        .where(Appeal.filing_id == filing.id, Appeal.state == AppealState.OPEN)
        .values(
            state=APPEALS.after(AppealState.OPEN, AppealAction.WITHDRAW, AppealParty.PLATFORM),
            version=Appeal.version + 1,
        )
    )
    keep(tx, filing, action, opinion=reason)


async def stop_clocks(tx: Transaction, filing: Filing, *, reason: str) -> None:
    for running in (await clocks.open_clocks(tx, filing.id)).values():
        clocks.stop_clock(tx, running, reason=reason)
    clocks.show_on_filing(filing, None)


def tell_withdrawn(tx: Transaction, filing: Filing) -> None:
    tx.emit(
        FilingWithdrawn(filing_id=filing.id, filing_type=filing.type, revoked_by=filing.revoked_by),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
