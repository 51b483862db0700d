"""Alerts that a filed window holds back: each is a row, and an overrun opens its incident (M8)."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import exists, func, select

from services.monitoring.commands.windows import covers
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.tables import (
    LAST_WATCHED,
    KnownWindow,
    Probe,
    ProbeStanding,
    SuppressedAlert,
)
from shared.database import Transaction
from shared.events.monitoring import AlertSuppressed

RECOVERED, OVERRUN, UNLISTED = "RECOVERED", "OVERRUN", "UNLISTED"
_AT_ONCE = 200


async def suppress(
    tx: Transaction,
    probe: Probe,
    window: KnownWindow,
    *,
    alert_id: UUID | None,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
) -> UUID:
    """Keep the alert and the window that holds it back; a return within the hold time is its own.

    Probing goes on. The id is that of the incident which an overrun would open.
    """
    alert = await held_alert(tx, alert_id)
    if alert is not None and alert.outcome == RECOVERED and alert.window_id == window.id:
        alert.ended_at = alert.outcome = None
        alert.times += 1
        return alert.id
    alert = SuppressedAlert(
        id=uuid4(),
        window_id=window.id,
        filing_id=window.filing_id,
        probe_id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        cause=cause,
        detail=detail,
        started_at=started_at,
        suppressed_at=at,
        times=1,
        ended_at=None,
        outcome=None,
    )
    tx.session.add(alert)
    tx.emit(
        AlertSuppressed(
            alert_id=alert.id,
            window_id=alert.window_id,
            filing_id=alert.filing_id,
            probe_id=alert.probe_id,
            listing_id=alert.listing_id,
            organisation_id=alert.organisation_id,
            cause=cause,
            started_at=started_at,
            suppressed_at=at,
        ),
        subject=f"alert:{alert.id}",
        region=alert.region,
    )
    return alert.id


async def held_alert(tx: Transaction, alert_id: UUID | None) -> SuppressedAlert | None:
    if alert_id is None:
        return None
    return await tx.session.scalar(
        select(SuppressedAlert)
        .where(SuppressedAlert.id == alert_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def overruns(tx: Transaction) -> list[tuple[SuppressedAlert, Probe]]:
    """Alerts whose fault is still seen and which no window covers any more, locked."""
    watched = tx.now - LAST_WATCHED.c.watched_until <= func.make_interval(
        0, 0, 0, 0, 0, 0, 2 * Probe.interval_seconds
    )
    covered = exists().where(
        covers(
            SuppressedAlert.organisation_id.expression,
            SuppressedAlert.listing_id.expression,
            tx.now,
        )
    )
    found = (
        await tx.session.execute(
            select(SuppressedAlert.id, Probe.id)
            .join(Probe, Probe.id == SuppressedAlert.probe_id)
            .join(ProbeStanding, ProbeStanding.probe_id == Probe.id)
            .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
            .where(
                SuppressedAlert.ended_at.is_(None),
                ProbeStanding.incident_open,
                ProbeStanding.incident_id == SuppressedAlert.id,
                ProbeStanding.state == ProbeState.DOWN,
                watched,
                ~covered,
            )
            .order_by(SuppressedAlert.suppressed_at)
            .limit(_AT_ONCE)
        )
    ).all()
    if not found:
        return []
    probes = await tx.session.scalars(  # before the alerts, as when a listing goes off
        select(Probe)
        .where(Probe.id.in_([probe for _, probe in found]))
        .order_by(Probe.id)
        .with_for_update(read=True, key_share=True, skip_locked=True)
    )
    held = {probe.id: probe for probe in probes}
    alerts = await tx.session.scalars(
        select(SuppressedAlert)
        .where(
            SuppressedAlert.id.in_([alert for alert, _ in found]),
            SuppressedAlert.probe_id.in_(list(held)),
            SuppressedAlert.ended_at.is_(None),
        )
        .order_by(SuppressedAlert.id)
        .with_for_update(skip_locked=True)
    )
    return [(alert, held[alert.probe_id]) for alert in alerts]


def end_alert(alert: SuppressedAlert, outcome: str, *, at: datetime) -> None:
    """The fault is over, or it becomes an incident; never before it was held back."""
    alert.ended_at = max(at, alert.suppressed_at)
    alert.outcome = outcome
