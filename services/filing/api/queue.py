"""The reviewer's desk: what waits, what is due when, and many decisions at once."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.commands import Decision, Outcome, Wish
from services.filing.errors import DecisionIncomplete, DueDatesTooMany
from services.filing.rules import Action, ClockKind
from services.filing.schemas import (
    BatchView,
    ConfirmationBatch,
    ConfirmationItem,
    DecisionBatch,
    DecisionItem,
    DueDayView,
    OutcomeView,
    QueueItemView,
)
from shared.errors import FieldError
from shared.http.operations import Language, OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next
from shared.http.problems import problem_body

router = APIRouter(route_class=OperationRoute, tags=["待办"])
_REASONED = frozenset({Action.RETURN, Action.REJECT, Action.REFUSE})
JSON = "application/json"
_LONGEST = timedelta(days=366)


@router.get("/v1/queue", response_model=Page[QueueItemView])
async def list_queue(
    tx: Tx,
    request: Request,
    page: Paging,
    *,
    waiting_for: Annotated[ClockKind | None, Query()] = None,
    acting_for: Annotated[str | None, Query(pattern=r"^[\x21-\x7e]{1,200}$")] = None,
) -> Response:
    body, cursor = await queries.list_queue(
        tx, page, waiting_for=waiting_for, acting_for=acting_for
    )
    response = Response(body, media_type=JSON)
    link_next(request, response, cursor)
    return response


@router.get("/v1/due-dates")
async def list_due_dates(
    tx: Tx,
    first: Annotated[date, Query(alias="from", ge=date(2025, 1, 1), le=date(2100, 1, 1))],
    last: Annotated[date, Query(alias="to", ge=date(2025, 1, 1), le=date(2100, 1, 1))],
) -> list[DueDayView]:
    if not timedelta() <= last - first <= _LONGEST:
        raise DueDatesTooMany(errors=[FieldError("?to", DueDatesTooMany.code)])
    return await queries.list_due_dates(tx, first=first, last=last)


@router.post("/v1/bulk-decisions")
async def decide_filings(
    tx: Tx, related: Related, language: Language, request: Request, body: DecisionBatch
) -> BatchView:
    outcomes = await commands.decide_many(tx, _wishes(body.items), related)
    return _batch(request, language, outcomes)


@router.post("/v1/bulk-confirmations")
async def confirm_filings(
    tx: Tx, related: Related, language: Language, request: Request, body: ConfirmationBatch
) -> BatchView:
    outcomes = await commands.decide_many(tx, _wishes(body.items), related)
    return _batch(request, language, outcomes)


def _wishes(items: Sequence[DecisionItem | ConfirmationItem]) -> list[Wish]:
    """The items as the command takes them; one without its reason refuses the whole call."""
    lacking = [
        FieldError(f"/items/{place}/{name}", "field_missing")
        for place, item in enumerate(items)
        if item.action in _REASONED
        for name in ("clause", "opinion", "evidence")
        if not getattr(item, name)
    ]
    if lacking:
        raise DecisionIncomplete(errors=lacking)
    return [
        Wish(
            item.filing_id,
            item.version,
            Action(item.action),
            Decision(
                clause=item.clause or "",
                opinion=item.opinion or "",
                evidence=[each.model_dump() for each in item.evidence],
                delegation_id=item.delegation_id,
            ),
        )
        for item in items
    ]


def _batch(request: Request, language: str, outcomes: Sequence[Outcome]) -> BatchView:
    done = sum(outcome.refusal is None for outcome in outcomes)
    return BatchView(
        done=done,
        refused=len(outcomes) - done,
        outcomes=[
            OutcomeView(
                filing_id=outcome.filing_id,
                outcome="DONE" if outcome.refusal is None else "REFUSED",
                state=outcome.state,
                version=outcome.version,
                problem=_problem(request, language, outcome),
            )
            for outcome in outcomes
        ],
    )


def _problem(request: Request, language: str, outcome: Outcome) -> dict[str, object] | None:
    if outcome.refusal is None:
        return None
    found: dict[str, object] = orjson.loads(
        problem_body(
            outcome.refusal,
            messages=request.app.state.messages,
            language=language,
            instance=f"/v1/filings/{outcome.filing_id}",
        )
    )
    return found
