"""Incidents as facts: opened, reopened and closed by results alone, or by the listing's end."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.rules.hysteresis import Turn
from services.monitoring.tables import Incident, IncidentEntry, Probe, ProbeStanding
from shared.database import Transaction
from shared.events.monitoring import IncidentClosed, IncidentOpened, IncidentReopened

RECOVERED, UNLISTED = "RECOVERED", "UNLISTED"


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

    `parent_incident_id` is the open incident that explains this one (M6).
    """
    incident = None
    if turn is not Turn.OPENED and incident_id is not None:
        incident = await tx.session.get(Incident, incident_id, with_for_update=True)
    if turn is Turn.CLOSED:
        if incident is not None:
            _close(tx, incident, reason=RECOVERED, at=at)
        return incident_id
    if turn is Turn.REOPENED and incident is not None:
        incident.parent_incident_id = parent_incident_id
        _reopen(tx, incident, cause=cause, detail=detail, started_at=started_at, at=at)
    else:
        incident = _open(
            tx, probe, cause=cause, detail=detail, started_at=started_at, at=at,
            parent_incident_id=parent_incident_id,
        )  # fmt: skip
    if parent_incident_id is not None:
        _note(tx, incident, "SUPPRESSED", at=at, detail=str(parent_incident_id))
    return incident.id


async def close_unlisted(tx: Transaction, listing_id: UUID) -> None:
    """What is no longer listed has no fault: its open incidents end, with that reason."""
    found = await tx.session.scalars(
        select(Incident)
        .where(Incident.listing_id == listing_id, Incident.closed_at.is_(None))
        .with_for_update()
    )
    for incident in found:
        _close(tx, incident, reason=UNLISTED, at=tx.now)
        standing = await tx.session.get_one(ProbeStanding, incident.probe_id)
        standing.incident_open, standing.closed_at = False, None


def _open(
    tx: Transaction,
    probe: Probe,
    *,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
    parent_incident_id: UUID | None,
) -> Incident:
    incident = Incident(
        id=uuid4(),
        probe_id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        cause=cause,
        started_at=started_at,
        opened_at=at,
        reopened=0,
        parent_incident_id=parent_incident_id,
        version=1,
    )
    tx.session.add(incident)
    _note(tx, incident, "OPENED", at=at, detail=detail)
    tx.emit(
        IncidentOpened(
            incident_id=incident.id,
            probe_id=probe.id,
            listing_id=probe.listing_id,
            organisation_id=probe.organisation_id,
            cause=cause,
            started_at=started_at,
            opened_at=at,
            parent_incident_id=parent_incident_id,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )
    return incident


def _reopen(
    tx: Transaction,
    incident: Incident,
    *,
    cause: str,
    detail: str | None,
    started_at: datetime,
    at: datetime,
) -> None:
    incident.closed_at, incident.cause = None, cause
    incident.reopened += 1
    incident.version += 1
    _note(tx, incident, "REOPENED", at=at, detail=detail)
    tx.emit(
        IncidentReopened(
            incident_id=incident.id,
            listing_id=incident.listing_id,
            organisation_id=incident.organisation_id,
            cause=cause,
            started_at=started_at,
            times=incident.reopened,
            parent_incident_id=incident.parent_incident_id,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


def _close(tx: Transaction, incident: Incident, *, reason: str, at: datetime) -> None:
    incident.closed_at = at
    incident.version += 1
    _note(tx, incident, "CLOSED", at=at, detail=reason)
    tx.emit(
        IncidentClosed(
            incident_id=incident.id,
            listing_id=incident.listing_id,
            organisation_id=incident.organisation_id,
            reason=reason,
            closed_at=at,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


def _note(
    tx: Transaction, incident: Incident, action: str, *, at: datetime, detail: str | None
) -> None:
    tx.session.add(IncidentEntry(incident_id=incident.id, at=at, action=action, detail=detail))
