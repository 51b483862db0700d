"""Downtime that a filing re-classes after it has passed: visibly, and never the raw figure (M8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from services.monitoring.commands.timeline import note
from services.monitoring.commands.windows import find_window
from services.monitoring.rules.accounting import Account, Change, Span, account, seen_until
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.windows import Cover, changed_past, cover
from services.monitoring.tables import (
    LAST_WATCHED,
    AvailabilityCorrection,
    Incident,
    KnownWindow,
    Probe,
    StateChange,
)
from shared.database import Transaction
from shared.events.monitoring import AvailabilityCorrected

RECLASSED = "RECLASSED"


async def cover_of(tx: Transaction, window_id: UUID) -> Cover | None:
    """What a window covers as it is known now."""
    window = await find_window(tx, window_id)
    return _cover(window) if window is not None else None


async def correct_past(
    tx: Transaction, window_id: UUID, *, filing_id: UUID, before: Cover | None
) -> None:
    """Keep for each probe which of its past time this filing put into the window, or out of it."""
    window = await find_window(tx, window_id)
    if window is None:
        return
    after = _cover(window)
    period = changed_past(before, after, now=tx.now)
    if period is None:
        return
    others = await _others(tx, window, period)
    probes = await _probes(tx, window, before, after)
    changes = await _changes(tx, [probe.id for probe, _ in probes], period)
    for probe, watched_until in probes:
        was, is_now = (
            _account(probe, changes, [*others, each], period, watched_until)
            for each in (before, after)
        )
        if was != is_now:
            _correct(tx, probe, window, filing_id=filing_id, period=period, was=was, is_now=is_now)
    await _note_on_incidents(tx, window, period)


def _cover(window: KnownWindow) -> Cover | None:
    return cover(
        state=window.state,
        impact=window.impact,
        listing_ids=window.listing_ids,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
    )


async def _others(tx: Transaction, window: KnownWindow, period: Span) -> list[Cover | None]:
    """What other windows of the unit cover already changes no figure."""
    rows = await tx.session.scalars(
        select(KnownWindow).where(
            KnownWindow.organisation_id == window.organisation_id,
            KnownWindow.id != window.id,
            KnownWindow.starts_at < period.end,
            KnownWindow.ends_at > period.start,
        )
    )
    return [_cover(row) for row in rows]


async def _probes(
    tx: Transaction, window: KnownWindow, *shapes: Cover | None
) -> list[tuple[Probe, datetime]]:
    """Those of the unit that either shape covers, and until when each was watched."""
    named = [each.listing_ids for each in shapes if each is not None]
    statement = (
        select(Probe, LAST_WATCHED.c.watched_until)
        .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
        .where(Probe.organisation_id == window.organisation_id)
        .order_by(Probe.id)
    )
    if all(named):
        statement = statement.where(Probe.listing_id.in_(frozenset().union(*named)))
    return [
        (probe, seen_until(stored, now=tx.now, interval=probe.interval_seconds))
        for probe, stored in await tx.session.execute(statement)
    ]


async def _changes(
    tx: Transaction, probe_ids: list[UUID], period: Span
) -> Mapping[UUID, list[Change]]:
    """Of each probe those within the period, after the last one before it."""
    of_probes = select(StateChange).where(StateChange.probe_id.in_(probe_ids))
    before = await tx.session.scalars(
        of_probes.where(StateChange.at <= period.start)
        .ext(distinct_on(StateChange.probe_id))
        .order_by(StateChange.probe_id, StateChange.at.desc(), StateChange.number.desc())
    )
    within = await tx.session.scalars(
        of_probes.where(StateChange.at > period.start, StateChange.at < period.end).order_by(
            StateChange.at, StateChange.number
        )
    )
    found: dict[UUID, list[Change]] = defaultdict(list)
    for row in [*before, *within]:
        found[row.probe_id].append(Change(row.at, ProbeState(row.state)))
    return found


def _account(
    probe: Probe,
    changes: Mapping[UUID, list[Change]],
    covers: Iterable[Cover | None],
    period: Span,
    watched_until: datetime,
) -> Account:
    return account(
        changes.get(probe.id, ()),
        windows=[each.span for each in covers if each is not None and each.of(probe.listing_id)],
        period=period,
        watched_until=watched_until,
    )


def _correct(
    tx: Transaction,
    probe: Probe,
    window: KnownWindow,
    *,
    filing_id: UUID,
    period: Span,
    was: Account,
    is_now: Account,
) -> None:
    correction = AvailabilityCorrection(
        id=uuid4(),
        window_id=window.id,
        filing_id=filing_id,
        probe_id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        since=period.start,
        until=period.end,
        down_seconds=(was.down - is_now.down).total_seconds(),
        up_seconds=(was.up - is_now.up).total_seconds(),
        corrected_at=tx.now,
    )
    tx.session.add(correction)
    tx.emit(
        AvailabilityCorrected(
            correction_id=correction.id,
            window_id=window.id,
            filing_id=filing_id,
            probe_id=probe.id,
            listing_id=probe.listing_id,
            organisation_id=probe.organisation_id,
            since=period.start,
            until=period.end,
            down_seconds=correction.down_seconds,
            up_seconds=correction.up_seconds,
        ),
        subject=f"probe:{probe.id}",
        region=probe.region,
    )


async def _note_on_incidents(tx: Transaction, window: KnownWindow, period: Span) -> None:
    """An incident that is open stays so; its timeline names the filing that came late."""
    named = _cover(window)
    statement = select(Incident).where(
        Incident.organisation_id == window.organisation_id,
        Incident.probe_id.is_not(None),
        Incident.resolved_at.is_(None),
        Incident.closed_at.is_(None),
        Incident.opened_at < period.end,
    )
    if named is None:
        return
    if named.listing_ids:
        statement = statement.where(Incident.listing_id.in_(named.listing_ids))
    for incident in await tx.session.scalars(statement.order_by(Incident.id).with_for_update()):
        note(tx, incident, RECLASSED, at=tx.now, detail=str(window.filing_id))
