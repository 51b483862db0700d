"""Heartbeats as their units and the authorities see them."""

from datetime import timedelta
from uuid import UUID

from services.monitoring.errors import HeartbeatNotFound
from services.monitoring.queries.probes import shown_probes
from services.monitoring.rules.probing import Purpose
from services.monitoring.schemas.heartbeats import BeatView, HeartbeatView
from services.monitoring.tables import Probe
from shared.database import Transaction


async def show_heartbeat(tx: Transaction, heartbeat_id: UUID) -> HeartbeatView:
    """`heartbeat_not_found` (404)."""
    await tx.session.flush()
    found = await tx.session.execute(
        shown_probes(tx).where(Probe.id == heartbeat_id, Probe.purpose == Purpose.HEARTBEAT)
    )
    row = found.first()
    if row is None:
        raise HeartbeatNotFound(heartbeat_id=heartbeat_id)
    probe: Probe = row.Probe
    return HeartbeatView(
        id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        name=probe.name,
        interval_seconds=probe.interval_seconds,
        grace_seconds=probe.grace_seconds or 0,
        parents=row.parents,
        paused=probe.paused,
        running=row.running,
        state=row.state,
        since=row.since,
        beat_at=probe.beat_at or probe.changed_at,
        incident_id=row.incident_id,
        version=probe.version,
    )


async def show_beat(tx: Transaction, heartbeat_id: UUID) -> BeatView:
    """When it beat and when the next beat is late."""
    shown = await show_heartbeat(tx, heartbeat_id)
    due = shown.beat_at + timedelta(seconds=shown.interval_seconds + shown.grace_seconds)
    return BeatView(heartbeat_id=heartbeat_id, beat_at=shown.beat_at, due_at=due)
