"""What must hold before a filing is kept, sent or accepted."""

from datetime import datetime

from sqlalchemy import select

from services.filing import rules
from services.filing.commands import effects
from services.filing.commands.plan_lines import check_lines, refuse_second_pending
from services.filing.commands.records import (
    current_norm,
    listing_facts,
    live_listing,
    pending_of,
    today,
)
from services.filing.errors import (
    AppealPending,
    ClauseUnknown,
    DigestMismatch,
    FilingPending,
    ListingAlreadyLive,
    ListingNotLive,
    OppositeFilingPending,
    PlanLineMissing,
)
from services.filing.rules import AppealState, FilingKind, FilingType, State
from services.filing.tables import Appeal, Confirmation, Filing, KnownNorm, Line, Round
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import ListingContent
from shared.security.canonical import Algorithm, digest

LISTING_DOCUMENTS = frozenset({FilingKind.LISTING, FilingKind.UPDATE})
LIVE = frozenset({"LISTED", "SUSPENDED"})


async def check_content(tx: Transaction, filing: Filing, organisation: rules.Organisation) -> None:
    """Refuse a document that does not qualify, naming every flaw."""
    if filing.type in LISTING_DOCUMENTS:
        content = ListingContent.model_validate(filing.content)
        flaws = rules.listing_flaws(content, await listing_facts(tx, content, organisation))
        if flaws:
            raise rules.refusal(flaws)
    if filing.type == FilingKind.LISTING_PLAN:
        await check_lines(tx, filing.content, organisation)
    await effects.check(tx, filing, organisation)


async def check_before_sending(
    tx: Transaction, filing: Filing, type_: FilingType, organisation: rules.Organisation
) -> None:
    """The gates of submission beside the document: self-test, plan line, the listing's state.

    A partner has no yearly list: the item's department confirms what it wants to list.
    """
    await refuse_open_appeal(tx, filing)
    if filing.type == FilingKind.LISTING_PLAN:
        await refuse_second_pending(tx, filing)
    await effects.gate(tx, filing)
    delisted_at = await _check_listing(tx, filing, type_)
    if type_.needs_self_test:
        flaws = rules.self_test_flaws(
            filing.self_test,
            digest=filing.digest,
            norm_version=await current_norm(tx),
            now=tx.now,
            delisted_at=delisted_at,
        )
        if flaws:
            raise rules.refusal(flaws)
    if type_.needs_plan_line and organisation.kind != rules.PARTNER_KIND:
        filing.plan_line_id = (await _plan_line(tx, filing)).id


async def refuse_open_appeal(tx: Transaction, filing: Filing) -> None:
    """What another reviewer is looking at stays as it is until the appeal has ended (C2)."""
    if filing.state == State.DRAFT:
        return
    appeal = await tx.session.scalar(
        select(Appeal.id).where(Appeal.filing_id == filing.id, Appeal.state == AppealState.OPEN)
    )
    if appeal is not None:
        raise AppealPending(appeal_id=appeal)


async def check_clause(tx: Transaction, clause: str) -> None:
    """A decision cites the measures, or what the norm in force lists; else it says what is known.

    `clause_unknown` (422) when it is neither (A10.1, C2).
    """
    if rules.of_the_measures(clause):
        return
    checklist = await tx.session.scalar(
        select(KnownNorm.checklist)
        .where(KnownNorm.effective_from <= today(tx))
        .order_by(KnownNorm.effective_from.desc(), KnownNorm.version.desc())
        .limit(1)
    )
    known = rules.known_clauses(checklist or ())
    if clause not in known:
        told = {"cited": clause, "known": "、".join(known) or "A1–A28"}
        raise ClauseUnknown(
            clause="A10.1",
            allowed=tuple(known),
            errors=[FieldError("/clause", ClauseUnknown.code, told)],
            cited=clause,
            known=told["known"],
        )


async def _check_listing(tx: Transaction, filing: Filing, type_: FilingType) -> datetime | None:
    """One pending filing per listing and type; returns when the listing was delisted, if it was."""
    if filing.listing_id is None:
        return None
    pending = await pending_of(tx, filing.listing_id, except_for=filing.id)
    for other in pending:
        if other.type == filing.type:
            raise FilingPending(filing_id=other.id, number=other.number)
        if (filing.type, other.type) == (FilingKind.UPDATE, FilingKind.DELIST):
            raise OppositeFilingPending(filing_id=other.id, number=other.number)
    listing = await live_listing(tx, filing.listing_id)
    live = listing is not None and listing.state in LIVE
    if type_.needs_live_listing and not live:
        raise ListingNotLive(clause=type_.clause, listing_id=filing.listing_id)
    relisting = any(other.type == FilingKind.DELIST for other in pending)
    if filing.type == FilingKind.LISTING and live and not relisting:
        raise ListingAlreadyLive(clause="A11.3", listing_id=filing.listing_id)
    return listing.delisted_at if listing is not None and not live else None


async def _plan_line(tx: Transaction, filing: Filing) -> Line:
    """The accepted line of this organisation for this item, in this hall if there is one (A10.2).

    A named line may have been replaced since by a later list that holds the item still.
    """
    own = (
        Line.organisation_id == filing.organisation_id,
        Line.item_code == filing.item_code,
    )
    line = await tx.session.scalar(
        select(Line)
        .where(*own, Line.state == "ACTIVE")
        .order_by((Line.hall_id == filing.content["hall_id"]).desc(), Line.year.desc(), Line.id)
        .limit(1)
    )
    named = filing.plan_line_id is None or await tx.session.scalar(
        select(Line.id).where(*own, Line.id == filing.plan_line_id, Line.state != "FILED")
    )
    if line is None or not named:
        raise PlanLineMissing(
            clause="A10.2",
            item_code=filing.item_code,
            errors=[FieldError("/plan_line_id", PlanLineMissing.code)],
        )
    return line


async def check_same_version(tx: Transaction, filing: Filing, type_: FilingType) -> list[str]:
    """Filed, self-tested, confirmed and stored are one and the same digest (C7).

    Returns the departments that confirmed it; `digest_mismatch` (409) sends it back.
    """
    found = digest(filing.content, algorithm=_algorithm(filing.digest))
    sent = await tx.session.scalar(
        select(Round.digest).where(Round.filing_id == filing.id, Round.round == filing.round)
    )
    tested = filing.self_test["digest"] if filing.self_test is not None else None
    same = found == filing.digest == sent
    if type_.needs_self_test:
        same = same and tested == found
    confirmed = await tx.session.scalars(
        select(Confirmation.department)
        .where(Confirmation.filing_id == filing.id, Confirmation.digest == found)
        .order_by(Confirmation.department)
    )
    departments = list(confirmed)
    if not same or not set(filing.departments) <= set(departments):
        raise DigestMismatch(clause="A11.2", filed=filing.digest, found=found)
    return departments


async def check_still_live(tx: Transaction, filing: Filing, type_: FilingType) -> None:
    """An update or delisting of what has gone in the meantime has no object any more."""
    if not type_.needs_live_listing or filing.listing_id is None:
        return
    listing = await live_listing(tx, filing.listing_id)
    if listing is None or listing.state not in LIVE:
        raise ListingNotLive(clause=type_.clause, listing_id=filing.listing_id)


def _algorithm(tagged: str) -> Algorithm:
    return "sm3" if tagged.startswith("sm3:") else "sha-256"
