"""Leads of liability: the province alone (A26)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter
from services.monitoring.commands import leads as commands
from services.monitoring.queries import leads
from services.monitoring.rules.emergency import LeadState
from services.monitoring.schemas.emergency import (
    BundleView,
    EvidenceInput,
    LeadClosureInput,
    LeadInput,
    LeadView,
    ReferralInput,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["责任线索"])


@router.get("/v1/accountability-leads")
async def list_accountability_leads(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    state: Annotated[LeadState | None, Query()] = None,
) -> Page[LeadView]:
    items, cursor = await leads.list_leads(tx, page, organisation=organisation, state=state)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/accountability-leads", status_code=201)
async def record_accountability_lead(tx: Tx, body: LeadInput, response: Response) -> LeadView:
    lead = await commands.record_lead(tx, **body.model_dump())
    response.headers["Location"] = f"/v1/accountability-leads/{lead.id}"
    set_version(response, lead.version)
    return await leads.show_lead(tx, lead.id)


@router.get("/v1/accountability-leads/{lead_id}")
async def get_accountability_lead(tx: Tx, lead_id: UUID, response: Response) -> LeadView:
    view = await leads.show_lead(tx, lead_id)
    set_version(response, view.version)
    return view


@router.post("/v1/accountability-leads/{lead_id}/evidence")
async def add_accountability_evidence(
    tx: Tx, lead_id: UUID, body: EvidenceInput, response: Response
) -> LeadView:
    evidence = [each.model_dump() for each in body.evidence]
    lead = await commands.add_evidence(tx, lead_id, evidence=evidence)
    set_version(response, lead.version)
    return await leads.show_lead(tx, lead.id)


@router.post("/v1/accountability-leads/{lead_id}/referral")
async def refer_accountability_lead(
    tx: Tx, lead_id: UUID, body: ReferralInput, response: Response
) -> LeadView:
    lead = await commands.refer_lead(tx, lead_id, to=body.to)
    set_version(response, lead.version)
    return await leads.show_lead(tx, lead.id)


@router.post("/v1/accountability-leads/{lead_id}/closure")
async def close_accountability_lead(
    tx: Tx, lead_id: UUID, body: LeadClosureInput, response: Response
) -> LeadView:
    lead = await commands.close_lead(tx, lead_id, outcome=body.outcome)
    set_version(response, lead.version)
    return await leads.show_lead(tx, lead.id)


@router.get("/v1/accountability-leads/{lead_id}/bundle")
async def get_accountability_bundle(tx: Tx, lead_id: UUID) -> BundleView:
    return await leads.show_bundle(tx, lead_id)
