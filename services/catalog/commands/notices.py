"""Notices: published, edited visibly, withdrawn; and those that a decision publishes (A11.6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import or_, select

from services import catalog
from services.catalog.commands.register import refuse
from services.catalog.errors import NoticeNotFound, NoticeWithdrawnAlready
from services.catalog.rules.listings import PUBLIC
from services.catalog.rules.notices import NoticeKind
from services.catalog.rules.register import OrganisationKind
from services.catalog.schemas.notices import NoticeInput, NoticeText
from services.catalog.tables import Listing, Notice, NoticeWording, Organisation
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import (
    NoticeEdited,
    NoticeExpired,
    NoticePublished,
    NoticeWithdrawn,
)
from shared.http.language import ZH
from shared.http.messages import Messages, load_messages
from shared.security.identity import PROVINCE_REGION

_BATCH = 100
SENTENCES = Messages(load_messages(catalog.__name__))


async def publish_notice(tx: Transaction, given: NoticeInput) -> Notice:
    """Publish now or at its time; `references_wrong` (422) for listings that nobody knows."""
    await _refuse_unknown(tx, given.listing_ids)
    region = given.regions[0] if len(given.regions) == 1 else PROVINCE_REGION
    return _publish(tx, given, publisher=tx.actor.organisation, region=region)


async def announce(
    tx: Transaction,
    kind: NoticeKind,
    *,
    params: Mapping[str, str],
    region: str,
    at: datetime,
    listing_ids: Sequence[UUID] = (),
    filing_id: UUID | None = None,
) -> Notice:
    """Publish the template of this kind on the operator's behalf (A5.3, A11.6, A15.5)."""
    template = f"notice.{kind}"
    alternative = SENTENCES.title("notice.alternative_channel", ZH)
    filled = {
        **params,
        "time": at.astimezone(SHANGHAI).strftime("%Y年%m月%d日 %H:%M"),
        "alternative": alternative,
    }
    given = NoticeInput.model_construct(  # what the platform says is not bounded like a caller's
        kind=kind,
        title=SENTENCES.title(template, ZH, filled),
        text=SENTENCES.detail(template, ZH, filled) or "",
        alternative_channel=alternative,
        listing_ids=list(listing_ids),
        regions=[region],
        starts_at=at,
        publishes_at=None,
        expires_at=None,
    )
    publisher = await _operator(tx)
    return _publish(tx, given, publisher=publisher, region=region, filing_id=filing_id)


async def edit_notice(tx: Transaction, notice_id: UUID, given: NoticeText) -> Notice:
    """Change the wording; the earlier one stays visible."""
    notice = await _open(tx, notice_id)
    notice.title, notice.text = given.title, given.text
    notice.alternative_channel = given.alternative_channel
    notice.expires_at = given.expires_at
    notice.version += 1
    _follow(notice)
    _keep_wording(tx, notice)
    tx.emit(
        NoticeEdited(notice_id=notice.id, version=notice.version),
        subject=f"notice:{notice.id}",
        region=_region(notice),
    )
    return notice


async def withdraw_notice(tx: Transaction, notice_id: UUID, *, reason: str) -> Notice:
    """Take a notice back; it stays readable, with the reason."""
    notice = await _open(tx, notice_id)
    notice.withdrawn_at, notice.withdrawal_reason = tx.now, reason
    notice.next_due_at = None
    notice.version += 1
    tx.emit(
        NoticeWithdrawn(notice_id=notice.id),
        subject=f"notice:{notice.id}",
        region=_region(notice),
    )
    return notice


def _publish(
    tx: Transaction,
    given: NoticeInput,
    *,
    publisher: str,
    region: str,
    filing_id: UUID | None = None,
) -> Notice:
    planned = given.publishes_at
    notice = Notice(
        id=uuid4(),
        version=1,
        **given.model_dump(exclude={"publishes_at"}),
        publisher=publisher,
        filing_id=filing_id,
        published_at=planned if planned is not None and planned > tx.now else tx.now,
    )
    tx.session.add(notice)
    _keep_wording(tx, notice)
    if notice.published_at <= tx.now:
        _tell_published(tx, notice, region)
    _follow(notice)
    return notice


async def follow_time(tx: Transaction) -> None:
    """The clock's part: a planned notice comes out, one whose time is over goes, each once."""
    due = await tx.session.scalars(
        select(Notice)
        .where(Notice.next_due_at <= tx.now)
        .order_by(Notice.next_due_at, Notice.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for notice in due.all():
        if notice.told_at is None:
            _tell_published(tx, notice, _region(notice))
            _follow(notice)
        else:
            notice.next_due_at = None
            tx.emit(
                NoticeExpired(notice_id=notice.id, expired_at=notice.expires_at or tx.now),
                subject=f"notice:{notice.id}",
                region=_region(notice),
            )


def _follow(notice: Notice) -> None:
    """The next instant that it is told of: its publication, then its end, then none."""
    notice.next_due_at = notice.published_at if notice.told_at is None else notice.expires_at


def _tell_published(tx: Transaction, notice: Notice, region: str) -> None:
    notice.told_at = tx.now
    tx.emit(
        NoticePublished(
            notice_id=notice.id,
            kind=notice.kind,
            listing_ids=notice.listing_ids,
            filing_id=notice.filing_id,
            published_at=notice.published_at,
            expires_at=notice.expires_at,
        ),
        subject=f"notice:{notice.id}",
        region=region,
    )


def _keep_wording(tx: Transaction, notice: Notice) -> None:
    tx.session.add(
        NoticeWording(
            notice_id=notice.id,
            version=notice.version,
            title=notice.title,
            text=notice.text,
            alternative_channel=notice.alternative_channel,
            expires_at=notice.expires_at,
            edited_by=tx.actor.organisation,
            edited_at=tx.now,
        )
    )


async def _open(tx: Transaction, notice_id: UUID) -> Notice:
    notice = await tx.session.scalar(select(Notice).where(Notice.id == notice_id).with_for_update())
    if notice is None:
        raise NoticeNotFound(id=notice_id)
    tx.expect(notice.version)
    if notice.withdrawn_at is not None:
        raise NoticeWithdrawnAlready(id=notice_id)
    return notice


def _region(notice: Notice) -> str:
    return notice.regions[0] if len(notice.regions) == 1 else PROVINCE_REGION


async def _refuse_unknown(tx: Transaction, listing_ids: list[UUID]) -> None:
    rows = await tx.session.scalars(
        select(Listing.id).where(Listing.id.in_(listing_ids), Listing.state.in_(PUBLIC))
    )
    known = set(rows)
    refuse(
        [
            FieldError(f"listing_ids/{place}", "listing_not_found", {"id": each})
            for place, each in enumerate(listing_ids)
            if each not in known
        ]
    )


async def _operator(tx: Transaction) -> str:
    """The operator under mandate today (A9.1), else the province itself."""
    today = tx.now.astimezone(SHANGHAI).date()
    operator = await tx.session.scalar(
        select(Organisation.id)
        .where(
            Organisation.kind.in_(
                [OrganisationKind.OPERATOR, OrganisationKind.PROVINCIAL_AUTHORITY]
            ),
            Organisation.active,
            or_(Organisation.mandate_from.is_(None), Organisation.mandate_from <= today),
            or_(Organisation.mandate_to.is_(None), Organisation.mandate_to >= today),
        )
        .order_by(Organisation.kind, Organisation.id)
        .limit(1)
    )
    return operator or tx.actor.organisation
