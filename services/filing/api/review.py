"""The others' decisions: confirm, refuse, accept, return; and confirmations by version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.api.filings import ItemQuery, OrganisationQuery, answer
from services.filing.commands import Decision
from services.filing.schemas import (
    Acceptance,
    ConfirmationView,
    FilingView,
    Refusal,
    VersionConfirmation,
)
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["确认与收悉"])


@router.post("/v1/filings/{filing_id}/confirmation")
async def confirm_filing(
    tx: Tx,
    related: Related,
    response: Response,
    filing_id: UUID,
    body: Acceptance | None = None,
) -> FilingView:
    filing = await commands.confirm_filing(
        tx, filing_id, related, opinion=opinion_of(body), delegation_id=delegation_of(body)
    )
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/refusal")
async def refuse_filing(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: Refusal
) -> FilingView:
    filing = await commands.refuse_filing(tx, filing_id, related, decision_of(body))
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/acceptance")
async def accept_filing(
    tx: Tx,
    related: Related,
    response: Response,
    filing_id: UUID,
    body: Acceptance | None = None,
) -> FilingView:
    filing = await commands.accept_filing(
        tx, filing_id, related, opinion=opinion_of(body), delegation_id=delegation_of(body)
    )
    return await answer(tx, response, filing)


@router.post("/v1/filings/{filing_id}/return")
async def return_filing(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: Refusal
) -> FilingView:
    filing = await commands.return_filing(tx, filing_id, related, decision_of(body))
    return await answer(tx, response, filing)


@router.post("/v1/confirmations", status_code=201)
async def confirm_version(
    tx: Tx, related: Related, response: Response, body: VersionConfirmation
) -> ConfirmationView:
    given = await commands.confirm_version(
        tx, related, item_code=body.item_code, digest=body.digest, opinion=body.opinion
    )
    response.headers["Location"] = f"/v1/confirmations?digest={body.digest}"
    return ConfirmationView.model_validate(given)


@router.get("/v1/confirmations")
async def list_confirmations(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    item: ItemQuery = None,
    digest: Annotated[str | None, Query(pattern="^(sha-256|sm3):[0-9a-f]{64}$")] = None,
    department: OrganisationQuery = None,
) -> Page[ConfirmationView]:
    items, cursor = await queries.list_confirmations(
        tx, page, item_code=item, digest=digest, department=department
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


def opinion_of(body: Acceptance | None) -> str:
    return (body.opinion if body is not None else None) or ""


def decision_of(body: Refusal) -> Decision:
    evidence = [each.model_dump() for each in body.evidence]
    return Decision(
        clause=body.clause,
        opinion=body.opinion,
        evidence=evidence,
        delegation_id=body.delegation_id,
    )


def delegation_of(body: Acceptance | None) -> UUID | None:
    return body.delegation_id if body is not None else None
