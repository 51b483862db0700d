"""Findings and rectification: recorded, ordered, handed in, verified, closed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OpenFilter, OrganisationFilter, RegionFilter
from services.monitoring.commands import extensions, rectifications
from services.monitoring.commands.findings import FindingEntryGiven
from services.monitoring.commands.findings import record_finding as record
from services.monitoring.queries import findings
from services.monitoring.queries.findings import FindingFilter
from services.monitoring.rules.rectifications import FindingState, Source
from services.monitoring.schemas.findings import (
    Closing,
    ExtensionDecision,
    ExtensionRequest,
    FindingEntryView,
    FindingInput,
    FindingView,
    Order,
    Submission,
    Verification,
)
from services.monitoring.tables import Finding
from shared.database import Transaction
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["问题与整改"])


@router.get("/v1/findings")
async def list_findings(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    is_open: OpenFilter = None,
    state: Annotated[FindingState | None, Query()] = None,
    source: Annotated[Source | None, Query()] = None,
    overdue: Annotated[bool | None, Query(description="曾逾期 / ever overdue")] = None,
) -> Page[FindingView]:
    wanted = FindingFilter(
        organisation=organisation,
        region=region,
        listing=listing,
        is_open=is_open,
        state=state,
        source=source,
        overdue=overdue,
    )
    items, cursor = await findings.list_findings(tx, page, wanted)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/findings", status_code=201)
async def record_finding(
    tx: Tx, relation: Related, body: FindingInput, response: Response
) -> FindingView:
    given = FindingEntryGiven(
        organisation_id=body.organisation_id,
        listing_id=body.listing_id,
        kind=body.kind,
        source=body.source,
        source_id=body.source_id,
        severity=body.severity,
        summary=body.summary,
        evidence=[each.model_dump() for each in body.evidence],
    )
    finding = await record(tx, given, relation=relation, order=body.order)
    response.headers["Location"] = f"/v1/findings/{finding.id}"
    return await _answer(tx, response, finding)


@router.get("/v1/findings/{finding_id}")
async def get_finding(tx: Tx, finding_id: UUID, response: Response) -> FindingView:
    view = await findings.show_finding(tx, finding_id)
    set_version(response, view.version)
    return view


@router.get("/v1/findings/{finding_id}/history")
async def list_finding_history(
    tx: Tx, request: Request, response: Response, page: Paging, *, finding_id: UUID
) -> Page[FindingEntryView]:
    items, cursor = await findings.list_history(tx, page, finding_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/findings/{finding_id}/order")
async def order_rectification(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: Order
) -> FindingView:
    finding = await rectifications.order_rectification(
        tx, finding_id, relation, opinion=body.opinion
    )
    return await _answer(tx, response, finding)


@router.post("/v1/findings/{finding_id}/submission")
async def submit_rectification(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: Submission
) -> FindingView:
    evidence = [each.model_dump() for each in body.evidence]
    finding = await rectifications.submit_rectification(
        tx, finding_id, relation, opinion=body.opinion, evidence=evidence
    )
    return await _answer(tx, response, finding)


@router.post("/v1/findings/{finding_id}/extension-request")
async def ask_extension(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: ExtensionRequest
) -> FindingView:
    finding = await extensions.ask_extension(
        tx, finding_id, relation, amount=body.amount, reason=body.reason
    )
    return await _answer(tx, response, finding)


@router.post("/v1/findings/{finding_id}/extension")
async def decide_extension(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: ExtensionDecision
) -> FindingView:
    finding = await extensions.decide_extension(
        tx, finding_id, relation, granted=body.granted, opinion=body.opinion
    )
    return await _answer(tx, response, finding)


@router.post("/v1/findings/{finding_id}/verification")
async def verify_rectification(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: Verification
) -> FindingView:
    finding = await rectifications.verify_rectification(
        tx, finding_id, relation, passed=body.passed, opinion=body.opinion
    )
    return await _answer(tx, response, finding)


@router.post("/v1/findings/{finding_id}/closing")
async def close_finding(
    tx: Tx, relation: Related, response: Response, finding_id: UUID, body: Closing
) -> FindingView:
    finding = await rectifications.close_finding(tx, finding_id, relation, opinion=body.opinion)
    return await _answer(tx, response, finding)


async def _answer(tx: Transaction, response: Response, finding: Finding) -> FindingView:
    await tx.session.flush()
    set_version(response, finding.version)
    return await findings.show_finding(tx, finding.id)
