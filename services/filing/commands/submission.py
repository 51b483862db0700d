"""Sending: gates, what an opposite filing revokes, number, round, clocks, who must confirm."""

from typing import Final

from sqlalchemy import literal, or_, select

from services.filing import rules
from services.filing.commands import clocks, effects, emergency, plan_lines
from services.filing.commands.attachments import cite
from services.filing.commands.closing import revoke_pending
from services.filing.commands.gates import check_before_sending, check_content
from services.filing.commands.partners import refuse_inactive
from services.filing.commands.records import advance, keep, lock_names, next_number
from services.filing.rules import (
    Action,
    ClockKind,
    FilingKind,
    FilingType,
    Flow,
    State,
    cited_in,
)
from services.filing.tables import Confirmation, Filing, KnownItem, Round
from shared.database import Transaction
from shared.deadlines import ClockState
from shared.events.filing import FilingConfirmed, FilingSubmitted

_REVOKES: Final = {
    FilingKind.DELIST: frozenset({FilingKind.UPDATE, FilingKind.LISTING}),
    FilingKind.LISTING: frozenset({FilingKind.DELIST}),
}


async def submit(
    tx: Transaction,
    filing: Filing,
    type_: FilingType,
    organisation: rules.Organisation,
    *,
    checked: bool = False,
) -> None:
    """Send a draft, a returned or a refused filing; refuse what does not pass its gates.

    `checked` says that the document was looked at in this very transaction.
    """
    state, again = advance(tx, filing, Action.SUBMIT), filing.state != State.DRAFT
    await refuse_inactive(tx, organisation, filing.type)
    await _lock_subject(tx, filing)
    if not checked:
        await check_content(tx, filing, organisation)
    await check_before_sending(tx, filing, type_, organisation)
    cited = [*cited_in(filing.content, "/content"), *cited_in(filing.self_test, "/self_test")]
    await cite(tx, filing.id, cited)
    if filing.listing_id is not None and filing.type in _REVOKES:
        kinds = _REVOKES[FilingKind(filing.type)]
        await revoke_pending(tx, filing.listing_id, revoked_by=filing.id, kinds=kinds)
    filing.state = state
    filing.number = filing.number or await next_number(tx)
    filing.round += again
    filing.submitted_at = tx.now
    filing.overdue_at = None
    filing.departments = await _departments(tx, filing)
    tx.session.add(
        Round(
            filing_id=filing.id,
            round=filing.round,
            content=filing.content,
            digest=filing.digest,
            self_test=filing.self_test,
            submitted_at=tx.now,
        )
    )
    keep(tx, filing, Action.SUBMIT, clause=type_.clause)
    await tx.session.flush()
    if filing.type == FilingKind.LISTING_PLAN:
        await plan_lines.file_lines(tx, filing)
    missing = await _match_confirmations(tx, filing)
    await wait_for(tx, filing, type_)
    _tell_submitted(tx, filing)
    for confirmation in missing:
        tell_confirmed(tx, filing, confirmation, complete=filing.state == State.CONFIRMED)
    if filing.type == FilingKind.EMERGENCY_DELIST:
        await emergency.fulfil(tx, filing)
    await effects.sent(tx, filing)


async def _lock_subject(tx: Transaction, filing: Filing) -> None:
    """Writers of one listing, one plan year, or one version to confirm wait for each other."""
    names = []
    if filing.listing_id is not None:
        names.append(f"listing:{filing.listing_id}")
    if filing.type == FilingKind.LISTING_PLAN:
        names.append(f"plan:{filing.organisation_id}:{filing.plan_year}")
    if filing.item_code is not None:
        names.append(f"version:{filing.item_code}:{filing.digest}")
    if filing.subject is not None:
        names.append(filing.subject)
    await lock_names(tx, *names)


async def _departments(tx: Transaction, filing: Filing) -> list[str]:
    """The provincial departments whose confirmation is needed (A11.2): the item's own."""
    if filing.flow != Flow.CONFIRM or filing.item_code is None:
        return []
    item = await tx.session.get(KnownItem, filing.item_code)
    return [item.department] if item is not None else []


async def _match_confirmations(tx: Transaction, filing: Filing) -> list[str]:
    """Take the confirmations that came first, for this very digest (F2); returns who gave them."""
    if filing.flow != Flow.CONFIRM:
        return []
    waiting = await tx.session.scalars(
        select(Confirmation)
        .where(
            Confirmation.item_code == filing.item_code,
            Confirmation.digest == filing.digest,
            Confirmation.department.in_(filing.departments),
            Confirmation.filing_id.is_(None),
            Confirmation.given_by != tx.actor.subject,  # four eyes: not by the filer's own hand
            or_(
                Confirmation.client_id != tx.actor.client_id,
                Confirmation.person & literal(tx.actor.person),
            ),
        )
        .with_for_update()
    )
    taken = waiting.all()
    for confirmation in taken:
        confirmation.filing_id = filing.id
    await tx.session.flush()
    await apply_confirmations(tx, filing)
    for confirmation in taken:
        keep(
            tx,
            filing,
            Action.CONFIRM,
            clause="A11.2",
            opinion=confirmation.opinion,
            by=confirmation,
        )
    return [confirmation.department for confirmation in taken]


async def apply_confirmations(tx: Transaction, filing: Filing) -> None:
    """CONFIRMED once every named department has confirmed this digest (reading 2)."""
    given = set(
        await tx.session.scalars(
            select(Confirmation.department).where(
                Confirmation.filing_id == filing.id, Confirmation.digest == filing.digest
            )
        )
    )
    if filing.departments and set(filing.departments) <= given:
        filing.state = State.CONFIRMED


async def wait_for(tx: Transaction, filing: Filing, type_: FilingType) -> None:
    """Run the one clock that the filing's state calls for, and end those that it ends."""
    asks = filing.flow == Flow.CONFIRM and filing.state == State.SUBMITTED
    kind = ClockKind.CONFIRMATION if asks else ClockKind.REVIEW
    open_ = await clocks.open_clocks(tx, filing.id)
    if correction := open_.get(ClockKind.CORRECTION):
        clocks.stop_clock(tx, correction, reason=Action.SUBMIT)
    if not asks and (confirmation := open_.get(ClockKind.CONFIRMATION)):
        clocks.stop_clock(tx, confirmation, reason=Action.CONFIRM)
    running = open_.get(kind)
    if running is None:
        policy = "department_confirmation" if asks else type_.review
        running = await clocks.start_clock(
            tx, record="filing", record_id=filing.id, kind=kind, policy=policy
        )
    elif running.row.state == ClockState.PAUSED:
        clocks.resume_clock(tx, running, reason=Action.SUBMIT)
    clocks.show_on_filing(filing, running)


def _tell_submitted(tx: Transaction, filing: Filing) -> None:
    tx.emit(
        FilingSubmitted(
            filing_id=filing.id,
            filing_type=filing.type,
            organisation_id=filing.organisation_id,
            listing_id=filing.listing_id,
            item_code=filing.item_code,
            digest=filing.digest,
            round=filing.round,
            due_at=filing.due_at,
            provisional=filing.provisional,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )


def tell_confirmed(tx: Transaction, filing: Filing, department: str, *, complete: bool) -> None:
    tx.emit(
        FilingConfirmed(
            filing_id=filing.id, department=department, digest=filing.digest, complete=complete
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )
