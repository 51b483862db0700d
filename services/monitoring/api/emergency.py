"""Emergency plans: kept, practised and started (A23)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.commands import emergency as commands
from services.monitoring.commands.emergency import DrillAccount, PlanText
from services.monitoring.queries import emergency
from services.monitoring.schemas.emergency import (
    ActivationInput,
    ActivationView,
    DrillInput,
    DrillView,
    PlanInput,
    PlanVersionView,
    PlanView,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["应急预案"])


@router.get("/v1/emergency-plans")
async def list_emergency_plans(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    overdue: Annotated[
        bool | None, Query(description="演练或复审逾期 / a drill or review is overdue")
    ] = None,
) -> Page[PlanView]:
    items, cursor = await emergency.list_plans(
        tx, page, organisation=organisation, region=region, overdue=overdue
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/emergency-plans", status_code=201)
async def adopt_emergency_plan(tx: Tx, body: PlanInput, response: Response) -> PlanView:
    plan = await commands.adopt_plan(tx, PlanText(**body.model_dump()))
    response.headers["Location"] = f"/v1/emergency-plans/{plan.id}"
    set_version(response, plan.version)
    return await emergency.show_plan(tx, plan.id)


@router.get("/v1/emergency-plans/{plan_id}")
async def get_emergency_plan(tx: Tx, plan_id: UUID, response: Response) -> PlanView:
    view = await emergency.show_plan(tx, plan_id)
    set_version(response, view.version)
    return view


@router.put("/v1/emergency-plans/{plan_id}")
async def revise_emergency_plan(
    *, tx: Tx, relation: Related, plan_id: UUID, body: PlanInput, response: Response
) -> PlanView:
    plan = await commands.revise_plan(tx, plan_id, PlanText(**body.model_dump()), relation)
    set_version(response, plan.version)
    return await emergency.show_plan(tx, plan.id)


@router.get("/v1/emergency-plans/{plan_id}/versions")
async def list_emergency_plan_versions(
    tx: Tx, request: Request, response: Response, page: Paging, *, plan_id: UUID
) -> Page[PlanVersionView]:
    items, cursor = await emergency.list_versions(tx, page, plan_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/emergency-plans/{plan_id}/drills", status_code=201)
async def record_drill(*, tx: Tx, relation: Related, plan_id: UUID, body: DrillInput) -> DrillView:
    drill = await commands.record_drill(tx, plan_id, DrillAccount(**body.model_dump()), relation)
    return DrillView.model_validate(drill)


@router.get("/v1/drills")
async def list_drills(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    plan: UUID | None = None,
) -> Page[DrillView]:
    items, cursor = await emergency.list_drills(
        tx, page, organisation=organisation, region=region, plan=plan
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/emergency-plans/{plan_id}/activations", status_code=201)
async def activate_emergency_plan(
    *, tx: Tx, relation: Related, plan_id: UUID, body: ActivationInput
) -> ActivationView:
    activation = await commands.activate_plan(
        tx, plan_id, relation, incident_id=body.incident_id, reason=body.reason
    )
    return ActivationView.model_validate(activation)


@router.get("/v1/plan-activations")
async def list_plan_activations(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    incident: UUID | None = None,
) -> Page[ActivationView]:
    items, cursor = await emergency.list_activations(
        tx, page, organisation=organisation, region=region, incident=incident
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
