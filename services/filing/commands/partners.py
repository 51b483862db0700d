"""Partners: approved by application before they serve, forced out by one decision (A15)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, select

from services.filing import rules
from services.filing.commands.attachments import cite
from services.filing.commands.closing import close, end_appeal, stop_clocks, tell_withdrawn
from services.filing.commands.records import advance, next_number, today
from services.filing.errors import (
    PartnerNotActive,
    PartnerNotFound,
    PartnerWasForcedOut,
    UsccTaken,
)
from services.filing.rules import (
    PARTNER,
    PARTNER_KIND,
    WINDOW,
    Action,
    AppealState,
    FilingKind,
    PartnerAction,
    PartnerState,
    WindowAction,
    WindowState,
)
from services.filing.tables import Appeal, Filing, ForcedExit, KnownOrganisation, Partner, Window
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import (
    PartnerApproved,
    PartnerForcedOut,
    WindowCancelled,
    WindowEnded,
)
from shared.security.identity import Role

# --- the application -----------------------------------------------------------------------------


def partner_subject(filing: Filing) -> str:
    return f"partner:{filing.organisation_id}"


async def check_application(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    del organisation
    row = await tx.session.get(KnownOrganisation, filing.content["supervising_organisation"])
    supervisor = rules.Organisation(row.id, row.kind, row.region) if row and row.active else None
    flaws = rules.application_flaws(filing.content, supervisor=supervisor, today=today(tx))
    return list(flaws)


async def activate(tx: Transaction, filing: Filing) -> None:
    """Approved: the partner may serve from now on, as long as its agreement holds (A15.2)."""
    content = filing.content
    await _refuse_taken_code(tx, filing)
    partner = await _locked(tx, filing.organisation_id)
    if partner is None:
        partner = Partner(
            organisation_id=filing.organisation_id,
            region=filing.region,
            state=PARTNER.initial,
            active_since=tx.now,
            version=0,
        )
        tx.session.add(partner)
    else:
        partner.state = PARTNER.after(
            PartnerState(partner.state), PartnerAction.RENEW, tx.actor.role
        )
    partner.name = content["partner_name"]
    partner.uscc = content["uscc"]
    partner.supervising_organisation = content["supervising_organisation"]
    partner.data_scope = content["data_scope"]
    partner.liaison_office = content["liaison_office"]
    partner.application_id = filing.id
    partner.valid_until = date.fromisoformat(content["agreement"]["valid_until"])
    partner.version += 1
    tx.emit(
        PartnerApproved(
            filing_id=filing.id,
            partner_id=partner.organisation_id,
            organisation_id=partner.organisation_id,
            uscc=partner.uscc,
            supervising_organisation=partner.supervising_organisation,
            data_scope=partner.data_scope,
            valid_until=partner.valid_until,
            approved_at=tx.now,
        ),
        subject=f"partner:{partner.organisation_id}",
        region=partner.region,
    )


async def _refuse_taken_code(tx: Transaction, filing: Filing) -> None:
    """Looked for at the decision: who applies does not see the other partners."""
    other = await tx.session.scalar(
        select(Partner.organisation_id).where(
            Partner.uscc == filing.content["uscc"],
            Partner.organisation_id != filing.organisation_id,
        )
    )
    if other is not None:
        raise UsccTaken(
            clause="A15.2", partner=other, errors=[FieldError("/content/uscc", UsccTaken.code)]
        )


# --- what a partner may file ---------------------------------------------------------------------


async def refuse_forced_out(tx: Transaction) -> Partner | None:
    """Nothing is filed after a forced exit (A15.5).

    The partner's row is held before any filing is, as a forced exit does it: that waits for what
    is being filed and then ends it.
    """
    if tx.actor.role is not Role.PARTNER:
        return None
    partner = await _locked(tx, tx.actor.organisation, read=True)
    if partner is not None and partner.state == PartnerState.FORCED_OUT:
        raise PartnerWasForcedOut(clause="A15.5", partner=partner.organisation_id)
    return partner


async def refuse_inactive(tx: Transaction, organisation: rules.Organisation, kind: str) -> None:
    """A partner files nothing but its application until that is approved (A15.2)."""
    if organisation.kind != PARTNER_KIND:
        return
    partner = await refuse_forced_out(tx)
    if kind != FilingKind.PARTNER_APPLICATION and (
        partner is None or partner.valid_until < today(tx)
    ):
        raise PartnerNotActive(clause="A15.2", partner=organisation.id)


# --- the forced exit -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """Why a partner is forced out, with evidence, who is liable, and the office that decides."""

    cause: str
    circumstances: str
    liability: str
    evidence: Sequence[Mapping[str, Any]]
    deciding_office: str


async def force_out(tx: Transaction, partner_id: str, order: ExitOrder) -> Partner:
    """One decision: catalog takes its listings off, the gateway its credentials, filing the rest.

    Told last, so that whatever was accepted before stands before it in the stream.
    """
    partner = await _locked(tx, partner_id)
    if partner is None:
        raise PartnerNotFound(partner_id=partner_id)
    tx.expect(partner.version)
    partner.state = PARTNER.after(
        PartnerState(partner.state), PartnerAction.FORCE_OUT, tx.actor.role
    )
    partner.version += 1
    # The evidence stands in the thread of the application, where files are kept and shown.
    await cite(tx, partner.application_id, list(rules.cited_in(list(order.evidence), "/evidence")))
    decision = ForcedExit(
        id=uuid4(),
        number=await next_number(tx),
        partner_id=partner.organisation_id,
        cause=order.cause,
        circumstances=order.circumstances,
        liability=order.liability,
        evidence=[dict(each) for each in order.evidence],
        decided_by=tx.actor.subject,
        deciding_organisation=tx.actor.organisation,
        deciding_office=order.deciding_office,
        decided_at=tx.now,
    )
    tx.session.add(decision)
    await _end_filings(tx, partner, decision)
    await _end_windows(tx, partner, decision)
    tx.emit(
        PartnerForcedOut(
            filing_id=decision.id,
            partner_id=partner.organisation_id,
            organisation_id=partner.organisation_id,
            cause=decision.cause,
            decided_at=tx.now,
        ),
        subject=f"partner:{partner.organisation_id}",
        region=partner.region,
    )
    return partner


async def _end_filings(tx: Transaction, partner: Partner, decision: ForcedExit) -> None:
    """What the partner has pending is taken back, its appeals too, and names the decision.

    An appeal against a rejection stands on a filing that is not pending any more: that stays
    rejected, and nobody looks at it again.
    """
    appealed = exists().where(Appeal.filing_id == Filing.id, Appeal.state == AppealState.OPEN)
    pending = await tx.session.scalars(
        select(Filing)
        .where(
            Filing.organisation_id == partner.organisation_id,
            Filing.state.in_(rules.PENDING) | appealed,
        )
        .order_by(Filing.id)
        .with_for_update()
    )
    for filing in pending.all():
        if await end_appeal(tx, filing, clause="A15.5", reason=decision.number):
            await stop_clocks(tx, filing, reason=decision.number)
        if filing.state not in rules.PENDING:
            continue
        filing.state = advance(tx, filing, Action.REVOKE, platform=True)
        filing.revoked_by = decision.id
        await close(tx, filing, Action.REVOKE, reason=decision.number)
        tell_withdrawn(tx, filing)


async def _end_windows(tx: Transaction, partner: Partner, decision: ForcedExit) -> None:
    """What it has planned does not take place, and what is under way ends now."""
    planned = await tx.session.scalars(
        select(Window)
        .where(
            Window.organisation_id == partner.organisation_id,
            Window.state == WindowState.PLANNED,
            Window.ends_at > tx.now,
        )
        .order_by(Window.id)
        .with_for_update()
    )
    for window in planned.all():
        begun = window.starts_at <= tx.now
        action = WindowAction.END if begun else WindowAction.CANCEL
        window.state = WINDOW.after(WindowState(window.state), action, tx.actor.role)
        window.ended_at = tx.now if begun else None
        window.version += 1
        told: WindowEnded | WindowCancelled = (
            WindowEnded(
                window_id=window.id,
                filing_id=decision.id,
                organisation_id=window.organisation_id,
                ended_at=tx.now,
            )
            if begun
            else WindowCancelled(
                window_id=window.id,
                filing_id=decision.id,
                organisation_id=window.organisation_id,
            )
        )
        tx.emit(told, subject=f"window:{window.id}", region=window.region)


async def _locked(tx: Transaction, partner_id: str, *, read: bool = False) -> Partner | None:
    return await tx.session.scalar(
        select(Partner)
        .where(Partner.organisation_id == partner_id)
        .with_for_update(read=read)
        .execution_options(populate_existing=True)
    )
