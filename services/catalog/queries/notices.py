"""Notices as the public reads them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from services.catalog.errors import NoticeNotFound
from services.catalog.rules.cursors import moment
from services.catalog.rules.notices import NoticeState
from services.catalog.schemas.notices import NoticeView, WordingView
from services.catalog.tables import Notice, NoticeWording
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset


async def list_notices(
    tx: Transaction,
    page: PageRequest,
    *,
    kind: str,
    region: str,
    listing: UUID | None,
    state: NoticeState,
) -> tuple[list[NoticeView], str | None, int]:
    """The latest first; the earlier wordings are shown with the single notice."""
    conditions = [_in_state(state, tx.now)]
    if kind:
        conditions.append(Notice.kind == kind)
    if region:
        conditions.append(Notice.regions.contains([region]))
    if listing is not None:
        conditions.append(Notice.listing_ids.contains([listing]))
    total = await tx.session.scalar(select(func.count()).select_from(Notice).where(*conditions))
    rows = await tx.session.scalars(
        keyset(
            select(Notice).where(*conditions),
            page,
            columns=[Notice.published_at, Notice.id],
            kinds=[moment, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.published_at, row.id))
    return [notice_view(row, tx.now) for row in shown], cursor, total or 0


async def get_notice(tx: Transaction, notice_id: UUID) -> NoticeView:
    """A notice with every wording that it had, or `notice_not_found` (404)."""
    notice = await tx.session.get(Notice, notice_id)
    if notice is None or not _was_public(notice, tx.now):
        raise NoticeNotFound(id=notice_id)
    wordings = await tx.session.scalars(
        select(NoticeWording)
        .where(NoticeWording.notice_id == notice_id)
        .order_by(NoticeWording.version)
    )
    view = notice_view(notice, tx.now)
    view.history = [WordingView.model_validate(each, from_attributes=True) for each in wordings]
    view.edited = len(view.history) > 1
    return view


def notice_view(notice: Notice, now: datetime) -> NoticeView:
    fields = {
        name: getattr(notice, name)
        for name in NoticeView.model_fields
        if name not in ("state", "edited", "history")
    }
    withdrawn = notice.withdrawn_at is not None
    return NoticeView(
        **fields,
        state=_state(notice, now),
        edited=notice.version > 1 + withdrawn,
    )


def _was_public(notice: Notice, now: datetime) -> bool:
    """Nobody reads a notice before its time, nor one that was withdrawn before it."""
    return notice.told_at is not None or (
        notice.published_at <= now and notice.withdrawn_at is None
    )


def _state(notice: Notice, now: datetime) -> NoticeState:
    if notice.withdrawn_at is not None:
        return NoticeState.WITHDRAWN
    if notice.published_at > now:
        return NoticeState.SCHEDULED
    if notice.expires_at is not None and notice.expires_at <= now:
        return NoticeState.EXPIRED
    return NoticeState.PUBLISHED


def _in_state(state: NoticeState, now: datetime) -> ColumnElement[bool]:
    match state:
        case NoticeState.SCHEDULED:
            return Notice.withdrawn_at.is_(None) & (Notice.published_at > now)
        case NoticeState.WITHDRAWN:
            return Notice.withdrawn_at.is_not(None) & Notice.told_at.is_not(None)
        case NoticeState.EXPIRED:
            return Notice.withdrawn_at.is_(None) & (Notice.expires_at <= now)
        case NoticeState.PUBLISHED:
            return (
                Notice.withdrawn_at.is_(None)
                & (Notice.published_at <= now)
                & or_(Notice.expires_at.is_(None), Notice.expires_at > now)
            )
