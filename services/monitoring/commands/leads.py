"""Leads of liability: recorded, evidenced and referred by the province, and told to nobody (A26).

No event leaves: the audit alone shows what was done, and to the province alone.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.errors import EvidenceMissing, IncidentNotFound, LeadNotFound
from services.monitoring.rules.emergency import LEAD, LeadAction, LeadState
from services.monitoring.tables import (
    AccountabilityLead,
    Incident,
    IncidentClock,
    IncidentEntry,
    PlanActivation,
)
from services.monitoring.tables.mapping import Row
from shared.database import Transaction
from shared.security.canonical import digest

Evidence = Mapping[str, str]


async def record_lead(
    tx: Transaction,
    *,
    type: str,  # noqa: A002 the record's own word
    organisation_id: str,
    region: str,
    incident_id: UUID | None,
    summary: str,
    evidence: Sequence[Evidence],
) -> AccountabilityLead:
    """`incident_not_found` (404) where it names one that nobody knows."""
    if incident_id is not None and await tx.session.get(Incident, incident_id) is None:
        raise IncidentNotFound(incident_id=incident_id)
    lead = AccountabilityLead(
        id=uuid4(),
        type=type,
        state=LEAD.initial,
        organisation_id=organisation_id,
        region=region,
        incident_id=incident_id,
        summary=summary,
        evidence=[dict(each) for each in evidence],
        recorded_at=tx.now,
        version=1,
    )
    tx.session.add(lead)
    tx.audit("lead.recorded", subject=f"lead:{lead.id}", details={"type": type})
    return lead


async def add_evidence(
    tx: Transaction, lead_id: UUID, *, evidence: Sequence[Evidence]
) -> AccountabilityLead:
    """More references; none is taken away, and none is added once it was referred."""
    lead = await _move(tx, lead_id, LeadAction.ADD_EVIDENCE)
    lead.evidence = [*lead.evidence, *map(dict, evidence)]
    tx.audit("lead.evidence_added", subject=f"lead:{lead.id}")
    return lead


async def refer_lead(tx: Transaction, lead_id: UUID, *, to: str) -> AccountabilityLead:
    """Hand it to who decides, with its evidence as it stands now, frozen under a digest."""
    lead = await _move(tx, lead_id, LeadAction.REFER)
    if not lead.evidence and lead.incident_id is None:
        raise EvidenceMissing(clause="A26")
    lead.referred_to, lead.referred_at = to, tx.now
    lead.bundle = await _bundle(tx, lead)
    lead.digest = digest(lead.bundle, algorithm=tx.algorithm)
    tx.audit("lead.referred", subject=f"lead:{lead.id}", details={"digest": lead.digest})
    return lead


async def close_lead(tx: Transaction, lead_id: UUID, *, outcome: str) -> AccountabilityLead:
    lead = await _move(tx, lead_id, LeadAction.CLOSE)
    lead.closed_at, lead.outcome = tx.now, outcome
    tx.audit("lead.closed", subject=f"lead:{lead.id}")
    return lead


async def _move(tx: Transaction, lead_id: UUID, action: LeadAction) -> AccountabilityLead:
    lead = await tx.session.scalar(
        select(AccountabilityLead).where(AccountabilityLead.id == lead_id).with_for_update()
    )
    if lead is None:
        raise LeadNotFound(lead_id=lead_id)
    tx.expect(lead.version)
    lead.state = LEAD.after(LeadState(lead.state), action, tx.actor.role)
    lead.version += 1
    return lead


async def _bundle(tx: Transaction, lead: AccountabilityLead) -> dict[str, Any]:
    """The lead with its references and, in full, what monitoring keeps of its incident."""
    found: dict[str, Any] = {
        "lead": _plain(lead, without=("bundle", "digest", "state", "version")),
        "incident": None,
        "timeline": [],
        "clocks": [],
        "activations": [],
    }
    if lead.incident_id is None:
        return found
    incident = await tx.session.get_one(Incident, lead.incident_id)
    found["incident"] = _plain(incident)
    for name, table, order in (
        ("timeline", IncidentEntry, IncidentEntry.number),
        ("clocks", IncidentClock, IncidentClock.id),
        ("activations", PlanActivation, PlanActivation.id),
    ):
        rows = await tx.session.scalars(
            select(table).where(table.incident_id == incident.id).order_by(order)
        )
        found[name] = [_plain(row) for row in rows]
    return found


def _plain(row: Row, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row as JSON."""
    return {
        column.name: _json(getattr(row, column.name))
        for column in type(row).__table__.columns
        if column.name not in without
    }


def _json(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
    return value
