"""Recurring artefacts: filed for their period, and owed by every unit until then (A7 to A21)."""

from datetime import date
from uuid import uuid4

from sqlalchemy import delete, exists, select

from services.filing import rules
from services.filing.commands import clearances, obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.records import policies_now, today
from services.filing.commands.renewals import pay_renewals
from services.filing.rules import KINDS, ClockKind, DocumentKind, Period, TermKind
from services.filing.tables import (
    ClassifiedFieldRow,
    Filing,
    GrantedTerm,
    KnownOrganisation,
    Obligation,
)
from shared.database import Transaction
from shared.events.filing import DocumentFiled

OPENED_AT_ONCE = 200


def artefact_subject(filing: Filing) -> str:
    content = filing.content
    match content["kind"]:
        case "BACKGROUND_CHECK" if content["check"]:
            return rules.clearance_subject(filing.organisation_id, content["check"]["subject_ref"])
        case "CONFIDENTIALITY_AGREEMENT" if content["agreement"]:
            supplier = "".join(content["agreement"]["supplier"].split()).casefold()
            return f"agreement:{filing.organisation_id}:{supplier}"
    return rules.document_subject(content["kind"], content["period"])


async def check_artefact(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    kind = KINDS[filing.content["kind"]]
    policies = await policies_now(tx)
    return list(
        rules.document_flaws(
            filing.content,
            owner=organisation,
            period=await _period(tx, kind),
            today=today(tx),
            longest=int(policies["clearance_term"].value),
        )
    )


async def _period(tx: Transaction, kind: DocumentKind) -> Period:
    if not kind.recurs:
        return Period.NEVER
    return rules.period_of((await policies_now(tx))[kind.period_policy].value)


async def pay(tx: Transaction, filing: Filing) -> None:
    """Sent: what was owed for this period is paid, in time or late."""
    subject = rules.document_subject(filing.content["kind"], filing.content["period"])
    due = await obligations.owed(
        tx, filing.organisation_id, kind=ClockKind.DOCUMENT, subject=subject
    )
    if due is not None:
        await obligations.fulfil(tx, due, by=filing.id)
    if not KINDS[filing.content["kind"]].recurs:
        await pay_renewals(tx, filing.organisation_id, str(filing.subject), by=filing.id)


async def keep_artefact(tx: Transaction, filing: Filing) -> None:
    """Accepted: the newest registry, agreement or check is the one that holds."""
    content = filing.content
    if content["fields"] is not None:
        await _register_fields(tx, filing)
    if content["agreement"] is not None:
        await _grant_agreement(tx, filing)
    if content["check"] is not None:
        await clearances.record(tx, filing)
    tx.emit(
        DocumentFiled(
            filing_id=filing.id,
            kind=content["kind"],
            organisation_id=filing.organisation_id,
            period=content["period"],
            accepted_at=tx.now,
        ),
        subject=f"filing:{filing.id}",
        region=filing.region,
    )


async def _register_fields(tx: Transaction, filing: Filing) -> None:
    await tx.session.execute(
        delete(ClassifiedFieldRow).where(
            ClassifiedFieldRow.organisation_id == filing.organisation_id
        )
    )
    tx.session.add_all(
        ClassifiedFieldRow(
            id=uuid4(),
            filing_id=filing.id,
            organisation_id=filing.organisation_id,
            region=filing.region,
            **field,
        )
        for field in filing.content["fields"]
    )


async def _grant_agreement(tx: Transaction, filing: Filing) -> None:
    part = filing.content["agreement"]
    tx.session.add(
        GrantedTerm(
            id=filing.id,
            kind=TermKind.AGREEMENT,
            subject=filing.subject,
            organisation_id=filing.organisation_id,
            region=filing.region,
            since=date.fromisoformat(part["since"]),
            until=date.fromisoformat(part["until"]),
            granted_at=tx.now,
        )
    )


# --- what the clock causes -----------------------------------------------------------------------


async def open_due_documents(tx: Transaction) -> int:
    """Open what is owed for the period of today and is not open yet, some units at a time.

    It counts from the day on which it is first looked for: a platform that starts in autumn does
    not find every unit late for spring.
    """
    opened, day = 0, today(tx)
    for kind in KINDS.values():
        period = (await _period(tx, kind)).holding(day)
        if period is not None:
            opened += await _open_for(tx, kind, period)
        if opened >= OPENED_AT_ONCE:
            break
    return opened


async def _open_for(tx: Transaction, kind: DocumentKind, period: str) -> int:
    subject = rules.document_subject(kind.kind, period)
    known = exists().where(
        Obligation.organisation_id == KnownOrganisation.id,
        Obligation.kind == ClockKind.DOCUMENT,
        Obligation.subject == subject,
    )
    filed = exists().where(
        Filing.organisation_id == KnownOrganisation.id,
        Filing.subject == subject,
        Filing.submitted_at.is_not(None),
        Filing.state.not_in(("WITHDRAWN", "LAPSED")),
    )
    rows = await tx.session.scalars(
        select(KnownOrganisation)
        .where(
            KnownOrganisation.active,
            KnownOrganisation.kind.in_(sorted(kind.owed_by)),
            ~known,
            ~filed,
        )
        .order_by(KnownOrganisation.id)
        .limit(OPENED_AT_ONCE)
    )
    found = rows.all()
    for unit in found:
        debt = Debt(
            kind=ClockKind.DOCUMENT,
            organisation_id=unit.id,
            region=unit.region,
            clause=kind.clause,
            policy=kind.due_policy,
            subject=subject,
        )
        await obligations.owe(tx, debt)
    return len(found)
