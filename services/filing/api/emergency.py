"""Oral reports, emergency delistings, and what is owed after them (A11.4–6)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import OrganisationQuery
from services.filing.commands import EmergencyOrder, OralReportEntry
from services.filing.schemas import (
    EmergencyBody,
    EmergencyView,
    ObligationView,
    OralReportBody,
    OralReportView,
)
from services.filing.schemas.bodies import SpokenReport
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["紧急下架"])


@router.post("/v1/oral-reports", status_code=201)
async def record_oral_report(
    tx: Tx, related: Related, response: Response, body: OralReportBody
) -> OralReportView:
    report = await commands.record_oral_report(tx, body.listing_id, _entry(body), related)
    response.headers["Location"] = f"/v1/oral-reports/{report.id}"
    return await queries.show_oral_report(tx, report.id)


@router.get("/v1/oral-reports/{oral_report_id}")
async def get_oral_report(tx: Tx, oral_report_id: UUID) -> OralReportView:
    return await queries.show_oral_report(tx, oral_report_id)


@router.post("/v1/emergency-delistings", status_code=201)
async def delist_in_emergency(
    tx: Tx, related: Related, response: Response, body: EmergencyBody
) -> EmergencyView:
    order = EmergencyOrder(
        listing_id=body.listing_id,
        reason_class=body.reason_class,
        oral_report=_entry(body.oral_report) if body.oral_report else None,
        oral_report_id=body.oral_report_id,
        notice_text=body.notice_text,
        alternative_channel=body.alternative_channel,
        on_order_of=body.ordered_by,
    )
    delisting = await commands.delist_in_emergency(tx, order, related)
    response.headers["Location"] = f"/v1/emergency-delistings/{delisting.id}"
    set_version(response, delisting.version)
    return await queries.show_emergency(tx, delisting.id)


@router.get("/v1/emergency-delistings/{filing_id}")
async def get_emergency_delisting(tx: Tx, response: Response, filing_id: UUID) -> EmergencyView:
    view = await queries.show_emergency(tx, filing_id)
    set_version(response, view.version)
    return view


@router.get("/v1/obligations")
async def list_obligations(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationQuery = None,
    open: Annotated[bool | None, Query()] = None,  # noqa: A002 the word of the API
    breached: Annotated[bool | None, Query()] = None,
    addressed_to: OrganisationQuery = None,
) -> Page[ObligationView]:
    items, cursor = await queries.list_obligations(
        tx,
        page,
        organisation=organisation,
        open_only=open,
        breached=breached,
        addressed_to=addressed_to,
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/obligations/{obligation_id}")
async def get_obligation(tx: Tx, obligation_id: UUID) -> ObligationView:
    return await queries.show_obligation(tx, obligation_id)


def _entry(spoken: SpokenReport) -> OralReportEntry:
    return OralReportEntry(
        reporter_office=spoken.reporter_office,
        receiver_office=spoken.receiver_office,
        channel=spoken.channel,
        reported_at=spoken.reported_at,
        summary=spoken.summary,
        reason_class=spoken.reason_class,
    )
