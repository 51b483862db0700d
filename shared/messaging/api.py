"""What every service serves of its events: those it told, and those it could not apply (CON6)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from shared.clock import SHANGHAI
from shared.events.envelope import Envelope
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.http.pagination import Page, Paging, cut, link_next
from shared.messaging import dead_letters
from shared.messaging.archive import read_events
from shared.messaging.dead_letters import DeadLetter

MAX_EVENTS = 1000
State = Literal["PARKED", "REDRIVEN", "DISCARDED"]

_EVENT: JsonDict = {
    "specversion": "1.0",
    "id": "7e5931a1-1d35-4e76-a8fd-2901290ce38b",
    "source": "/filing",
    "type": "filing.accepted.v1",
    "subject": "filing:0199f0a0-0000-7000-8000-0000000000f1",
    "time": "2026-11-23T09:00:00+08:00",
    "datacontenttype": "application/json",
    "dataschema": "https://ganfutong.invalid/schemas/events/filing.accepted.v1.json",
    "sequence": 3,
    "region": "360100",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-a0f6c740d5ef6358-00",
    "data": {"filing_id": "0199f0a0-0000-7000-8000-0000000000f1"},
}
_DEAD_LETTER: JsonDict = {
    "id": "0199f0a0-0000-7000-8000-0000000000d1",
    "state": "PARKED",
    "version": 1,
    "event_id": _EVENT["id"],
    "type": _EVENT["type"],
    "source": _EVENT["source"],
    "subject": _EVENT["subject"],
    "sequence": 3,
    "stream_sequence": 42,
    "cause": "ValidationError",
    "tries": 5,
    "parked_at": "2026-11-23T09:00:05+08:00",
    "resolved_at": None,
    "resolved_by": None,
}


def _example(example: JsonDict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class ToldEvent(BaseModel):
    """An event as it was published, and its place in this service's own order."""

    model_config = _example({"position": 1, "event": _EVENT})

    position: int = Field(ge=1)
    event: Envelope[dict[str, Any]]


class ToldEvents(BaseModel):
    """Oldest first; pass `next_after` back as ?after=, now or later."""

    items: list[ToldEvent]
    next_after: int = Field(ge=0, examples=[42])


class DeadLetterView(BaseModel):
    """An event that could not be applied; `subject` is the aggregate that waits because of it."""

    model_config = _example(_DEAD_LETTER)

    id: UUID
    state: State = Field(description="extensible")
    version: int
    event_id: UUID
    type: str
    source: str
    subject: str
    sequence: int
    stream_sequence: int
    cause: str
    tries: int
    parked_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None


class DeadLetterDetail(DeadLetterView):
    """With the envelope as it came; one that is no JSON stands under `unreadable`."""

    model_config = _example({**_DEAD_LETTER, "envelope": _EVENT})

    envelope: dict[str, Any]


class RedriveView(BaseModel):
    """What was applied, in order, and where the aggregate stopped again."""

    model_config = _example(
        {
            "dead_letter": {
                **_DEAD_LETTER,
                "state": "REDRIVEN",
                "version": 2,
                "resolved_at": "2026-11-23T10:00:00+08:00",
                "resolved_by": "operator-duty",
            },
            "applied": [_EVENT["id"]],
            "failed": None,
            "cause": None,
        }
    )

    dead_letter: DeadLetterView
    applied: list[UUID]
    failed: UUID | None
    cause: str | None


def event_routes(service: str) -> APIRouter:
    """The toolbox operations on events; handlers are those of the app (`app.state.handlers`)."""
    router = APIRouter(route_class=OperationRoute, tags=["平台"])
    base, name = f"/v1/{service}", service.capitalize()

    @router.get(f"{base}/events", operation_id=f"list{name}Events", response_model=ToldEvents)
    async def list_events(
        tx: Tx,
        request: Request,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
    ) -> Response:
        told = await read_events(
            await tx.raw(),
            source=service,
            base=request.app.state.settings.token_issuer,
            after=after,
            limit=limit,
        )
        items = b",".join(b'{"position":%d,"event":%s}' % (e.position, e.envelope) for e in told)
        last = told[-1].position if told else after
        response = Response(
            b'{"items":[%s],"next_after":%d}' % (items, last), media_type="application/json"
        )
        if len(told) == limit:
            url = request.url.include_query_params(after=last)
            response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return response

    @router.get(f"{base}/dead-letters", operation_id=f"list{name}DeadLetters")
    async def list_dead_letters(
        tx: Tx, request: Request, response: Response, page: Paging, state: State = "PARKED"
    ) -> Page[DeadLetterView]:
        after = page.after(UUID)
        rows = await dead_letters.list_dead_letters(
            tx,
            consumer=service,
            states=(state,),
            after=after[0] if after else None,
            limit=page.limit + 1,
        )
        shown, cursor = cut(rows, page, lambda row: (row.id,))
        link_next(request, response, cursor)
        return Page(
            items=[DeadLetterView.model_validate(_shown(row)) for row in shown],
            next_cursor=cursor,
        )

    @router.get(f"{base}/dead-letters/{{dead_letter_id}}", operation_id=f"get{name}DeadLetter")
    async def get_dead_letter(tx: Tx, response: Response, dead_letter_id: UUID) -> DeadLetterDetail:
        letter = await dead_letters.get_dead_letter(tx, dead_letter_id, consumer=service)
        set_version(response, letter.version)
        return DeadLetterDetail.model_validate(
            {**_shown(letter), "envelope": _parsed(letter.envelope)}
        )

    @router.post(
        f"{base}/dead-letters/{{dead_letter_id}}/redrive", operation_id=f"redrive{name}DeadLetter"
    )
    async def redrive_dead_letter(
        tx: Tx, request: Request, response: Response, dead_letter_id: UUID
    ) -> RedriveView:
        redriven = await dead_letters.redrive(
            tx, dead_letter_id, consumer=service, handlers=request.app.state.handlers
        )
        set_version(response, redriven.letter.version)
        return RedriveView(
            dead_letter=DeadLetterView.model_validate(_shown(redriven.letter)),
            applied=list(redriven.applied),
            failed=redriven.failed,
            cause=redriven.cause,
        )

    @router.post(
        f"{base}/dead-letters/{{dead_letter_id}}/discard", operation_id=f"discard{name}DeadLetter"
    )
    async def discard_dead_letter(
        tx: Tx, response: Response, dead_letter_id: UUID
    ) -> DeadLetterView:
        letter = await dead_letters.discard(tx, dead_letter_id, consumer=service)
        set_version(response, letter.version)
        return DeadLetterView.model_validate(_shown(letter))

    return router


def _shown(letter: DeadLetter) -> dict[str, Any]:
    members = {name: getattr(letter, name) for name in DeadLetterView.model_fields}
    for name in ("parked_at", "resolved_at"):
        members[name] = members[name] and members[name].astimezone(SHANGHAI)
    return members


def _parsed(envelope: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(envelope)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"unreadable": envelope}
