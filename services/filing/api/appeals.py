"""Appeals: against a return, refusal or rejection, to another reviewer (C2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.commands import Decision
from services.filing.rules import AppealState
from services.filing.schemas import AppealBody, AppealDecision, AppealView, Withdrawal
from services.filing.tables import Appeal
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["申诉"])


@router.post("/v1/filings/{filing_id}/appeals", status_code=201)
async def file_appeal(
    tx: Tx, related: Related, response: Response, filing_id: UUID, body: AppealBody
) -> AppealView:
    evidence = [each.model_dump() for each in body.evidence]
    appeal = await commands.file_appeal(
        tx, filing_id, related, grounds=body.grounds, evidence=evidence
    )
    response.headers["Location"] = f"/v1/appeals/{appeal.id}"
    return _answer(response, appeal)


@router.get("/v1/appeals")
async def list_appeals(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    state: Annotated[AppealState | None, Query()] = None,
    filing: Annotated[UUID | None, Query()] = None,
) -> Page[AppealView]:
    items, cursor = await queries.list_appeals(tx, page, state=state, filing_id=filing)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/appeals/{appeal_id}")
async def get_appeal(tx: Tx, response: Response, appeal_id: UUID) -> AppealView:
    view = await queries.show_appeal(tx, appeal_id)
    set_version(response, view.version)
    return view


@router.post("/v1/appeals/{appeal_id}/decision")
async def decide_appeal(
    tx: Tx, response: Response, appeal_id: UUID, body: AppealDecision
) -> AppealView:
    decision = Decision(
        clause=body.clause,
        opinion=body.opinion,
        evidence=[each.model_dump() for each in body.evidence],
        delegation_id=body.delegation_id,
    )
    reverse = body.outcome == AppealState.REVERSED
    appeal = await commands.decide_appeal(tx, appeal_id, reverse=reverse, decision=decision)
    return _answer(response, appeal)


@router.post("/v1/appeals/{appeal_id}/withdrawal")
async def withdraw_appeal(
    tx: Tx, related: Related, response: Response, appeal_id: UUID, body: Withdrawal
) -> AppealView:
    appeal = await commands.withdraw_appeal(tx, appeal_id, related, reason=body.reason)
    return _answer(response, appeal)


def _answer(response: Response, appeal: Appeal) -> AppealView:
    set_version(response, appeal.version)
    return AppealView.model_validate(appeal)
