"""An incident's timeline, and how one ends: at once, or when its notice is there (A16.5)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.monitoring.rules.incidents import Severity, seconds
from services.monitoring.tables import Incident, IncidentEntry, KnownNotice
from shared.database import Transaction
from shared.events.monitoring import IncidentClosed, IncidentSettled


def note(
    tx: Transaction,
    incident: Incident,
    action: str,
    *,
    at: datetime,
    detail: str | None = None,
    by: str | None = None,
) -> None:
    """One more line, and one more version; `by` names the unit where one acted."""
    incident.version += 1
    tx.session.add(
        IncidentEntry(
            incident_id=incident.id, at=at, action=action, detail=detail, organisation_id=by
        )
    )


async def resolve(
    tx: Transaction, incident: Incident, *, reason: str, at: datetime, by: str | None = None
) -> None:
    """It is over: so it closes, unless it is major and was announced nowhere (A16.5)."""
    incident.resolved_at = at
    incident.grade_due_at = None
    if Severity(incident.severity).is_major and incident.notice_id is None:
        incident.notice_id = await _announced(tx, incident)
    if Severity(incident.severity).is_major and incident.notice_id is None:
        note(tx, incident, "RECOVERED", at=at, detail=reason, by=by)
        return
    close(tx, incident, reason=reason, at=at, by=by)


def close(
    tx: Transaction, incident: Incident, *, reason: str, at: datetime, by: str | None = None
) -> None:
    """Nothing is owed about it any more; how long it took is told for assessment (A17.5)."""
    incident.closed_at = at
    note(tx, incident, "CLOSED", at=at, detail=reason, by=by)
    if incident.listing_id is not None:
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
    tx.emit(
        IncidentSettled(
            incident_id=incident.id,
            kind=incident.kind,
            organisation_id=incident.organisation_id,
            listing_id=incident.listing_id,
            severity=incident.severity,
            detected_at=incident.opened_at,
            acknowledged_at=incident.acknowledged_at,
            resolved_at=incident.resolved_at or at,
            closed_at=at,
            seconds_to_acknowledge=seconds(incident.opened_at, incident.acknowledged_at),
            seconds_to_resolve=seconds(incident.opened_at, incident.resolved_at),
            notice_id=incident.notice_id,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


async def _announced(tx: Transaction, incident: Incident) -> UUID | None:
    """The notice that named this listing since the fault began."""
    if incident.listing_id is None:
        return None
    return await tx.session.scalar(
        select(KnownNotice.id)
        .where(
            KnownNotice.listing_ids.contains([incident.listing_id]),
            KnownNotice.published_at >= incident.started_at,
            ~KnownNotice.withdrawn,
        )
        .order_by(KnownNotice.published_at)
        .limit(1)
    )
