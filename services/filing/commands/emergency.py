"""Emergency delisting: oral report, order, and the written filing owed afterwards (A11.4–6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from services.filing.commands import obligations
from services.filing.commands.closing import revoke_pending
from services.filing.commands.records import live_listing, lock_names, next_number, policies_now
from services.filing.errors import (
    EmergencyAlreadyOrdered,
    EmergencyOrderMissing,
    ListingNotLive,
    ObligationAlreadyFulfilled,
    OperatorNeedsOrder,
    OralReportInFuture,
    OralReportMissing,
    OralReportNotFound,
    OralReportScopeMismatch,
    OralReportTooOld,
    OralReportUsed,
)
from services.filing.rules import ClockKind, FilingKind
from services.filing.tables import EmergencyDelisting, Filing, LiveListing, Obligation, OralReport
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import EmergencyDelistingOrdered
from shared.security.access import Relation, check_relation
from shared.security.identity import Role
from shared.security.scope import visible

_LIVE = ("LISTED", "SUSPENDED")
_REVOKED = frozenset({FilingKind.LISTING, FilingKind.UPDATE, FilingKind.DELIST})


@dataclass(frozen=True, slots=True)
class OralReportEntry:
    """Offices and roles, not persons; `reported_at` is when it was said."""

    reporter_office: str
    receiver_office: str
    channel: str
    reported_at: datetime
    summary: str
    reason_class: str


@dataclass(frozen=True, slots=True)
class EmergencyOrder:
    """What is ordered; `on_order_of` is the province's order that the operator carries out."""

    listing_id: UUID
    reason_class: str | None = None
    oral_report: OralReportEntry | None = None
    oral_report_id: UUID | None = None
    notice_text: str | None = None
    alternative_channel: str | None = None
    on_order_of: str | None = None


async def record_oral_report(
    tx: Transaction, listing_id: UUID, entry: OralReportEntry, relation: Relation
) -> OralReport:
    """Record what was reported by word of mouth before the switch (A11.4)."""
    listing = await _live(tx, listing_id, relation)
    return await _record(tx, listing, entry, pointer="")


async def delist_in_emergency(
    tx: Transaction, order: EmergencyOrder, relation: Relation
) -> EmergencyDelisting:
    """One call: oral report, order, obligation with its running clock (C8); effective at once."""
    listing = await _live(tx, order.listing_id, relation)
    if tx.actor.role is Role.OPERATOR and not order.on_order_of:
        raise OperatorNeedsOrder(clause="A9.2")
    await lock_names(tx, f"listing:{listing.id}")
    await _refuse_second_order(tx, listing)
    report = await _oral_report(tx, listing, order)
    delisting = EmergencyDelisting(
        id=uuid4(),
        number=await next_number(tx),
        listing_id=listing.id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        oral_report_id=report.id,
        reason_class=order.reason_class or report.reason_class,
        notice_text=order.notice_text,
        alternative_channel=order.alternative_channel,
        on_order_of=order.on_order_of,
        ordered_by=tx.actor.subject,
        ordering_organisation=tx.actor.organisation,
        ordered_at=tx.now,
        version=1,
    )
    tx.session.add(delisting)
    await tx.session.flush()
    await revoke_pending(tx, listing.id, revoked_by=delisting.id, kinds=_REVOKED)
    tx.emit(
        EmergencyDelistingOrdered(
            filing_id=delisting.id,
            listing_id=listing.id,
            organisation_id=listing.organisation_id,
            oral_report_id=report.id,
            reason_class=delisting.reason_class,
            ordered_at=tx.now,
            notice_text=order.notice_text,
            alternative_channel=order.alternative_channel,
        ),
        subject=f"filing:{delisting.id}",
        region=listing.region,
    )
    debt = obligations.Debt(
        kind=ClockKind.WRITTEN_FILING,
        organisation_id=delisting.organisation_id,
        region=delisting.region,
        clause="A11.5",
        policy="emergency_written_filing",
        filing_id=delisting.id,
    )
    await obligations.owe(tx, debt)
    return delisting


async def fulfil(tx: Transaction, filing: Filing) -> None:
    """The written filing pays what is owed, in time or late; lateness is not erased (A11.5, F8)."""
    delisting = await tx.session.scalar(
        select(EmergencyDelisting).where(EmergencyDelisting.oral_report_id == filing.oral_report_id)
    )
    if delisting is None:
        await _refuse_unknown_report(tx, filing)
        raise EmergencyOrderMissing(clause="A11.4", oral_report_id=filing.oral_report_id)
    if (delisting.listing_id, delisting.organisation_id) != (
        filing.listing_id,
        filing.organisation_id,
    ):
        raise OralReportScopeMismatch(
            clause="A11.5",
            errors=[FieldError("/content/listing_id", OralReportScopeMismatch.code)],
        )
    obligation = await tx.session.scalar(
        select(Obligation).where(Obligation.filing_id == delisting.id)
    )
    if obligation is None:
        raise EmergencyOrderMissing(clause="A11.4", oral_report_id=filing.oral_report_id)
    if obligation.fulfilled_by == filing.id:
        return
    if not await obligations.fulfil(tx, obligation, by=filing.id):
        raise ObligationAlreadyFulfilled(clause="A11.5", filing_id=obligation.fulfilled_by)
    delisting.version += 1


async def _live(tx: Transaction, listing_id: UUID, relation: Relation) -> LiveListing:
    """A listing that is live and in this actor's remit (reading 4)."""
    listing = await live_listing(tx, listing_id)
    if listing is None:
        raise ListingNotLive(clause="A11.4", listing_id=listing_id)
    check_relation(
        relation,
        tx.actor,
        organisation=listing.organisation_id,
        region=listing.region,
        clause="A11.4",
    )
    if listing.state not in _LIVE:
        raise ListingNotLive(clause="A11.4", listing_id=listing_id)
    return listing


async def _refuse_second_order(tx: Transaction, listing: LiveListing) -> None:
    earlier = await tx.session.scalar(
        select(EmergencyDelisting.id).where(
            EmergencyDelisting.listing_id == listing.id, EmergencyDelisting.delisted_at.is_(None)
        )
    )
    if earlier is not None:
        raise EmergencyAlreadyOrdered(clause="A11.4", filing_id=earlier)


async def _oral_report(tx: Transaction, listing: LiveListing, order: EmergencyOrder) -> OralReport:
    """The report of this very call, or one that was recorded before; never none (A11.4)."""
    if (order.oral_report is None) is (order.oral_report_id is None):
        raise OralReportMissing(
            clause="A11.4", errors=[FieldError("/oral_report", OralReportMissing.code)]
        )
    if order.oral_report is not None:
        return await _record(tx, listing, order.oral_report, pointer="/oral_report")
    report = await _visible_report(tx, order.oral_report_id)
    if report.listing_id != listing.id:
        raise OralReportScopeMismatch(
            clause="A11.4", errors=[FieldError("/oral_report_id", OralReportScopeMismatch.code)]
        )
    used = await tx.session.scalar(
        select(EmergencyDelisting.id).where(EmergencyDelisting.oral_report_id == report.id)
    )
    if used is not None:
        raise OralReportUsed(clause="A11.4", filing_id=used)
    await _refuse_wrong_time(tx, report.reported_at, pointer="/oral_report_id")
    return report


async def _visible_report(tx: Transaction, oral_report_id: UUID | None) -> OralReport:
    report = await tx.session.scalar(
        select(OralReport)
        .where(
            OralReport.id == oral_report_id,
            visible(
                tx.actor,
                region=OralReport.region.expression,
                organisation=OralReport.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if report is None:
        raise OralReportNotFound(oral_report_id=oral_report_id)
    return report


async def _refuse_unknown_report(tx: Transaction, filing: Filing) -> None:
    known = await tx.session.scalar(
        select(OralReport.id).where(OralReport.id == filing.oral_report_id)
    )
    if known is None:
        raise OralReportMissing(
            clause="A11.4",
            errors=[FieldError("/content/oral_report_id", OralReportMissing.code)],
        )


async def _record(
    tx: Transaction, listing: LiveListing, entry: OralReportEntry, *, pointer: str
) -> OralReport:
    await _refuse_wrong_time(tx, entry.reported_at, pointer=f"{pointer}/reported_at")
    report = OralReport(
        id=uuid4(),
        listing_id=listing.id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        reporter_office=entry.reporter_office,
        receiver_office=entry.receiver_office,
        channel=entry.channel,
        reported_at=entry.reported_at,
        summary=entry.summary,
        reason_class=entry.reason_class,
        recorded_by=tx.actor.subject,
        recorded_at=tx.now,
    )
    tx.session.add(report)
    await tx.session.flush()
    tx.audit("oral_report.recorded", subject=f"oral-report:{report.id}")
    return report


async def _refuse_wrong_time(tx: Transaction, reported_at: datetime, *, pointer: str) -> None:
    """The report comes before the switch, and not long before."""
    hours = int((await policies_now(tx))["oral_report_age"].value)
    if reported_at > tx.now:
        raise OralReportInFuture(
            clause="A11.4", errors=[FieldError(pointer, OralReportInFuture.code)]
        )
    if reported_at < tx.now - timedelta(hours=hours):
        raise OralReportTooOld(
            clause="A11.4", hours=hours, errors=[FieldError(pointer, OralReportTooOld.code)]
        )
