"""The public life of listings, moved by filing's decisions alone (A11, C1, C7, C8)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, update

from services.catalog.commands.limits import limit
from services.catalog.commands.notices import announce
from services.catalog.errors import ListingUnknown
from services.catalog.rules.listings import (
    LISTING,
    FilingProgress,
    FilingType,
    Gate,
    ListingAction,
    ListingState,
    gate,
)
from services.catalog.rules.notices import NoticeKind
from services.catalog.rules.search_terms import normalised, searchable, terms
from services.catalog.schemas.listings import ListingView
from services.catalog.tables import (
    Hall,
    Item,
    Listing,
    ListingFiling,
    ListingVersion,
    Norm,
    Organisation,
    PlanLine,
    Zone,
)
from shared.database import Transaction
from shared.events.catalog import (
    ListingArchived,
    ListingDelisted,
    ListingPublicationRefused,
    ListingPublished,
    ListingScheduled,
    ListingSuspended,
)
from shared.events.filing import (
    EmergencyDelistingOrdered,
    FilingAccepted,
    FilingSubmitted,
    ListingContent,
    PlanLinesAccepted,
)

_BATCH = 100
LISTING_FILINGS = frozenset(FilingType)


async def note_submission(tx: Transaction, event: FilingSubmitted, *, region: str) -> None:
    """Keep that a filing about a listing is under way; the public sees nothing of it."""
    if event.filing_type not in LISTING_FILINGS or event.listing_id is None:
        return
    listing = await _lock(tx, event.listing_id)
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
            department=await _department(tx, event.item_code),
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


async def accept(tx: Transaction, event: FilingAccepted, *, region: str) -> None:
    """Do what the province took note of: publish, update, delist, or link a written filing."""
    if event.filing_type not in LISTING_FILINGS or event.listing_id is None:
        return
    filing = await _filing_of(tx, event, region=region)
    filing.state, filing.digest = FilingProgress.ACCEPTED, event.digest
    filing.goes_live_at = event.goes_live_at
    match FilingType(event.filing_type):
        case FilingType.LISTING | FilingType.UPDATE:
            await _accept_content(tx, event, filing)
        case FilingType.DELIST:
            listing = await _known(tx, event.listing_id)
            await _delist(tx, listing, filing_id=event.filing_id, decided_at=event.accepted_at)
        case FilingType.EMERGENCY_DELIST:
            pass  # the order has closed it already; the written filing is linked by its row


async def _accept_content(tx: Transaction, event: FilingAccepted, filing: ListingFiling) -> None:
    """Publish now or later what passes the gate (C7); else tell why, and change nothing public."""
    listing = await _known(tx, filing.listing_id)
    content = event.content
    owner = None if content is None else await _owner(tx, content)
    refused, found = gate(
        content,
        filed=event.digest,
        owner_kind=None if owner is None else owner.kind,
        references_known=content is not None and await _references_known(tx, content),
        confirmed_by=event.confirmed_by,
    )
    if content is None or owner is None or refused is not None:
        _refuse_publication(tx, listing, filing, found, refused or Gate.REFERENCE_UNKNOWN)
        return
    version = ListingVersion(
        listing_id=listing.id,
        version=await _next_version(tx, listing.id),
        digest=event.digest,
        filing_id=event.filing_id,
        content=content.model_dump(mode="json"),
    )
    tx.session.add(version)
    if listing.decided_at is not None and event.accepted_at < listing.decided_at:
        version.valid_from = version.valid_to = event.accepted_at  # an older decision came late
        return
    listing.decided_at = event.accepted_at
    if event.goes_live_at is not None and event.goes_live_at > tx.now:
        _schedule(tx, listing, version, content, goes_live_at=event.goes_live_at)
    else:
        await _publish(tx, listing, version, content)


def _refuse_publication(
    tx: Transaction, listing: Listing, filing: ListingFiling, found: str, reason: Gate
) -> None:
    filing.state = FilingProgress.PUBLICATION_REFUSED
    tx.emit(
        ListingPublicationRefused(
            listing_id=listing.id,
            filing_id=filing.filing_id,
            expected_digest=filing.digest,
            found_digest=found,
            reason=reason,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


def _schedule(
    tx: Transaction,
    listing: Listing,
    version: ListingVersion,
    content: ListingContent,
    *,
    goes_live_at: datetime,
) -> None:
    """Wait for the planned time; a live listing stays as it is until then (C1)."""
    if listing.state != ListingState.LISTED:
        _move(tx, listing, ListingAction.SCHEDULE)
        listing.title, listing.hall_id = content.title, content.hall_id
    listing.goes_live_at, listing.next_version = goes_live_at, version.version
    tx.emit(
        ListingScheduled(
            listing_id=listing.id,
            filing_id=version.filing_id,
            version=version.version,
            goes_live_at=goes_live_at,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


async def publish_due(tx: Transaction) -> None:
    """The clock's part: what was scheduled for a time that has come goes live."""
    due = await tx.session.scalars(
        select(Listing)
        .where(Listing.goes_live_at <= tx.now, Listing.next_version.is_not(None))
        .order_by(Listing.goes_live_at, Listing.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for listing in due.all():
        version = await tx.session.get_one(ListingVersion, (listing.id, listing.next_version))
        await _publish(tx, listing, version, ListingContent.model_validate(version.content))


async def _publish(
    tx: Transaction, listing: Listing, version: ListingVersion, content: ListingContent
) -> None:
    """Put a version live: the one before it ends, the public document is written anew."""
    listed = listing.state == ListingState.LISTED
    _move(tx, listing, ListingAction.UPDATE if listed else ListingAction.PUBLISH)
    await tx.session.flush()
    await tx.session.execute(
        update(ListingVersion)
        .where(
            ListingVersion.listing_id == listing.id,
            ListingVersion.version != version.version,
            ListingVersion.valid_from.is_not(None),
            ListingVersion.valid_to.is_(None),
        )
        .values(valid_to=tx.now)
    )
    version.valid_from, version.valid_to = tx.now, None
    listing.version, listing.filing_id = version.version, version.filing_id
    listing.listed_at = listing.listed_at if listed and listing.listed_at else tx.now
    listing.delisted_at = listing.notice_id = None
    listing.goes_live_at = listing.next_version = None
    await _write_public(tx, listing, version)
    tx.emit(
        ListingPublished(
            listing_id=listing.id,
            filing_id=version.filing_id,
            item_code=content.item_code,
            organisation_id=content.organisation_id,
            hall_id=content.hall_id,
            zone_id=content.zone_id,
            kind=content.kind,
            title=content.title,
            version=version.version,
            digest=version.digest,
            entry_url=content.entry_url,
            listed_at=tx.now,
        ),
        subject=f"listing:{listing.id}",
        region=content.region,
    )


async def delist_in_emergency(tx: Transaction, event: EmergencyDelistingOrdered) -> None:
    """Off at once after an oral report, announced in the same transaction (A11.4, A11.6, C8)."""
    listing = await _known(tx, event.listing_id)
    if listing.state == ListingState.DELISTED:
        return  # an ordinary delisting came first: there is nothing left to close
    _move(tx, listing, ListingAction.SUSPEND)
    await _delist(
        tx,
        listing,
        filing_id=event.filing_id,
        decided_at=event.ordered_at,
        kind=NoticeKind.EMERGENCY_DELIST,
    )


async def _delist(
    tx: Transaction,
    listing: Listing,
    *,
    filing_id: UUID,
    decided_at: datetime,
    kind: NoticeKind = NoticeKind.DELIST,
) -> None:
    """End a listing's public life; the notice is there before it is complete (A11.6)."""
    emergency = kind is NoticeKind.EMERGENCY_DELIST
    if listing.state == ListingState.DELISTED:
        return
    if emergency or await limit(tx, "notice_on_delisting"):
        listing.notice_id = (
            await announce(tx, kind, listing, filing_id=filing_id, at=decided_at)
        ).id
    if emergency:
        tx.emit(
            ListingSuspended(
                listing_id=listing.id, filing_id=filing_id, notice_id=listing.notice_id
            ),
            subject=f"listing:{listing.id}",
            region=listing.region,
        )
    _move(tx, listing, ListingAction.DELIST)
    listing.decided_at = max(decided_at, listing.decided_at or decided_at)
    listing.delisted_at, listing.filing_id = tx.now, filing_id
    listing.goes_live_at = listing.next_version = None
    version = await tx.session.get(ListingVersion, (listing.id, listing.version))
    if version is not None:
        version.valid_to = tx.now
        await _write_public(tx, listing, version)
    tx.emit(
        ListingDelisted(
            listing_id=listing.id,
            filing_id=filing_id,
            emergency=emergency,
            notice_id=listing.notice_id,
            delisted_at=tx.now,
        ),
        subject=f"listing:{listing.id}",
        region=listing.region,
    )


async def archive_old(tx: Transaction) -> None:
    """Take delisted listings out of the public's sight when the policy's days have passed."""
    days = await limit(tx, "listing_archived_after")
    old = await tx.session.scalars(
        select(Listing)
        .where(
            Listing.state == ListingState.DELISTED,
            Listing.delisted_at < tx.now - func.make_interval(0, 0, 0, int(days)),
        )
        .order_by(Listing.delisted_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for listing in old.all():
        _move(tx, listing, ListingAction.ARCHIVE)
        listing.epoch = await _next_epoch(tx)
        tx.emit(
            ListingArchived(listing_id=listing.id),
            subject=f"listing:{listing.id}",
            region=listing.region,
        )


async def retype(tx: Transaction, item_codes: list[str]) -> None:
    """Carry a changed item type into the public documents of the item's listings."""
    listings = await tx.session.scalars(
        select(Listing)
        .where(Listing.item_code.in_(item_codes), Listing.version > 0)
        .order_by(Listing.id)
        .with_for_update()
    )
    for listing in listings.all():
        version = await tx.session.get_one(ListingVersion, (listing.id, listing.version))
        await _write_public(tx, listing, version)


async def accept_plan(tx: Transaction, event: PlanLinesAccepted, *, region: str) -> None:
    """Keep what a unit's accepted yearly list says that it should list (A10.2, A8.1)."""
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


async def _write_public(tx: Transaction, listing: Listing, version: ListingVersion) -> None:
    """The public document, what it is found by, and the number of this change."""
    content = ListingContent.model_validate(version.content)
    organisation = await tx.session.get_one(Organisation, content.organisation_id)
    item = await tx.session.get_one(Item, content.item_code)
    listing.item_code, listing.item_type = item.code, item.item_type
    listing.organisation_id, listing.region = content.organisation_id, content.region
    listing.kind, listing.title, listing.hall_id = content.kind, content.title, content.hall_id
    listing.audiences, listing.channels = content.audiences, content.channels
    listing.title_text = normalised(content.title)
    listing.search_text = searchable(content.title, content.summary, *content.keywords)
    listing.terms = sorted(terms(listing.search_text))
    listing.epoch = await _next_epoch(tx)
    if listing.number is None:
        listing.number = listing.epoch
    shown = content.model_dump(exclude={"builder", "operations_contact", "data_scope"})
    listing.doc = ListingView(
        **shown,
        id=listing.id,
        state=listing.state,
        version=listing.version,
        item_type=item.item_type,
        organisation_name=organisation.name,
        digest=version.digest,
        filing_id=listing.filing_id or version.filing_id,
        listed_at=listing.listed_at or tx.now,
        delisted_at=listing.delisted_at,
        notice_id=listing.notice_id,
    ).model_dump_json()


def _move(tx: Transaction, listing: Listing, action: ListingAction) -> None:
    listing.state = LISTING.after(ListingState(listing.state), action, tx.actor.role)


async def _next_epoch(tx: Transaction) -> int:
    """Count the change; the row stays locked until commit, so epochs are in commit order."""
    epoch: int = await tx.session.scalar(
        text("update search_epoch set epoch = epoch + 1 returning epoch")
    )
    return epoch


async def _lock(tx: Transaction, listing_id: UUID) -> Listing | None:
    listing: Listing | None = await tx.session.scalar(
        select(Listing).where(Listing.id == listing_id).with_for_update()
    )
    return listing


async def _known(tx: Transaction, listing_id: UUID) -> Listing:
    listing = await _lock(tx, listing_id)
    if listing is None:
        raise ListingUnknown(str(listing_id))
    return listing


async def _filing_of(tx: Transaction, event: FilingAccepted, *, region: str) -> ListingFiling:
    """The filing's row; a decision without a submission (an order in an emergency) gets its own."""
    assert event.listing_id is not None  # noqa: S101 the caller looked
    filing = await tx.session.get(ListingFiling, event.filing_id)
    if filing is None:
        filing = ListingFiling(
            filing_id=event.filing_id,
            listing_id=event.listing_id,
            filing_type=event.filing_type,
            item_code=event.item_code,
            organisation_id=event.organisation_id,
            region=region,
            department=await _department(tx, event.item_code),
            round=1,
            digest=event.digest,
            submitted_at=tx.now,
        )
        tx.session.add(filing)
    return filing


async def _owner(tx: Transaction, content: ListingContent) -> Organisation | None:
    """The accountable unit, held open until commit: it is not closed or renamed meanwhile (C5)."""
    owner: Organisation | None = await tx.session.scalar(
        select(Organisation)
        .where(Organisation.id == content.organisation_id, Organisation.active)
        .with_for_update(read=True)
    )
    return owner


async def _references_known(tx: Transaction, content: ListingContent) -> bool:
    wanted = [
        select(Item.code).where(Item.code == content.item_code, Item.active),
        select(Hall.id).where(Hall.id == content.hall_id, Hall.state != "MERGED"),
        select(Norm.version).where(Norm.version == content.norm_version),
    ]
    if content.zone_id is not None:
        wanted.append(select(Zone.id).where(Zone.id == content.zone_id))
    found = await tx.session.execute(select(*(each.exists() for each in wanted)))
    return all(found.one())


async def _department(tx: Transaction, item_code: str | None) -> str | None:
    if item_code is None:
        return None
    department: str | None = await tx.session.scalar(
        select(Item.department).where(Item.code == item_code)
    )
    return department


async def _next_version(tx: Transaction, listing_id: UUID) -> int:
    last = await tx.session.scalar(
        select(func.max(ListingVersion.version)).where(ListingVersion.listing_id == listing_id)
    )
    return (last or 0) + 1
