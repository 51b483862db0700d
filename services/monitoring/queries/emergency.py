"""Emergency plans, their versions, drills and activations, as units and authorities see them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from services.monitoring.errors import PlanNotFound
from services.monitoring.queries.scoping import scoped
from services.monitoring.schemas.emergency import (
    ActivationView,
    DrillView,
    PlanVersionView,
    PlanView,
)
from services.monitoring.tables import (
    Drill,
    EmergencyPlan,
    EmergencyPlanVersion,
    PlanActivation,
)
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset

_Scoped = type[EmergencyPlan] | type[Drill] | type[PlanActivation]


def _found(
    tx: Transaction, table: _Scoped, *, organisation: str, region: str
) -> list[ColumnElement[bool]]:
    return scoped(
        tx,
        of_organisation=table.organisation_id,
        of_region=table.region,
        organisation=organisation,
        region=region,
    )


def _view(plan: EmergencyPlan) -> PlanView:
    shown = {name: getattr(plan, name) for name in PlanView.model_fields if name != "overdue"}
    return PlanView(**shown, overdue=plan.told)


async def list_plans(
    tx: Transaction, page: PageRequest, *, organisation: str, region: str, overdue: bool | None
) -> tuple[Sequence[PlanView], str | None]:
    """By their id; `overdue` are those that owe a drill or a review."""
    found = _found(tx, EmergencyPlan, organisation=organisation, region=region)
    if overdue is not None:
        late = func.cardinality(EmergencyPlan.told) > 0
        found.append(late if overdue else ~late)
    rows = await tx.session.scalars(
        keyset(
            select(EmergencyPlan).where(*found),
            page,
            columns=[EmergencyPlan.id.expression],
            kinds=[UUID],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [_view(row) for row in shown], cursor


async def show_plan(tx: Transaction, plan_id: UUID) -> PlanView:
    """`emergency_plan_not_found` (404)."""
    await tx.session.flush()
    found = _found(tx, EmergencyPlan, organisation="", region="")
    row = await tx.session.scalar(select(EmergencyPlan).where(EmergencyPlan.id == plan_id, *found))
    if row is None:
        raise PlanNotFound(plan_id=plan_id)
    return _view(row)


async def list_versions(
    tx: Transaction, page: PageRequest, plan_id: UUID
) -> tuple[Sequence[PlanVersionView], str | None]:
    """The newest first."""
    await show_plan(tx, plan_id)
    rows = await tx.session.scalars(
        keyset(
            select(EmergencyPlanVersion).where(EmergencyPlanVersion.plan_id == plan_id),
            page,
            columns=[EmergencyPlanVersion.number.expression],
            kinds=[int],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.number,))
    return [PlanVersionView.model_validate(row) for row in shown], cursor


async def list_drills(
    tx: Transaction, page: PageRequest, *, organisation: str, region: str, plan: UUID | None
) -> tuple[Sequence[DrillView], str | None]:
    """The newest first."""
    found = _found(tx, Drill, organisation=organisation, region=region)
    if plan is not None:
        found.append(Drill.plan_id == plan)
    columns: list[Any] = [Drill.held_on.expression, Drill.id.expression]
    rows = await tx.session.scalars(
        keyset(
            select(Drill).where(*found),
            page,
            columns=columns,
            kinds=[date.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.held_on, row.id))
    return [DrillView.model_validate(row) for row in shown], cursor


async def list_activations(
    tx: Transaction, page: PageRequest, *, organisation: str, region: str, incident: UUID | None
) -> tuple[Sequence[ActivationView], str | None]:
    """The newest first."""
    found = _found(tx, PlanActivation, organisation=organisation, region=region)
    if incident is not None:
        found.append(PlanActivation.incident_id == incident)
    columns: list[Any] = [PlanActivation.activated_at.expression, PlanActivation.id.expression]
    rows = await tx.session.scalars(
        keyset(
            select(PlanActivation).where(*found),
            page,
            columns=columns,
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.activated_at, row.id))
    return [ActivationView.model_validate(row) for row in shown], cursor
