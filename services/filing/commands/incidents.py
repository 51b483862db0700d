"""Incident reports: the first by severity from detection on, the final one after (A16.4)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.filing import rules
from services.filing.commands import obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.windows import foreign_listings
from services.filing.errors import IncidentNotFound
from services.filing.rules import FINAL, FIRST, FIRST_REPORT, ClockKind, FilingKind
from services.filing.tables import Filing
from shared.database import Transaction
from shared.events.filing import IncidentReported


def incident_subject(filing: Filing) -> str:
    """A first report is an incident of its own; the final one has its own thread beside it."""
    return f"incident:{filing.content['incident_id'] or filing.id}:{filing.content['stage']}"


async def check_incident(
    tx: Transaction, filing: Filing, organisation: rules.Organisation
) -> list[rules.Flaw]:
    unknown = await foreign_listings(tx, filing, organisation)
    return list(rules.incident_flaws(filing.content, now=tx.now, unknown=unknown))


async def may_report(tx: Transaction, filing: Filing) -> None:
    """The final report names a first report that this unit has sent."""
    if filing.content["stage"] == FIRST:
        return
    first = await tx.session.scalar(
        select(Filing).where(
            Filing.id == UUID(filing.content["incident_id"]),
            Filing.organisation_id == filing.organisation_id,
            Filing.type == FilingKind.INCIDENT_REPORT,
            Filing.submitted_at.is_not(None),
        )
    )
    if first is None or first.content["stage"] != FIRST:
        raise IncidentNotFound(incident_id=filing.content["incident_id"])


async def report(tx: Transaction, filing: Filing) -> None:
    """Reported when it is sent; what comes late is a breach that stays (F8)."""
    content = filing.content
    incident_id = UUID(content["incident_id"]) if content["stage"] == FINAL else filing.id
    late = await _settle(tx, filing, incident_id)
    tx.emit(
        IncidentReported(
            incident_id=incident_id,
            filing_id=filing.id,
            organisation_id=filing.organisation_id,
            stage=content["stage"],
            severity=content["severity"],
            listing_ids=[UUID(each) for each in content["listing_ids"]],
            started_at=datetime.fromisoformat(content["started_at"]),
            detected_at=datetime.fromisoformat(content["detected_at"]),
            reported_at=tx.now,
            resolved_at=_resolved_at(filing),
            late=late,
        ),
        subject=f"incident:{incident_id}",
        region=filing.region,
    )


def _resolved_at(filing: Filing) -> datetime | None:
    value = filing.content["resolved_at"]
    return datetime.fromisoformat(value) if value is not None else None


async def _settle(tx: Transaction, filing: Filing, incident_id: UUID) -> bool:
    """Pay what this report was owed for, once in its thread; returns whether it was late."""
    first, subject = filing.content["stage"] == FIRST, f"incident:{incident_id}"
    kind = ClockKind.FIRST_REPORT if first else ClockKind.FINAL_REPORT
    due = await obligations.owed(tx, filing.organisation_id, kind=kind, subject=subject)
    if due is None:
        detected_at = datetime.fromisoformat(filing.content["detected_at"])
        limit = FIRST_REPORT[filing.content["severity"]]
        due = await obligations.owe(tx, _debt(filing, kind, limit, subject), since=detected_at)
        final = _debt(filing, ClockKind.FINAL_REPORT, "incident_final_report", subject)
        await obligations.owe(tx, final)
    await obligations.fulfil(tx, due, by=filing.id)
    return due.late


def _debt(filing: Filing, kind: ClockKind, policy: str, subject: str) -> Debt:
    return Debt(
        kind=kind,
        organisation_id=filing.organisation_id,
        region=filing.region,
        clause="A16.4",
        policy=policy,
        subject=subject,
    )
