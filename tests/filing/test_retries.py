"""A client may try again: one filing, one answer, whatever comes twice or at once."""

import asyncio
import uuid
from collections import Counter

import pytest
from httpx import Response

from tests.filing.world import World, refusal
from tests.suite import LABOUR, NANCHANG


@pytest.mark.feature("F3")
@pytest.mark.feature("API3")
async def test_the_same_key_and_body_give_the_first_answer(world: World):
    body, key = world.listing_body(LABOUR), str(uuid.uuid4())
    key_header = {"Idempotency-Key": key}

    first = await world.call(LABOUR, "POST", "/v1/filings", body, **key_header)
    second = await world.call(LABOUR, "POST", "/v1/filings", body, **key_header)
    other = await world.call(
        LABOUR, "POST", "/v1/filings", world.listing_body(LABOUR), **key_header
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotent-replayed"] == "true"
    assert refusal(other) == (422, "idempotency_key_reused")


@pytest.mark.feature("F3")
async def test_of_fifty_at_once_one_wins_and_the_others_find_its_answer(world: World):
    body, key = world.listing_body(LABOUR), {"Idempotency-Key": str(uuid.uuid4())}
    path = "/v1/filings"

    async def until_done() -> str:
        while True:
            answer = await world.call(LABOUR, "POST", path, body, **key)
            if answer.status_code == 201:
                found: str = answer.json()["id"]
                return found
            assert answer.status_code in (409, 503), answer.text
            assert int(answer.headers["retry-after"]) >= 1
            await asyncio.sleep(0.05)

    ids = await asyncio.gather(*(until_done() for _ in range(50)))

    stored = await world.suite.sql(
        "filing", "select id from filings where digest = $1", body["self_test"]["digest"]
    )
    assert len(set(ids)) == 1
    assert [str(row["id"]) for row in stored] == [ids[0]]
    assert await world.facts(f"filing:{ids[0]}") == ["submitted"]


@pytest.mark.feature("F3")
async def test_twins_of_a_draft_leave_one_draft_whose_answer_all_find(world: World):
    body = {**world.listing_body(LABOUR), "submit": False}
    key = {"Idempotency-Key": str(uuid.uuid4())}

    async def until_done() -> Response:
        while True:
            answer = await world.call(LABOUR, "POST", "/v1/filings", body, **key)
            if answer.status_code == 201:
                return answer
            assert answer.status_code in (409, 503), answer.text
            await asyncio.sleep(0.05)

    answers = await asyncio.gather(*(until_done() for _ in range(20)))

    reused = await world.call(LABOUR, "POST", "/v1/filings", {**body, "submit": True}, **key)
    stored = await world.suite.sql(
        "filing", "select 1 from filings where digest = $1", body["self_test"]["digest"]
    )
    assert len({answer.text for answer in answers}) == len(stored) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert refusal(reused) == (422, "idempotency_key_reused")


@pytest.mark.feature("F3")
async def test_drafts_at_once_are_all_kept_and_a_wrong_one_fails_alone(world: World):
    bodies = [{**world.listing_body(LABOUR), "submit": False} for _ in range(24)]
    bodies[7]["content"] = {**bodies[7]["content"], "item_code": "unknown-item"}

    answers = await asyncio.gather(
        *(world.call(LABOUR, "POST", "/v1/filings", body) for body in bodies)
    )

    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    lines = await world.suite.sql(
        "filing", "select action from filing_history where filing_id = any($1::uuid[])", made
    )
    assert [refusal(a) for a in answers if a.status_code != 201] == [(422, "item_unknown")]
    assert refusal(answers[7]) == (422, "item_unknown")
    assert len(set(made)) == len(lines) == 23


@pytest.mark.feature("F3")
async def test_a_replay_comes_before_what_has_changed_since(world: World):
    body, key = {**world.listing_body(LABOUR), "submit": False}, str(uuid.uuid4())
    first = await world.call(LABOUR, "POST", "/v1/filings", body, **{"Idempotency-Key": key})
    item = body["content"]["item_code"]
    inactive = "update known_items set active = $2 where code = $1"
    await world.suite.sql("filing", inactive, item, False)

    again = await world.call(LABOUR, "POST", "/v1/filings", body, **{"Idempotency-Key": key})
    fresh = await world.call(LABOUR, "POST", "/v1/filings", body)

    await world.suite.sql("filing", inactive, item, True)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert refusal(fresh) == (422, "item_inactive")


@pytest.mark.feature("F3")
async def test_two_filings_of_one_kind_for_a_listing_at_once_leave_one_pending(world: World):
    live = await world.live(NANCHANG)
    bodies = [
        world.listing_body(NANCHANG, filing_type="UPDATE", listing_id=live["listing_id"])
        for _ in range(6)
    ]

    answers = await asyncio.gather(
        *(world.call(NANCHANG, "POST", "/v1/filings", body) for body in bodies)
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}
    assert {refusal(a)[1] for a in answers if a.status_code == 409} == {"filing_pending"}


@pytest.mark.feature("API3")
async def test_a_key_is_needed_to_create_and_to_decide(world: World):
    draft = await world.file(LABOUR, submit=False)
    headers = {**world.suite.headers(LABOUR, if_match="*")}
    headers.pop("Idempotency-Key")

    created = await world.client.post(
        "/v1/filings", json=world.listing_body(LABOUR), headers=headers
    )
    decided = await world.client.post(
        f"/v1/filings/{draft['id']}/submission", json={}, headers=headers
    )

    assert refusal(created) == (400, "idempotency_key_missing")
    assert refusal(decided) == (400, "idempotency_key_missing")
