"""Written applications: the province approves or rejects."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.filing import commands
from services.filing.api.filings import answer
from services.filing.api.review import decision_of, delegation_of, opinion_of
from services.filing.schemas import Acceptance, FilingView, Refusal
from shared.http.operations import OperationRoute, Related, Tx

router = APIRouter(route_class=OperationRoute, tags=["书面申请"])


@router.post("/v1/filings/{filing_id}/approval")
async def approve_filing(
    tx: Tx,
    related: Related,
    response: Response,
    filing_id: UUID,
    body: Acceptance | None = None,
) -> FilingView:
    filing = await commands.approve_filing(
        tx, filing_id, related, opinion=opinion_of(body), delegation_id=delegation_of(body)
    )
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/rejection")
async def reject_filing(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: Refusal
) -> FilingView:
    filing = await commands.reject_filing(tx, filing_id, related, decision_of(body))
    return await answer(tx, response, filing)
