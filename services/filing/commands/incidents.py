"""Incident reports: the first by severity from detection on, the final one after (A16.4)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from services import filing as package
from services.filing import rules
from services.filing.commands import obligations
from services.filing.commands.obligations import Debt
from services.filing.commands.records import filing_types, keep, today
from services.filing.commands.windows import foreign_listings
from services.filing.errors import IncidentNotFound, OrganisationUnknown
from services.filing.rules import FINAL, FIRST, FIRST_REPORT, ClockKind, FilingKind, State
from services.filing.tables import Filing, KnownOrganisation, Obligation
from shared.database import Transaction
from shared.events.filing import IncidentReported
from shared.events.monitoring import IncidentGraded
from shared.http.language import ZH
from shared.http.messages import Messages, load_messages
from shared.security.canonical import digest

SENTENCES: Final = Messages(load_messages(package.__name__))
MAJOR: Final = frozenset({rules.Severity.MAJOR, rules.Severity.SPECIAL_MAJOR})


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
        due = await _owe_first(tx, filing)
    if first and due.fulfilled_at is None:
        final = _debt(filing, ClockKind.FINAL_REPORT, "incident_final_report", subject)
        await obligations.owe(tx, final)
    await obligations.fulfil(tx, due, by=filing.id)
    return due.late


async def _owe_first(tx: Transaction, filing: Filing) -> Obligation:
    """The first report is owed from detection on."""
    detected_at = datetime.fromisoformat(filing.content["detected_at"])
    limit = FIRST_REPORT[filing.content["severity"]]
    debt = _debt(filing, ClockKind.FIRST_REPORT, limit, f"incident:{filing.id}")
    return await obligations.owe(tx, debt, since=detected_at)


async def draft_report(tx: Transaction, told: IncidentGraded) -> None:
    """A major incident owes its first report: a draft of it, under the incident's own id.

    The unit writes it, adds what monitoring cannot know, and sends it; once is enough.
    """
    if told.severity not in MAJOR or await tx.session.get(Filing, told.incident_id) is not None:
        return
    unit = await tx.session.get(KnownOrganisation, told.organisation_id)
    if unit is None:
        raise OrganisationUnknown(clause="A16.4", organisation=told.organisation_id)
    kind = FilingKind.INCIDENT_REPORT
    type_ = rules.in_force(await filing_types(tx), kind, today(tx))
    organisation = rules.Organisation(unit.id, unit.kind, unit.region)
    if organisation.kind not in type_.filers:
        return
    filing = Filing(
        id=told.incident_id,
        type=kind,
        type_version=type_.version,
        flow=type_.flow_for(local=organisation.local),
        state=State.DRAFT,
        organisation_id=organisation.id,
        region=organisation.region,
        departments=[],
        content=_drafted(told),
        round=1,
        provisional=False,
        created_at=tx.now,
        updated_at=tx.now,
        version=0,
    )
    filing.subject = incident_subject(filing)
    filing.digest = digest(filing.content, algorithm=tx.algorithm)
    tx.session.add(filing)
    await tx.session.flush()
    keep(tx, filing, "CREATE", clause=type_.clause)
    await _owe_first(tx, filing)


def _drafted(told: IncidentGraded) -> dict[str, Any]:
    return {
        "stage": FIRST,
        "severity": told.severity,
        "listing_ids": [str(told.listing_id)] if told.listing_id is not None else [],
        "started_at": told.started_at.isoformat(),
        "detected_at": told.detected_at.isoformat(),
        **{
            name: SENTENCES.title(f"draft.{name}", ZH)
            for name in ("summary", "impact", "measures", "contact_office")
        },
        "incident_id": None,
        "resolved_at": None,
        "cause": None,
        "improvement": None,
        "attachments": [],
    }


def _debt(filing: Filing, kind: ClockKind, policy: str, subject: str) -> Debt:
    return Debt(
        kind=kind,
        organisation_id=filing.organisation_id,
        region=filing.region,
        clause="A16.4",
        policy=policy,
        subject=subject,
    )
