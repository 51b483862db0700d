"""Inspections: planned by the province, recorded by each unit (A16.1, A17.2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.commands import inspections as commands
from services.monitoring.commands.inspections import PlanEntry
from services.monitoring.queries import inspections
from services.monitoring.rules.inspections import Answer
from services.monitoring.schemas.inspections import PlanInput, PlanView, RunInput, RunView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["巡检"])
PeriodFilter = Annotated[
    str, Query(pattern="^[0-9A-Z-]{0,10}$", description="期次 / period", examples=["2026-03-02"])
]


@router.get("/v1/inspection-plans")
async def list_inspection_plans(
    tx: Tx, request: Request, response: Response, page: Paging
) -> Page[PlanView]:
    items, cursor = await inspections.list_plans(tx, page)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/inspection-plans", status_code=201)
async def issue_inspection_plan(tx: Tx, body: PlanInput, response: Response) -> PlanView:
    given = PlanEntry(
        title=body.title,
        domain=body.domain,
        frequency=body.frequency,
        unit_kinds=body.unit_kinds,
        units=body.units,
        checklist=[each.model_dump() for each in body.checklist],
    )
    plan = await commands.issue_plan(tx, given)
    response.headers["Location"] = f"/v1/inspection-plans/{plan.id}"
    set_version(response, plan.version)
    return PlanView.model_validate(plan)


@router.get("/v1/inspection-plans/{plan_id}")
async def get_inspection_plan(tx: Tx, plan_id: UUID, response: Response) -> PlanView:
    view = await inspections.show_plan(tx, plan_id)
    set_version(response, view.version)
    return view


@router.post("/v1/inspection-plans/{plan_id}/end")
async def end_inspection_plan(tx: Tx, plan_id: UUID, response: Response) -> PlanView:
    plan = await commands.end_plan(tx, plan_id)
    set_version(response, plan.version)
    return PlanView.model_validate(plan)


@router.post("/v1/inspection-plans/{plan_id}/runs", status_code=201)
async def record_inspection(tx: Tx, plan_id: UUID, body: RunInput, response: Response) -> RunView:
    answers = [Answer(each.code, each.passed, each.note) for each in body.results]
    evidence = [each.model_dump() for each in body.evidence]
    run = await commands.record_run(tx, plan_id, answers, evidence=evidence)
    response.headers["Location"] = f"/v1/inspection-runs/{run.id}"
    return RunView.model_validate(run)


@router.get("/v1/inspection-runs")
async def list_inspection_runs(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    plan: UUID | None = None,
    period: PeriodFilter = "",
) -> Page[RunView]:
    items, cursor = await inspections.list_runs(
        tx, page, organisation=organisation, region=region, plan=plan, period=period
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/inspection-runs/{run_id}")
async def get_inspection_run(tx: Tx, run_id: UUID) -> RunView:
    return await inspections.show_run(tx, run_id)
