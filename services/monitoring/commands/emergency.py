"""Emergency plans: adopted, revised, practised, and started for an incident (A23)."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select

from services.monitoring.commands.limits import policies_now
from services.monitoring.commands.timeline import note
from services.monitoring.errors import (
    DayAhead,
    IncidentNotFound,
    IncidentOver,
    PlanActive,
    PlanNotFound,
    PlanOfAnother,
)
from services.monitoring.rules.emergency import Owed, due_on
from services.monitoring.rules.incidents import IncidentKind, Severity, seconds
from services.monitoring.tables import (
    Drill,
    EmergencyPlan,
    EmergencyPlanVersion,
    Incident,
    IncidentEntry,
    PlanActivation,
)
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.monitoring import (
    DrillHeld,
    EmergencyPlanActivated,
    EmergencyPlanAdopted,
    EmergencyPlanOverdue,
    EmergencyPlanPrompted,
)
from shared.security.access import Relation, check_relation
from shared.security.scope import visible

PROMPTED: Final = "PLAN_PROMPTED"
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class PlanText:
    """What a unit says of its plan; `covers` is FAULT, SECURITY or ALL."""

    title: str
    covers: str
    summary: str
    file_sha256: str
    adopted_on: date


@dataclass(frozen=True, slots=True)
class DrillAccount:
    scenario: str
    held_on: date
    participants: int
    result: str
    remarks: str


async def adopt_plan(tx: Transaction, given: PlanText) -> EmergencyPlan:
    """A plan of the actor's own unit, with the days by which it is reviewed and practised."""
    plan = EmergencyPlan(
        id=uuid4(),
        organisation_id=tx.actor.organisation,
        region=tx.actor.region,
        number=0,
        drilled_on=None,
        told=[],
        version=0,
    )
    await _put(tx, plan, given)
    tx.session.add(plan)
    await tx.session.flush()
    _keep(tx, plan, given)
    return plan


async def revise_plan(
    tx: Transaction, plan_id: UUID, given: PlanText, relation: Relation
) -> EmergencyPlan:
    """Another version; the earlier ones stay readable."""
    plan = await _load(tx, plan_id, relation)
    await _put(tx, plan, given)
    _keep(tx, plan, given)
    return plan


async def record_drill(
    tx: Transaction, plan_id: UUID, given: DrillAccount, relation: Relation
) -> Drill:
    """It was practised; late when the day had passed by which it was due (A23.2)."""
    plan = await _load(tx, plan_id, relation)
    if given.held_on > _today(tx):
        raise DayAhead(errors=[FieldError("/held_on", DayAhead.code)])
    drill = Drill(
        id=uuid4(),
        plan_id=plan.id,
        plan_number=plan.number,
        organisation_id=plan.organisation_id,
        region=plan.region,
        scenario=given.scenario,
        held_on=given.held_on,
        participants=given.participants,
        result=given.result,
        remarks=given.remarks,
        late=given.held_on > plan.drill_due_on,
        recorded_at=tx.now,
    )
    tx.session.add(drill)
    if plan.drilled_on is None or given.held_on > plan.drilled_on:
        plan.drilled_on = given.held_on
        plan.drill_due_on = due_on(given.held_on, days=await _days(tx, "drill_every"))
        _follow(plan, without=Owed.DRILL)
    plan.version += 1
    tx.emit(
        DrillHeld(
            drill_id=drill.id,
            plan_id=plan.id,
            organisation_id=plan.organisation_id,
            held_on=drill.held_on,
            result=drill.result,
            late=drill.late,
        ),
        subject=f"plan:{plan.id}",
        region=plan.region,
    )
    return drill


async def activate_plan(
    tx: Transaction, plan_id: UUID, relation: Relation, *, incident_id: UUID, reason: str
) -> PlanActivation:
    """Start a plan for an open incident of its unit; how long that took counts from detection."""
    plan = await _load(tx, plan_id, relation)
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
    if incident.organisation_id != plan.organisation_id:
        raise PlanOfAnother(clause="A23.3")
    if incident.closed_at is not None:
        raise IncidentOver(clause="A23.3")
    if await _activation(tx, plan.id, incident.id) is not None:
        raise PlanActive(clause="A23.3")
    latency = seconds(incident.opened_at, tx.now) or 0.0
    activation = PlanActivation(
        id=uuid4(),
        plan_id=plan.id,
        plan_number=plan.number,
        incident_id=incident.id,
        organisation_id=plan.organisation_id,
        region=plan.region,
        reason=reason,
        activated_at=tx.now,
        latency_seconds=latency,
    )
    tx.session.add(activation)
    note(
        tx,
        incident,
        "PLAN_ACTIVATED",
        at=tx.now,
        detail=f"{plan.title} v{plan.number}: {reason}",
        by=tx.actor.organisation,
    )
    tx.emit(
        EmergencyPlanActivated(
            activation_id=activation.id,
            plan_id=plan.id,
            incident_id=incident.id,
            organisation_id=plan.organisation_id,
            activated_at=tx.now,
            latency_seconds=latency,
        ),
        subject=f"plan:{plan.id}",
        region=plan.region,
    )
    return activation


async def prompt_plan(tx: Transaction, incident: Incident) -> None:
    """A major security incident asks for its plan at once: its unit is told which, once (A23.3)."""
    if incident.kind != IncidentKind.SECURITY or not Severity(incident.severity).is_major:
        return
    await tx.session.flush()
    prompted = await tx.session.scalar(
        select(IncidentEntry.number)
        .where(IncidentEntry.incident_id == incident.id, IncidentEntry.action == PROMPTED)
        .limit(1)
    )
    if prompted is not None:
        return
    plans = await tx.session.scalars(
        select(EmergencyPlan.id)
        .where(
            EmergencyPlan.organisation_id == incident.organisation_id,
            EmergencyPlan.covers.in_(["SECURITY", "ALL"]),
        )
        .order_by(EmergencyPlan.id)
    )
    found = list(plans)
    note(tx, incident, PROMPTED, at=tx.now, detail=", ".join(map(str, found)) or "NONE")
    tx.emit(
        EmergencyPlanPrompted(
            incident_id=incident.id, organisation_id=incident.organisation_id, plan_ids=found
        ),
        subject=f"incident:{incident.id}",
        region=incident.region,
    )


async def chase_plans(tx: Transaction) -> None:
    """The clock's part: a drill or a review that is not there in time is told of once."""
    today = _today(tx)
    due = await tx.session.scalars(
        select(EmergencyPlan)
        .where(EmergencyPlan.chase_on <= today)
        .order_by(EmergencyPlan.chase_on)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for plan in due.all():
        for owed, day in _dues(plan):
            if day < today and owed not in plan.told:
                plan.told = [*plan.told, owed]
                tx.emit(
                    EmergencyPlanOverdue(
                        plan_id=plan.id,
                        organisation_id=plan.organisation_id,
                        owed=owed,
                        due_on=day,
                    ),
                    subject=f"plan:{plan.id}",
                    region=plan.region,
                )
        _follow(plan)
        plan.version += 1


def _dues(plan: EmergencyPlan) -> tuple[tuple[Owed, date], ...]:
    return (Owed.DRILL, plan.drill_due_on), (Owed.REVIEW, plan.review_due_on)


def _follow(plan: EmergencyPlan, *, without: Owed | None = None) -> None:
    """The day after the next due that was not told of; `without` is owed anew."""
    plan.told = [each for each in plan.told if each != without]
    ahead = [day for owed, day in _dues(plan) if owed not in plan.told]
    plan.chase_on = due_on(min(ahead), days=1) if ahead else None


async def _put(tx: Transaction, plan: EmergencyPlan, given: PlanText) -> None:
    if given.adopted_on > _today(tx):
        raise DayAhead(errors=[FieldError("/adopted_on", DayAhead.code)])
    plan.title, plan.covers = given.title, given.covers
    plan.adopted_on = given.adopted_on
    plan.review_due_on = due_on(given.adopted_on, days=await _days(tx, "plan_review_every"))
    if plan.drilled_on is None:
        plan.drill_due_on = due_on(given.adopted_on, days=await _days(tx, "drill_every"))
    plan.number += 1
    plan.version += 1
    _follow(plan, without=Owed.REVIEW)


def _keep(tx: Transaction, plan: EmergencyPlan, given: PlanText) -> None:
    tx.session.add(
        EmergencyPlanVersion(
            plan_id=plan.id,
            number=plan.number,
            title=given.title,
            summary=given.summary,
            file_sha256=given.file_sha256,
            adopted_on=given.adopted_on,
            kept_at=tx.now,
        )
    )
    tx.emit(
        EmergencyPlanAdopted(
            plan_id=plan.id,
            organisation_id=plan.organisation_id,
            number=plan.number,
            covers=plan.covers,
            adopted_on=plan.adopted_on,
            review_due_on=plan.review_due_on,
            drill_due_on=plan.drill_due_on,
        ),
        subject=f"plan:{plan.id}",
        region=plan.region,
    )


async def _activation(tx: Transaction, plan_id: UUID, incident_id: UUID) -> PlanActivation | None:
    return await tx.session.scalar(
        select(PlanActivation).where(
            PlanActivation.plan_id == plan_id, PlanActivation.incident_id == incident_id
        )
    )


async def _load(tx: Transaction, plan_id: UUID, relation: Relation) -> EmergencyPlan:
    plan = await tx.session.scalar(
        select(EmergencyPlan)
        .where(
            EmergencyPlan.id == plan_id,
            visible(
                tx.actor,
                region=EmergencyPlan.region.expression,
                organisation=EmergencyPlan.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if plan is None:
        raise PlanNotFound(plan_id=plan_id)
    check_relation(
        relation,
        tx.actor,
        organisation=plan.organisation_id,
        region=plan.region,
        clause="A23.1",
    )
    tx.expect(plan.version)
    return plan


async def _days(tx: Transaction, key: str) -> int:
    return int((await policies_now(tx))[key].value)


def _today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()
