"""How grave an incident is: set with a reason, or by its duration alone (A16.4)."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select

from services.monitoring.commands import report_clocks
from services.monitoring.commands.emergency import prompt_plan
from services.monitoring.commands.limits import policies_now
from services.monitoring.commands.timeline import close, note
from services.monitoring.rules.incidents import (
    Impact,
    IncidentKind,
    Severity,
    read_matrix,
)
from services.monitoring.tables import Incident
from shared.database import Transaction
from shared.events.monitoring import IncidentGraded

_AT_ONCE: Final = 200
UNGRADED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "severity": Severity.GENERAL,
        "core_function": False,
        "data_loss": False,
        "critical": False,
    }
)


async def matrix_grade(tx: Transaction, incident: Incident) -> Severity:
    """What the matrix makes of an incident now."""
    matrix = read_matrix(await policies_now(tx), IncidentKind(incident.kind))
    until = incident.resolved_at or tx.now
    return matrix.grade(_impact(incident), until - _began(incident))


async def follow_duration(tx: Transaction, incident: Incident) -> None:
    """When duration alone makes it graver next."""
    matrix = read_matrix(await policies_now(tx), IncidentKind(incident.kind))
    incident.grade_due_at = matrix.next_step(Severity(incident.severity), _began(incident))


async def set_severity(
    tx: Transaction, incident: Incident, severity: Severity, *, reason: str, by: str | None
) -> None:
    """Keep it with its reason, start and stop what clocks follow from it, and tell it."""
    before = Severity(incident.severity)
    incident.severity = severity
    if incident.resolved_at is None:
        await follow_duration(tx, incident)
    note(tx, incident, "GRADED", at=tx.now, detail=f"{before} → {severity}: {reason}", by=by)
    await report_clocks.align(tx, incident)
    await prompt_plan(tx, incident)
    tx.emit(
        IncidentGraded(
            incident_id=incident.id,
            kind=incident.kind,
            organisation_id=incident.organisation_id,
            listing_id=incident.listing_id,
            severity=severity,
            previous=before,
            started_at=incident.started_at,
            detected_at=incident.opened_at,
            graded_at=tx.now,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )
    if incident.resolved_at is not None and not severity.is_major:
        close(tx, incident, reason="DOWNGRADED", at=tx.now, by=by)  # it waited for a notice


async def grade_by_duration(tx: Transaction) -> None:
    """The clock's part: what lasts becomes graver by itself, never lighter."""
    due = await tx.session.scalars(
        select(Incident)
        .where(
            Incident.grade_due_at <= tx.now,
            Incident.parent_incident_id.is_(None),  # the one that explains it grows graver
        )
        .order_by(Incident.grade_due_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for incident in due.all():
        graver = await matrix_grade(tx, incident)
        if incident.resolved_at is not None or graver.rank <= Severity(incident.severity).rank:
            incident.grade_due_at = None
            if incident.resolved_at is None:
                await follow_duration(tx, incident)
            continue
        await set_severity(tx, incident, graver, reason="DURATION", by=None)


def _impact(incident: Incident) -> Impact:
    return Impact(incident.percent, incident.core_function, incident.data_loss)


def _began(incident: Incident) -> datetime:
    """What outlasts a filed window counts from its end: until then it was planned (A16.3)."""
    return incident.started_at if incident.window_id is None else incident.opened_at
