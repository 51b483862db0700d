"""Inspection plans, which everybody reads, and the runs that one sees."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.monitoring.errors import InspectionPlanNotFound, InspectionRunNotFound
from services.monitoring.schemas.inspections import PlanView, RunView
from services.monitoring.tables import InspectionPlan, InspectionRun
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=InspectionRun.region.expression,
        organisation=InspectionRun.organisation_id.expression,
    )


async def list_plans(tx: Transaction, page: PageRequest) -> tuple[Sequence[PlanView], str | None]:
    """The newest first."""
    rows = await tx.session.scalars(
        keyset(
            select(InspectionPlan),
            page,
            columns=[InspectionPlan.issued_at.expression, InspectionPlan.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.issued_at, row.id))
    return [PlanView.model_validate(row) for row in shown], cursor


async def show_plan(tx: Transaction, plan_id: UUID) -> PlanView:
    """`inspection_plan_not_found` (404)."""
    row = await tx.session.get(InspectionPlan, plan_id)
    if row is None:
        raise InspectionPlanNotFound(plan_id=plan_id)
    return PlanView.model_validate(row)


async def list_runs(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    plan: UUID | None,
    period: str,
) -> tuple[Sequence[RunView], str | None]:
    """The newest first."""
    statement = select(InspectionRun).where(_seen(tx))
    if organisation:
        statement = statement.where(InspectionRun.organisation_id == organisation)
    if region:
        statement = statement.where(
            InspectionRun.region.startswith(scope_prefix(region), autoescape=True)
        )
    if plan is not None:
        statement = statement.where(InspectionRun.plan_id == plan)
    if period:
        statement = statement.where(InspectionRun.period == period)
    rows = await tx.session.scalars(
        keyset(
            statement,
            page,
            columns=[InspectionRun.done_at.expression, InspectionRun.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.done_at, row.id))
    return [RunView.model_validate(row) for row in shown], cursor


async def show_run(tx: Transaction, run_id: UUID) -> RunView:
    """`inspection_run_not_found` (404)."""
    row = await tx.session.scalar(
        select(InspectionRun).where(InspectionRun.id == run_id, _seen(tx))
    )
    if row is None:
        raise InspectionRunNotFound(run_id=run_id)
    return RunView.model_validate(row)
