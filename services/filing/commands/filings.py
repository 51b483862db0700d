"""The filer's part: draft, revise, submit, withdraw."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.filing import rules
from services.filing.commands import effects
from services.filing.commands.closing import close, tell_withdrawn
from services.filing.commands.gates import LISTING_DOCUMENTS, check_content, refuse_open_appeal
from services.filing.commands.partners import refuse_forced_out, refuse_inactive
from services.filing.commands.records import (
    advance,
    ground,
    keep,
    live_listing,
    load_filing,
    owner,
    policies_now,
    today,
    type_of,
)
from services.filing.commands.submission import submit
from services.filing.errors import (
    GoesLiveInPast,
    ListingItemFixed,
    ListingMissing,
    ListingNotLive,
    MemberNotForType,
    TypeNotForOrganisation,
    WrittenFilingStays,
)
from services.filing.rules import Action, FilingKind, FilingType, State
from services.filing.tables import Filing
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.access import Relation, check_relation
from shared.security.canonical import digest

# What a draft has not yet: said, so that a member that is read back costs no search.
_LATER = (
    "number", "revoked_by", "submitted_at", "decided_at", "due_at", "due_for", "overdue_at",
)  # fmt: skip
_ABOUT_LISTINGS = frozenset({*LISTING_DOCUMENTS, FilingKind.DELIST, FilingKind.EMERGENCY_DELIST})


@dataclass(frozen=True, slots=True)
class FilingEntry:
    """What a filer enters; `content` is the validated document as JSON."""

    content: Mapping[str, Any]
    listing_id: UUID | None = None
    plan_line_id: UUID | None = None
    self_test: Mapping[str, Any] | None = None
    goes_live_at: datetime | None = None


async def create_filing(
    tx: Transaction,
    kind: FilingKind,
    entry: FilingEntry,
    relation: Relation,
    *,
    at_once: bool,
    checked: bool = False,
) -> Filing:
    """A draft on the type's version of today; `at_once` also submits it.

    `checked` says that the caller has looked at the document.
    """
    found = await ground(tx, entry.content)  # all that the gates need, in one statement
    type_ = rules.in_force(found.types, kind, today(tx))
    organisation = await owner(tx)
    refuse_foreign_filer(type_, organisation)
    await refuse_inactive(tx, organisation, kind)
    filing = Filing(
        id=uuid4(),
        type=kind,
        type_version=type_.version,
        flow=type_.flow_for(local=organisation.local),
        state=State.DRAFT,
        organisation_id=organisation.id,
        region=organisation.region,
        departments=[],
        round=1,
        provisional=False,
        **dict.fromkeys(_LATER),
        created_at=tx.now,
        updated_at=tx.now,
        version=0,
    )
    await _enter(tx, filing, entry, relation, organisation)
    if not checked:
        await check_content(tx, filing, organisation)
    tx.add(filing)
    keep(tx, filing, "CREATE", clause=type_.clause)
    if at_once:
        await tx.session.flush()
        await submit(tx, filing, type_, organisation, checked=True)
    return filing


async def revise_filing(
    tx: Transaction, filing_id: UUID, kind: FilingKind, entry: FilingEntry, relation: Relation
) -> Filing:
    """Replace the document; what was tested or confirmed for another digest no longer counts."""
    await refuse_forced_out(tx)
    filing = await load_filing(tx, filing_id, relation)
    filing.state = advance(tx, filing, Action.REVISE)
    await refuse_open_appeal(tx, filing)
    if kind != filing.type:
        raise MemberNotForType(
            filing_type=filing.type, errors=[FieldError("/filing_type", MemberNotForType.code)]
        )
    organisation = await owner(tx)
    await _enter(tx, filing, entry, relation, organisation)
    await check_content(tx, filing, organisation)
    keep(tx, filing, Action.REVISE)
    return filing


async def submit_filing(
    tx: Transaction,
    filing_id: UUID,
    relation: Relation,
    *,
    self_test: Mapping[str, Any] | None = None,
) -> Filing:
    """Send to the province, for the first time or again in the same thread."""
    await refuse_forced_out(tx)
    filing = await load_filing(tx, filing_id, relation)
    if self_test is not None and filing.type in LISTING_DOCUMENTS:
        filing.self_test = dict(self_test)
    await submit(tx, filing, await type_of(tx, filing), await owner(tx))
    return filing


async def withdraw_filing(
    tx: Transaction, filing_id: UUID, relation: Relation, *, reason: str
) -> Filing:
    """Take back before the decision; a written filing that fulfilled an obligation stays."""
    filing = await load_filing(tx, filing_id, relation)
    state, was = advance(tx, filing, Action.WITHDRAW), filing.state
    if was != State.DRAFT and not (await type_of(tx, filing)).may_withdraw:
        raise WrittenFilingStays(clause="A11.5")
    filing.state = state
    await close(tx, filing, Action.WITHDRAW, reason=reason)
    if was != State.DRAFT:
        tell_withdrawn(tx, filing)
    return filing


def refuse_foreign_filer(type_: FilingType, organisation: rules.Organisation) -> None:
    """Each type is filed by some kinds of organisation only."""
    if organisation.kind not in type_.filers:
        raise TypeNotForOrganisation(
            clause=type_.clause, filing_type=type_.type, kind=organisation.kind
        )


async def _enter(
    tx: Transaction,
    filing: Filing,
    entry: FilingEntry,
    relation: Relation,
    organisation: rules.Organisation,
) -> None:
    """Put what was entered into the filing."""
    content = dict(entry.content)
    _refuse_foreign_members(filing, entry)
    named = str(content.get("organisation_id", organisation.id))
    check_relation(relation, tx.actor, organisation=named, region=organisation.region)
    filing.listing_id = await _listing_id(tx, filing, entry, relation)
    filing.item_code = content.get("item_code")
    filing.plan_line_id = entry.plan_line_id
    filing.plan_year = content.get("year") if filing.type == FilingKind.LISTING_PLAN else None
    filing.oral_report_id = UUID(content["oral_report_id"]) if "oral_report_id" in content else None
    filing.goes_live_at = await _goes_live_at(tx, entry)
    filing.content = content
    filing.subject = effects.subject_of(filing)
    filing.digest = digest(content, algorithm=tx.algorithm)
    filing.self_test = dict(entry.self_test) if entry.self_test is not None else None


def _refuse_foreign_members(filing: Filing, entry: FilingEntry) -> None:
    """A listing id, self-test, plan line or going-live time belongs to some types only."""
    listing = filing.type in LISTING_DOCUMENTS
    present = {
        "/self_test": entry.self_test is not None and not listing,
        "/goes_live_at": entry.goes_live_at is not None and not listing,
        "/plan_line_id": entry.plan_line_id is not None and filing.type != FilingKind.LISTING,
        "/listing_id": entry.listing_id is not None and filing.type not in _ABOUT_LISTINGS,
    }
    wrong = [
        FieldError(pointer, MemberNotForType.code) for pointer, there in present.items() if there
    ]
    if wrong:
        raise MemberNotForType(filing_type=filing.type, errors=wrong)


async def _listing_id(
    tx: Transaction, filing: Filing, entry: FilingEntry, relation: Relation
) -> UUID | None:
    """The listing that this filing is about: its own new one, or one that is already known."""
    if filing.type not in _ABOUT_LISTINGS:
        return None
    if filing.type == FilingKind.EMERGENCY_DELIST:
        return UUID(entry.content["listing_id"])
    if entry.listing_id is None and filing.type == FilingKind.LISTING:
        return filing.listing_id or uuid4()
    if entry.listing_id is None:
        raise ListingMissing(
            clause="A11.3", errors=[FieldError("/listing_id", ListingMissing.code)]
        )
    if filing.listing_id not in (None, entry.listing_id):
        raise ListingItemFixed(
            clause="A11.3", errors=[FieldError("/listing_id", ListingItemFixed.code)]
        )
    if entry.listing_id == filing.listing_id and filing.type == FilingKind.LISTING:
        return entry.listing_id
    listing = await live_listing(tx, entry.listing_id)
    if listing is None:
        raise ListingNotLive(clause="A11.3", listing_id=entry.listing_id)
    check_relation(relation, tx.actor, organisation=listing.organisation_id, region=listing.region)
    if entry.content.get("item_code", listing.item_code) != listing.item_code:
        raise ListingItemFixed(
            clause="A11.3", errors=[FieldError("/content/item_code", ListingItemFixed.code)]
        )
    return entry.listing_id


async def _goes_live_at(tx: Transaction, entry: FilingEntry) -> datetime | None:
    if entry.goes_live_at is None:
        return None
    days = int((await policies_now(tx))["goes_live_ahead"].value)
    if not tx.now < entry.goes_live_at <= tx.now + timedelta(days=days):
        raise GoesLiveInPast(
            clause="A11.1", days=days, errors=[FieldError("/goes_live_at", GoesLiveInPast.code)]
        )
    return entry.goes_live_at
