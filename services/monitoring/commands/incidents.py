"""Incidents as facts: opened, reopened and closed by results alone, or by the listing's end."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.commands.grading import UNGRADED, follow_duration
from services.monitoring.commands.suppression import (
    OVERRUN,
    RECOVERED,
    UNLISTED,
    end_alert,
    held_alert,
    overruns,
    suppress,
)
from services.monitoring.commands.timeline import note, resolve
from services.monitoring.commands.windows import window_over
from services.monitoring.rules.hysteresis import Turn
from services.monitoring.rules.incidents import IncidentKind
from services.monitoring.tables import (
    Incident,
    Probe,
    ProbeStanding,
    SuppressedAlert,
)
from shared.database import Transaction
from shared.events.monitoring import IncidentOpened, IncidentReopened


async def turn_incident(
    tx: Transaction,
    probe: Probe,
    turn: Turn,
    *,
    incident_id: UUID | None,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
    parent_incident_id: UUID | None = None,
) -> UUID | None:
    """Carry out what a result made of a probe's incident; returns the incident's id.

    Within a filed window that is the suppressed alert's. `parent_incident_id` is the open incident
    that explains this one (M6).
    """
    if turn is Turn.CLOSED:
        await _end(tx, incident_id, at=at)
        return incident_id
    window = await window_over(
        tx, organisation_id=probe.organisation_id, listing_id=probe.listing_id, at=at
    )
    if window is not None:
        return await suppress(
            tx,
            probe,
            window,
            alert_id=incident_id if turn is Turn.REOPENED else None,
            cause=cause,
            detail=detail,
            started_at=started_at,
            at=at,
        )
    incident = await _held(tx, incident_id) if turn is Turn.REOPENED else None
    if incident is not None:
        incident.parent_incident_id = parent_incident_id
        await _reopen(tx, probe, incident, cause=cause, detail=detail, started_at=started_at, at=at)
    else:
        incident = await _open(
            tx,
            probe,
            uuid4(),
            cause=cause,
            detail=detail,
            started_at=started_at,
            at=at,
            parent_incident_id=parent_incident_id,
        )
    if parent_incident_id is not None:
        note(tx, incident, "SUPPRESSED", at=at, detail=str(parent_incident_id))
    return incident.id


async def open_overruns(tx: Transaction) -> None:
    """A window is over and the fault is not: its incident opens by itself and names it (M8)."""
    for alert, probe in await overruns(tx):
        end_alert(alert, OVERRUN, at=tx.now)
        await _open(
            tx,
            probe,
            alert.id,
            cause=alert.cause,
            detail=alert.detail,
            started_at=alert.started_at,
            at=tx.now,
            alert=alert,
        )


async def close_unlisted(tx: Transaction, listing_id: UUID) -> None:
    """What is no longer listed has no fault: its open incidents end, with that reason."""
    found = await tx.session.scalars(
        select(Incident)
        .where(
            Incident.listing_id == listing_id,
            Incident.probe_id.is_not(None),
            Incident.resolved_at.is_(None),
            Incident.closed_at.is_(None),
        )
        .with_for_update()
    )
    for incident in found:
        await resolve(tx, incident, reason=UNLISTED, at=tx.now)
    alerts = await tx.session.scalars(
        select(SuppressedAlert)
        .where(SuppressedAlert.listing_id == listing_id, SuppressedAlert.ended_at.is_(None))
        .with_for_update()
    )
    for alert in alerts:
        end_alert(alert, UNLISTED, at=tx.now)
    standings = await tx.session.scalars(
        select(ProbeStanding)
        .join(Probe, Probe.id == ProbeStanding.probe_id)
        .where(Probe.listing_id == listing_id, ProbeStanding.incident_open)
    )
    for standing in standings:
        standing.incident_open, standing.closed_at = False, None


async def _end(tx: Transaction, incident_id: UUID | None, *, at: datetime) -> None:
    """It passes again: so ends the incident, or the alert that a window held back.

    The alert is locked first: an overrun that comes between makes an incident of it.
    """
    alert = await held_alert(tx, incident_id)
    if alert is not None and alert.ended_at is None:
        end_alert(alert, RECOVERED, at=at)
        return
    incident = await _held(tx, incident_id)
    if incident is not None:
        await resolve(tx, incident, reason=RECOVERED, at=at)


async def _held(tx: Transaction, incident_id: UUID | None) -> Incident | None:
    if incident_id is None:
        return None
    return await tx.session.get(Incident, incident_id, with_for_update=True)


async def _open(
    tx: Transaction,
    probe: Probe,
    incident_id: UUID,
    *,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
    alert: SuppressedAlert | None = None,
    parent_incident_id: UUID | None = None,
) -> Incident:
    incident = Incident(
        id=incident_id,
        kind=IncidentKind.FAULT,
        probe_id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        cause=cause,
        started_at=started_at,
        opened_at=at,
        reopened=0,
        window_id=alert.window_id if alert is not None else None,
        filing_id=alert.filing_id if alert is not None else None,
        parent_incident_id=parent_incident_id,
        **UNGRADED,
        version=0,
    )
    tx.session.add(incident)
    await follow_duration(tx, incident)
    note(tx, incident, "OPENED", at=at, detail=detail)
    if alert is not None:
        note(tx, incident, "WINDOW_OVERRUN", at=at, detail=str(alert.filing_id))
    tx.emit(
        IncidentOpened(
            incident_id=incident.id,
            probe_id=probe.id,
            listing_id=probe.listing_id,
            organisation_id=probe.organisation_id,
            cause=cause,
            started_at=started_at,
            opened_at=at,
            window_id=incident.window_id,
            filing_id=incident.filing_id,
            parent_incident_id=parent_incident_id,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )
    return incident


async def _reopen(
    tx: Transaction,
    probe: Probe,
    incident: Incident,
    *,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
) -> None:
    incident.closed_at = incident.resolved_at = None
    incident.cause = cause
    incident.reopened += 1
    await follow_duration(tx, incident)
    note(tx, incident, "REOPENED", at=at, detail=detail)
    tx.emit(
        IncidentReopened(
            incident_id=incident.id,
            listing_id=probe.listing_id,
            organisation_id=incident.organisation_id,
            cause=cause,
            started_at=started_at,
            times=incident.reopened,
            parent_incident_id=incident.parent_incident_id,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )
