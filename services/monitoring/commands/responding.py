"""What people do about an incident: record, acknowledge, act, hand over, grade, close (A16)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import or_, select

from services.monitoring.commands import report_clocks
from services.monitoring.commands.grading import UNGRADED, matrix_grade, set_severity
from services.monitoring.commands.notices import announce, published_notice
from services.monitoring.commands.timeline import note, resolve
from services.monitoring.errors import (
    ActionMissing,
    HandoverOutside,
    IncidentAcknowledgedAlready,
    IncidentNotFound,
    IncidentNotSecurity,
    IncidentOver,
    IncidentProbed,
    IncidentTimesWrong,
    ListingUnwatched,
    NoticeMissing,
    PostVacant,
    SeverityBelowMatrix,
)
from services.monitoring.rules.incidents import ClockKind, IncidentKind, Severity
from services.monitoring.tables import Incident, IncidentEntry, KnownListing, KnownPerson
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import IncidentAcknowledged, IncidentRecorded
from shared.security.access import Relation, check_relation
from shared.security.identity import Role
from shared.security.scope import visible

ACTION, COMMENT = "ACTION", "COMMENT"


@dataclass(frozen=True, slots=True)
class Harm:
    """What a unit says of an incident's harm."""

    percent: int | None
    core_function: bool
    data_loss: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What a unit records of an incident that no probe has seen."""

    kind: IncidentKind
    listing_id: UUID | None
    summary: str
    started_at: datetime
    detected_at: datetime
    critical: bool
    harm: Harm


async def record_incident(tx: Transaction, given: Account, relation: Relation) -> Incident:
    """An incident of a listing or, without one, of the actor's own unit; graded by the matrix."""
    if not given.started_at <= given.detected_at <= tx.now:
        place = FieldError("/detected_at", IncidentTimesWrong.code)
        raise IncidentTimesWrong(clause="A16.4", errors=[place])
    listing = await _listing(tx, given.listing_id) if given.listing_id is not None else None
    organisation = listing.organisation_id if listing is not None else tx.actor.organisation
    region = listing.region if listing is not None else tx.actor.region
    check_relation(relation, tx.actor, organisation=organisation, region=region, clause="A16.4")
    incident = Incident(
        id=uuid4(),
        kind=given.kind,
        listing_id=given.listing_id,
        organisation_id=organisation,
        region=region,
        cause="reported",
        summary=given.summary,
        started_at=given.started_at,
        opened_at=given.detected_at,
        reopened=0,
        version=0,
        **{**UNGRADED, "critical": given.critical},
    )
    _harm(incident, given.harm)
    tx.session.add(incident)
    note(tx, incident, "RECORDED", at=tx.now, detail=given.summary, by=tx.actor.organisation)
    tx.emit(
        IncidentRecorded(
            incident_id=incident.id,
            kind=incident.kind,
            organisation_id=organisation,
            listing_id=incident.listing_id,
            recorded_by=tx.actor.organisation,
            started_at=incident.started_at,
            detected_at=incident.opened_at,
            recorded_at=tx.now,
        ),
        subject=f"incident:{incident.id}",
        region=region,
    )
    severity = await matrix_grade(tx, incident)
    await set_severity(tx, incident, severity, reason="MATRIX", by=None)
    return incident


async def acknowledge_incident(tx: Transaction, incident_id: UUID, relation: Relation) -> Incident:
    """Somebody answers for it from now on (A17.5)."""
    incident = await _open(tx, incident_id, relation)
    if incident.acknowledged_at is not None:
        raise IncidentAcknowledgedAlready(by=incident.acknowledged_by)
    incident.acknowledged_at, incident.acknowledged_by = tx.now, tx.actor.organisation
    note(tx, incident, "ACKNOWLEDGED", at=tx.now, by=tx.actor.organisation)
    tx.emit(
        IncidentAcknowledged(
            incident_id=incident.id,
            organisation_id=incident.organisation_id,
            acknowledged_by=tx.actor.organisation,
            acknowledged_at=tx.now,
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )
    return incident


async def write_entry(
    tx: Transaction, incident_id: UUID, relation: Relation, *, action: str, text: str
) -> Incident:
    """A measure that was taken, or a comment, which may come after the end too (A16.6)."""
    incident = await _load(tx, incident_id, relation)
    if action == ACTION and incident.closed_at is not None:
        raise IncidentOver(clause="A16.6")
    note(tx, incident, action, at=tx.now, detail=text, by=tx.actor.organisation)
    tx.audit(f"incident.{action.lower()}", subject=f"incident:{incident.id}")
    return incident


async def hand_over(
    tx: Transaction,
    incident_id: UUID,
    relation: Relation,
    *,
    organisation_id: str,
    domain: str,
    post: str,
    reason: str,
) -> Incident:
    """To a post of the unit that is responsible, or of who hands over; the duty stays its own."""
    incident = await _open(tx, incident_id, relation)
    if organisation_id not in (incident.organisation_id, tx.actor.organisation):
        raise HandoverOutside(organisation=organisation_id, clause="A16.6")
    if not await _held_today(tx, organisation_id, domain=domain, post=post):
        raise PostVacant(organisation=organisation_id, domain=domain, post=post, clause="A17.1")
    incident.handler_organisation = organisation_id
    incident.handler_domain, incident.handler_post = domain, post
    detail = f"{organisation_id} {domain} {post}: {reason}"
    note(tx, incident, "HANDED_OVER", at=tx.now, detail=detail, by=tx.actor.organisation)
    tx.audit("incident.handed_over", subject=f"incident:{incident.id}")
    return incident


async def grade_incident(
    tx: Transaction,
    incident_id: UUID,
    relation: Relation,
    *,
    severity: Severity,
    harm: Harm,
    reason: str,
) -> Incident:
    """By the matrix or graver; lighter than the matrix only by the province."""
    incident = await _open(tx, incident_id, relation)
    _harm(incident, harm)
    least = await matrix_grade(tx, incident)
    if severity.rank < least.rank and tx.actor.role is not Role.PROVINCE:
        raise SeverityBelowMatrix(matrix=least, clause="A16.4")
    await set_severity(tx, incident, severity, reason=reason, by=tx.actor.organisation)
    return incident


async def announce_incident(
    tx: Transaction, incident_id: UUID, relation: Relation, *, notice_id: UUID
) -> Incident:
    """Name the notice on the platform that announces it (A16.5)."""
    incident = await _open(tx, incident_id, relation)
    notice = await published_notice(tx, notice_id, incident)
    announce(tx, incident, notice.id, by=tx.actor.organisation)
    tx.audit("incident.announced", subject=f"incident:{incident.id}")
    return incident


async def report_to_authority(
    tx: Transaction,
    incident_id: UUID,
    relation: Relation,
    *,
    authority: str,
    reference: str,
    reported_at: datetime,
) -> Incident:
    """A security incident was reported to who must know; its clock stops then (A20.1)."""
    incident = await _security(tx, incident_id, relation)
    if not incident.opened_at <= reported_at <= tx.now:
        place = FieldError("/reported_at", IncidentTimesWrong.code)
        raise IncidentTimesWrong(clause="A20.1", errors=[place])
    await report_clocks.stop_clock(tx, incident.id, ClockKind.AUTHORITY_REPORT, at=reported_at)
    detail = f"{authority} {reference}"
    note(tx, incident, "AUTHORITY_REPORTED", at=reported_at, detail=detail,
         by=tx.actor.organisation)  # fmt: skip
    tx.audit("incident.authority_reported", subject=f"incident:{incident.id}")
    return incident


async def name_coordinator(
    tx: Transaction, incident_id: UUID, relation: Relation, *, organisation_id: str, reason: str
) -> Incident:
    """Which unit coordinates a security incident across all who take part (A20.1)."""
    incident = await _security(tx, incident_id, relation)
    incident.coordinator = organisation_id
    detail = f"{organisation_id}: {reason}"
    note(tx, incident, "COORDINATED", at=tx.now, detail=detail, by=tx.actor.organisation)
    tx.audit("incident.coordinated", subject=f"incident:{incident.id}")
    return incident


async def close_incident(
    tx: Transaction, incident_id: UUID, relation: Relation, *, resolved_at: datetime, reason: str
) -> Incident:
    """By hand only what no probe watches; a major one with its notice and its measures (A16)."""
    incident = await _open(tx, incident_id, relation)
    if incident.probe_id is not None and incident.resolved_at is None:
        raise IncidentProbed(clause="A17.3")
    if not incident.started_at <= resolved_at <= tx.now:
        place = FieldError("/resolved_at", IncidentTimesWrong.code)
        raise IncidentTimesWrong(clause="A16.6", errors=[place])
    if Severity(incident.severity).is_major and not await _acted(tx, incident_id):
        raise ActionMissing(clause="A16.6")
    await resolve(tx, incident, reason=reason, at=resolved_at, by=tx.actor.organisation)
    if incident.closed_at is None:
        raise NoticeMissing(clause="A16.5")
    return incident


async def _held_today(tx: Transaction, organisation_id: str, *, domain: str, post: str) -> bool:
    """Whether catalog has told of somebody on this post: nobody answers from an empty one."""
    today = tx.now.astimezone(SHANGHAI).date()
    found = await tx.session.scalar(
        select(KnownPerson.id)
        .where(
            KnownPerson.organisation_id == organisation_id,
            KnownPerson.domain == domain,
            KnownPerson.post == post,
            KnownPerson.valid_from <= today,
            or_(KnownPerson.valid_to.is_(None), KnownPerson.valid_to >= today),
        )
        .limit(1)
    )
    return found is not None


async def _acted(tx: Transaction, incident_id: UUID) -> bool:
    found = await tx.session.scalar(
        select(IncidentEntry.number)
        .where(IncidentEntry.incident_id == incident_id, IncidentEntry.action == ACTION)
        .limit(1)
    )
    return found is not None


async def _security(tx: Transaction, incident_id: UUID, relation: Relation) -> Incident:
    incident = await _open(tx, incident_id, relation)
    if incident.kind != IncidentKind.SECURITY:
        raise IncidentNotSecurity(clause="A20.1")
    return incident


async def _open(tx: Transaction, incident_id: UUID, relation: Relation) -> Incident:
    incident = await _load(tx, incident_id, relation)
    if incident.closed_at is not None:
        raise IncidentOver(clause="A16.6")
    return incident


async def _load(tx: Transaction, incident_id: UUID, relation: Relation) -> Incident:
    """Lock an incident that the actor sees, may act on, and has read in this version."""
    incident = await tx.session.scalar(
        select(Incident)
        .where(
            Incident.id == incident_id,
            visible(
                tx.actor,
                region=Incident.region.expression,
                organisation=Incident.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if incident is None:
        raise IncidentNotFound(incident_id=incident_id)
    check_relation(
        relation,
        tx.actor,
        organisation=incident.organisation_id,
        region=incident.region,
        clause="A16.6",
    )
    tx.expect(incident.version)
    return incident


async def _listing(tx: Transaction, listing_id: UUID) -> KnownListing:
    listing = await tx.session.scalar(
        select(KnownListing).where(
            KnownListing.id == listing_id,
            visible(
                tx.actor,
                region=KnownListing.region.expression,
                organisation=KnownListing.organisation_id.expression,
            ),
        )
    )
    if listing is None:
        raise ListingUnwatched(listing_id=listing_id)
    return listing


def _harm(incident: Incident, harm: Harm) -> None:
    incident.percent = harm.percent
    incident.core_function, incident.data_loss = harm.core_function, harm.data_loss
