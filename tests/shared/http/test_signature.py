"""Arguments from path, query and body by the signature, and what no signature may ask for."""

from typing import Annotated, Any

import orjson
import pytest
from fastapi import BackgroundTasks, Depends, Header, Query, Request, Response
from fastapi.exceptions import ResponseValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from shared.errors import DomainError
from shared.http.signature import handler


class Parcel(BaseModel):
    weight: int
    label: str = ""


def window(limit: Annotated[int, Query(ge=1)] = 20) -> int:
    return limit


async def endpoint(  # noqa: PLR0917 FastAPI calls by name
    number: int,
    limit: Annotated[int, Depends(window)],
    response: Response,
    body: Parcel,
    tag: Annotated[list[str], Query()] = [],  # noqa: B006 what is tested
    note: str | None = None,
) -> dict[str, Any]:
    tag.append("seen")
    response.headers["X-Number"] = str(number)
    return {"number": number, "limit": limit, "tag": tag, "note": note, "weight": body.weight}


def asked(number: str, query: str = "", **body: Any) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/parcels/{number}",
        "path_params": {"number": number},
        "query_string": query.encode(),
        "headers": [],
    }
    request = Request(scope)
    if body:
        request._json = body
    return request


call = handler(APIRoute("/parcels/{number}", endpoint, methods=["POST"], status_code=201))


async def test_arguments_come_from_path_query_and_body():
    answer = await call(asked("7", "limit=3&tag=a&tag=b&note=%E5%AF%84", weight=2))

    assert orjson.loads(answer.body) == {
        "number": 7,
        "limit": 3,
        "tag": ["a", "b", "seen"],
        "note": "寄",
        "weight": 2,
    }
    assert (answer.status_code, answer.headers["x-number"]) == (201, "7")
    assert answer.headers["content-length"] == str(len(answer.body))


async def test_a_query_that_is_unknown_or_given_twice_is_refused():
    with pytest.raises(DomainError) as refused:
        await call(asked("7", "note=first&note=last&nota=x&tag=a&tag=b&limit=1&limit=1", weight=2))

    assert [(each.pointer, each.code) for each in refused.value.errors] == [
        ("?note", "field_repeated"),
        ("?nota", "field_unknown"),
        ("?limit", "field_repeated"),
    ]


async def test_a_default_is_never_shared_by_two_calls():
    first = await call(asked("7", weight=2))
    second = await call(asked("7", weight=2))

    assert orjson.loads(first.body)["tag"] == orjson.loads(second.body)["tag"] == ["seen"]


async def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(DomainError) as refused:
        await call(asked("seven", "limit=0&tag=a", weight="x"))

    assert (refused.value.status, refused.value.code) == (422, "invalid_request")
    assert [(each.pointer, each.code) for each in refused.value.errors] == [
        ("?limit", "field_range"),
        ("path:number", "field_type"),
        ("/weight", "field_type"),
    ]


async def test_a_missing_body_is_a_missing_field():
    with pytest.raises(DomainError) as refused:
        await call(asked("7"))

    assert [(each.pointer, each.code) for each in refused.value.errors] == [("", "field_missing")]


async def test_an_answer_that_its_model_does_not_allow_is_a_fault_of_ours():
    async def wrong() -> Parcel:
        return {"weight": "heavy"}  # type: ignore[return-value] # what is tested

    with pytest.raises(ResponseValidationError):
        await handler(APIRoute("/wrong", wrong))(asked("7"))


async def generated() -> Any:
    yield 1


async def awaited() -> int:
    return 1


async def with_header(token: Annotated[str, Header()]) -> None: ...
async def with_generator(value: Annotated[int, Depends(generated)]) -> None: ...
async def with_waiting(value: Annotated[int, Depends(awaited)]) -> None: ...
async def with_tasks(tasks: BackgroundTasks) -> None: ...
async def with_two_bodies(one: Parcel, other: Parcel) -> None: ...
def in_a_thread() -> None: ...


@pytest.mark.parametrize(
    "unusual",
    [
        with_header,
        with_generator,
        with_waiting,
        with_tasks,
        with_two_bodies,
        in_a_thread,
    ],
)
def test_a_signature_that_asks_for_more_fails_the_start(unusual):
    route = APIRoute("/unusual", unusual, methods=["POST"])

    with pytest.raises(TypeError, match="asks for what no operation is given"):
        handler(route)
