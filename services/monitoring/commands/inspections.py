"""Inspections: planned by the province, carried out by each unit, missed ones found (A16.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, or_, select, update

from services.monitoring.commands.automatic import find, find_once
from services.monitoring.commands.finding_clocks import load_calendar
from services.monitoring.commands.finding_records import Raised
from services.monitoring.commands.policies import policies_now, today
from services.monitoring.commands.rectifications import lapse
from services.monitoring.errors import (
    InspectionDone,
    InspectionInvalid,
    InspectionPlanEnded,
    InspectionPlanNotFound,
    NotInspected,
    OrganisationUnknown,
)
from services.monitoring.rules.inspections import Answer, missed_id, plan_flaws, run_flaws
from services.monitoring.rules.periods import Period, ended
from services.monitoring.rules.rectifications import (
    PLATFORM,
    FindingKind,
    Severity,
    Source,
)
from services.monitoring.tables import Finding, InspectionPlan, InspectionRun, KnownOrganisation
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.events import monitoring as told

ENDED = "PLAN_ENDED"
_PLANS_AT_ONCE = 5
_UNITS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What the province asks: who inspects which items how often."""

    title: str
    domain: str
    frequency: Period
    unit_kinds: Sequence[str]
    units: Sequence[str]
    checklist: Sequence[Mapping[str, Any]]


async def issue_plan(tx: Transaction, given: PlanEntry) -> InspectionPlan:
    """From today on; `inspection_invalid` (422) names what is wrong with it."""
    codes = [item["code"] for item in given.checklist]
    errors = list(plan_flaws(codes=codes, kinds=given.unit_kinds, units=given.units))
    if errors:
        raise InspectionInvalid(errors=errors, clause="A16.1")
    plan = InspectionPlan(
        id=uuid4(),
        title=given.title,
        domain=given.domain,
        frequency=given.frequency,
        unit_kinds=list(given.unit_kinds),
        units=list(given.units),
        checklist=[dict(item) for item in given.checklist],
        issued_by=tx.actor.organisation,
        issued_at=tx.now,
        ended_at=None,
        checked_through=today(tx) - timedelta(days=1),
        version=1,
    )
    tx.session.add(plan)
    tx.emit(
        told.InspectionPlanIssued(
            plan_id=plan.id,
            frequency=plan.frequency,
            unit_kinds=plan.unit_kinds,
            units=plan.units,
            items=len(plan.checklist),
        ),
        subject=f"inspection_plan:{plan.id}",
        region=tx.actor.region,
    )
    return plan


async def end_plan(tx: Transaction, plan_id: UUID) -> InspectionPlan:
    """Nothing is owed to it from now on; what was missed before lapses, it can be made up no more.

    `inspection_plan_ended` (409) the second time.
    """
    plan = await _running(tx, plan_id, shared=False)
    tx.expect(plan.version)
    plan.ended_at, plan.version = tx.now, plan.version + 1
    missed = await tx.session.scalars(
        select(Finding)
        .where(
            Finding.about_id == plan.id,
            Finding.kind == FindingKind.RUN_MISSED,
            Finding.closed_at.is_(None),
        )
        .order_by(Finding.id)
        .with_for_update()
    )
    for finding in missed.all():
        await lapse(tx, finding, because=ENDED)
    tx.emit(
        told.InspectionPlanEnded(plan_id=plan.id, ended_at=tx.now),
        subject=f"inspection_plan:{plan.id}",
        region=tx.actor.region,
    )
    return plan


async def record_run(
    tx: Transaction,
    plan_id: UUID,
    answers: Sequence[Answer],
    *,
    evidence: Sequence[Mapping[str, Any]],
) -> InspectionRun:
    """The actor's own unit has inspected, now; each failed item is a finding (A17.2).

    `inspection_done` (409) when it was done in this period; `not_inspected` (403) for a unit that
    the plan does not mean.
    """
    plan = await _running(tx, plan_id)
    unit = await tx.session.get(KnownOrganisation, tx.actor.organisation, with_for_update=True)
    if unit is None or not unit.active:
        raise OrganisationUnknown(organisation=tx.actor.organisation)
    if unit.id not in plan.units and unit.kind not in plan.unit_kinds:
        raise NotInspected(clause="A16.1")
    errors = list(run_flaws(plan.checklist, answers))
    if errors:
        raise InspectionInvalid(errors=errors, clause="A17.2")
    period = Period(plan.frequency).holding(today(tx))
    earlier = await _run_of(tx, plan.id, unit.id, period)
    if earlier is not None:
        raise InspectionDone(run_id=earlier, period=period)
    run = InspectionRun(
        id=uuid4(),
        plan_id=plan.id,
        organisation_id=unit.id,
        region=unit.region,
        period=period,
        results=[{"code": a.code, "passed": a.passed, "note": a.note} for a in answers],
        evidence=[dict(each) for each in evidence],
        failed=sum(not answer.passed for answer in answers),
        done_by=tx.actor.subject,
        done_at=tx.now,
    )
    tx.session.add(run)
    tx.emit(
        told.InspectionCarriedOut(
            run_id=run.id,
            plan_id=plan.id,
            organisation_id=unit.id,
            period=period,
            items=len(answers),
            failed=run.failed,
        ),
        subject=f"inspection_run:{run.id}",
        region=unit.region,
    )
    await _find_failed(tx, plan, run, answers)
    await tx.session.execute(  # what waited for this run is tested again at once
        update(Finding)
        .where(
            Finding.about_id == plan.id,
            Finding.organisation_id == unit.id,
            Finding.retest_at.is_not(None),
        )
        .values(retest_at=tx.now)
    )
    return run


async def find_missed_runs(tx: Transaction) -> None:
    """Each unit that let a period pass without its run gets one finding (A17.2)."""
    plans = await tx.session.scalars(
        select(InspectionPlan)
        .where(
            InspectionPlan.ended_at.is_(None),
            InspectionPlan.checked_through < today(tx) - timedelta(days=1),
        )
        .order_by(InspectionPlan.checked_through)
        .limit(_PLANS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = plans.all()
    if not found:
        return
    calendar = await load_calendar(tx)
    office_only = bool((await policies_now(tx))["inspection_office_days"].value)
    for plan in found:
        period = Period(plan.frequency)
        last_days = ended(
            period,
            after=plan.checked_through,
            before=today(tx),
            counts=lambda day: not office_only or calendar.is_working_day(day),
        )
        for day in last_days:  # one period of each plan in a round: a transaction stays short
            found_all = await _find_missed(
                tx, plan, period.holding(day), first=period.first_day(day)
            )
            if found_all:
                plan.checked_through = day
            break
        else:
            plan.checked_through = today(tx) - timedelta(days=1)


async def _find_missed(tx: Transaction, plan: InspectionPlan, period: str, *, first: date) -> bool:
    """Find some of those who missed it; whether these were all.

    A unit, and a plan, that came in the middle of a period owe nothing for it.
    """
    if plan.issued_at.astimezone(SHANGHAI).date() > first:
        return True
    done = exists().where(
        InspectionRun.plan_id == plan.id,
        InspectionRun.organisation_id == KnownOrganisation.id,
        InspectionRun.period == period,
    )
    known = exists().where(
        Finding.source == Source.INSPECTION,
        Finding.raising_organisation == PLATFORM,
        Finding.source_id == f"missed:{plan.id}:" + KnownOrganisation.id + f":{period}",
    )
    units = await tx.session.scalars(
        select(KnownOrganisation)
        .where(
            KnownOrganisation.active,
            or_(
                KnownOrganisation.id.in_(plan.units),
                KnownOrganisation.kind.in_(plan.unit_kinds),
            ),
            KnownOrganisation.since < datetime.combine(first, time(), SHANGHAI),
            ~done,
            ~known,
        )
        .order_by(KnownOrganisation.id)
        .limit(_UNITS_AT_ONCE)
    )
    found = units.all()
    for unit in found:
        await find_once(
            tx,
            Raised(
                kind=FindingKind.RUN_MISSED,
                organisation_id=unit.id,
                region=unit.region,
                source=Source.INSPECTION,
                source_id=missed_id(plan.id, unit.id, period),
                about_id=plan.id,
                summary=f"{plan.title} {period}",
            ),
        )
    return len(found) < _UNITS_AT_ONCE


async def _find_failed(
    tx: Transaction, plan: InspectionPlan, run: InspectionRun, answers: Sequence[Answer]
) -> None:
    items = {item["code"]: item for item in plan.checklist}
    for answer in answers:
        if answer.passed:
            continue
        await find(
            tx,
            Raised(
                kind=FindingKind.CHECKLIST,
                organisation_id=run.organisation_id,
                region=run.region,
                source=Source.INSPECTION,
                source_id=f"{run.id}:{answer.code}",
                about_id=run.id,
                severity=Severity(items[answer.code]["severity"]),
                summary=answer.note,
                evidence=run.evidence,
            ),
        )


async def _running(tx: Transaction, plan_id: UUID, *, shared: bool = True) -> InspectionPlan:
    plan = await tx.session.get(InspectionPlan, plan_id, with_for_update={"read": shared})
    if plan is None:
        raise InspectionPlanNotFound(plan_id=plan_id)
    if plan.ended_at is not None:
        raise InspectionPlanEnded(plan_id=plan_id)
    return plan


async def _run_of(tx: Transaction, plan_id: UUID, unit: str, period: str) -> UUID | None:
    found: UUID | None = await tx.session.scalar(
        select(InspectionRun.id).where(
            InspectionRun.plan_id == plan_id,
            InspectionRun.organisation_id == unit,
            InspectionRun.period == period,
        )
    )
    return found
