"""How a filing ends undecided: withdrawn by its filer, or revoked by an opposite one (F2)."""

from collections.abc import Set as AbstractSet
from uuid import UUID

from sqlalchemy import select

from services.filing.commands import clocks
from services.filing.commands.records import advance, drop_filed_lines, keep, pending_of
from services.filing.rules import (
    APPEAL_WITHDRAWN,
    APPEALS,
    Action,
    AppealAction,
    AppealParty,
    AppealState,
    FilingKind,
)
from services.filing.tables import Appeal, Filing
from shared.database import Transaction
from shared.events.filing import AppealWithdrawn, FilingWithdrawn


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
    await end_appeal(tx, filing, reason=reason)
    keep(tx, filing, action, opinion=reason)


async def end_appeal(
    tx: Transaction, filing: Filing, *, reason: str, clause: str | None = None
) -> bool:
    """End the open appeal of a filing that is not looked at again; False when there is none."""
    appeal = await tx.session.scalar(
        select(Appeal)
        .where(Appeal.filing_id == filing.id, Appeal.state == AppealState.OPEN)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if appeal is None:
        return False
    appeal.state = APPEALS.after(
        AppealState(appeal.state), AppealAction.WITHDRAW, AppealParty.PLATFORM
    )
    appeal.clause, appeal.opinion = clause, reason
    appeal.version += 1
    keep(tx, filing, APPEAL_WITHDRAWN, clause=clause, opinion=reason)
    tx.emit(
        AppealWithdrawn(filing_id=filing.id, appeal_id=appeal.id),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
    return True


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
