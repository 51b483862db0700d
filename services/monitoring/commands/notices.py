"""Notices of faults on the platform: what announces an incident, so that it may close (A16.5)."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.monitoring.commands.timeline import close, note
from services.monitoring.errors import NoticeOfNoFault
from services.monitoring.tables import Incident, KnownNotice
from shared.database import Transaction
from shared.events.catalog import NoticePublished

ANNOUNCING: Final = frozenset({"FAULT", "SECURITY"})


async def know_notice(tx: Transaction, told: NoticePublished) -> None:
    """Only those that can announce an incident are kept."""
    if told.kind not in ANNOUNCING:
        return
    values = {
        "kind": told.kind,
        "listing_ids": told.listing_ids,
        "published_at": told.published_at,
        "withdrawn": False,
    }
    await tx.session.execute(
        insert(KnownNotice)
        .values(id=told.notice_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def notice_was_withdrawn(tx: Transaction, notice_id: UUID) -> None:
    """It announces nothing from now on; what it has announced was announced."""
    notice = await tx.session.get(KnownNotice, notice_id, populate_existing=True)
    if notice is not None:
        notice.withdrawn = True


async def announce_incidents(tx: Transaction, told: NoticePublished) -> None:
    """Every open incident of the named listings is announced by it; what is over closes."""
    if told.kind not in ANNOUNCING:
        return
    found = await tx.session.scalars(
        select(Incident)
        .where(
            Incident.listing_id.in_(told.listing_ids),
            Incident.closed_at.is_(None),
            Incident.notice_id.is_(None),
            Incident.started_at <= told.published_at,
        )
        .order_by(Incident.id)
        .with_for_update()
    )
    for incident in found.all():
        announce(tx, incident, told.notice_id, by=None)


async def published_notice(tx: Transaction, notice_id: UUID, incident: Incident) -> KnownNotice:
    """`notice_of_no_fault` (409) for one that is unknown, withdrawn, or names other listings."""
    notice = await tx.session.get(KnownNotice, notice_id)
    named = notice is not None and (
        incident.listing_id is None
        or not notice.listing_ids
        or incident.listing_id in notice.listing_ids
    )
    if notice is None or notice.withdrawn or not named:
        raise NoticeOfNoFault(clause="A16.5", notice_id=notice_id)
    return notice


def announce(tx: Transaction, incident: Incident, notice_id: UUID, *, by: str | None) -> None:
    incident.notice_id = notice_id
    note(tx, incident, "ANNOUNCED", at=tx.now, detail=str(notice_id), by=by)
    if incident.resolved_at is not None:
        close(tx, incident, reason="ANNOUNCED", at=tx.now, by=by)
