"""The reviewer's desk: what waits, oldest deadline first; many decisions, each with its outcome."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.filing.queries.queue import queue_of
from services.filing.rules import ClockKind
from services.filing.schemas import QueueItemView
from shared.security.identity import Actor
from shared.security.scope import row_scope, scope_values
from tests.filing.test_four_eyes import delegated
from tests.filing.world import EVIDENCE, MONDAY, World, refusal
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    MINI_APP,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    officer,
)

RETURN = {"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": EVIDENCE}


async def queue(world: World, actor: Actor, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"/v1/queue?limit=3&{query}"
    while path:
        answer = await world.call(actor, "GET", path)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    return found


async def ids(world: World, actor: Actor, query: str = "") -> list[str]:
    return [each["id"] for each in await queue(world, actor, query)]


def item(filing: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
    body = {"filing_id": filing["id"], "version": filing["version"], "action": action}
    return {**body, **(RETURN if action in ("RETURN", "REFUSE", "REJECT") else {}), **more}


# --- the queue ------------------------------------------------------------------------------------


@pytest.mark.clause("A4.1")
async def test_each_desk_finds_what_waits_for_it_and_nothing_else(world: World):
    own = await world.file(LABOUR)
    local = await world.file(NANCHANG)
    back = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{back['id']}/return", RETURN)
    made = {own["id"], local["id"], back["id"]}

    found = {
        actor.organisation: made & set(await ids(world, actor))
        for actor in (PROVINCE, HEALTH_INSURANCE, LABOUR, NANCHANG, JIUJIANG, DONGHU, OPERATOR)
    }
    corrections = made & set(await ids(world, LABOUR, "waiting_for=CORRECTION"))

    assert found == {
        PROVINCE.organisation: {own["id"]},
        HEALTH_INSURANCE.organisation: {local["id"]},
        LABOUR.organisation: set(),
        NANCHANG.organisation: set(),
        JIUJIANG.organisation: set(),
        DONGHU.organisation: set(),
        OPERATOR.organisation: set(),
    }
    assert corrections == {back["id"]}


async def test_a_confirmed_filing_goes_over_to_the_provinces_desk(world: World):
    local = await world.file(NANCHANG)
    before = local["id"] in await ids(world, PROVINCE)

    await world.confirm(local)

    assert not before
    assert local["id"] in await ids(world, PROVINCE, "waiting_for=REVIEW")
    assert local["id"] not in await ids(world, HEALTH_INSURANCE)


async def test_the_oldest_deadline_stands_first_across_pages(world: World):
    late = await world.file(LABOUR)
    world.suite.clock.set(MONDAY + timedelta(days=2))
    later = [await world.file(LABOUR) for _ in range(4)]

    found = await queue(world, PROVINCE)

    due = [each["due_at"] for each in found]
    order = [each["id"] for each in found]
    assert due == sorted(due)
    assert len(order) == len(set(order))
    assert all(order.index(late["id"]) < order.index(each["id"]) for each in later)


@pytest.mark.feature("F6")
async def test_the_queue_tells_ones_own_filings_and_for_whom_one_may_act(world: World):
    giver, taker = officer(PROVINCE, "queue-giver"), officer(PROVINCE, "queue-taker")
    own = await world.file(officer(LABOUR, taker.subject))
    covered = await world.file(NANCHANG)
    await world.confirm(covered)
    under = await delegated(world, giver, taker, organisations=["city-360100"])

    mine = {each["id"]: each for each in await queue(world, taker)}
    for_giver = await ids(world, taker, f"acting_for={giver.subject}")
    for_nobody = await ids(world, taker, "acting_for=somebody-else")

    assert (mine[own["id"]]["own_filing"], mine[own["id"]]["delegations"]) == (True, [])
    assert (mine[covered["id"]]["own_filing"], mine[covered["id"]]["delegations"]) == (
        False,
        [under],
    )
    assert covered["id"] in for_giver
    assert own["id"] not in for_giver
    assert for_nobody == []


async def test_an_item_of_the_queue_is_what_its_model_describes(world: World):
    await world.file(LABOUR)
    back = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{back['id']}/return", RETURN)

    found = await queue(world, PROVINCE) + await queue(world, LABOUR, "waiting_for=CORRECTION")

    for each in found:
        described = {**each, "type": each["filing_type"]}
        assert QueueItemView.model_validate(described).model_dump(mode="json") == each


async def test_the_mini_app_has_no_desk(world: World):
    answer = await world.call(MINI_APP, "GET", "/v1/queue")

    assert refusal(answer) == (403, "operation_forbidden")


@pytest.mark.feature("API5")
@pytest.mark.parametrize(
    "count",
    [30_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
@pytest.mark.parametrize(
    ("actor", "waiting_for"),
    [
        (PROVINCE, None),
        (officer(PROVINCE, "of-many"), None),
        (HEALTH_INSURANCE, None),
        (replace(JIUJIANG, organisation="city-bulk-7"), ClockKind.CORRECTION),
    ],
    ids=["province", "officer", "department", "filer"],
)
async def test_a_page_of_the_queue_reads_a_page_of_an_index_however_many_there_are(
    world: World, count: int, actor: Actor, waiting_for: ClockKind | None
):
    """The service's own statement in its own role: row-level security included."""
    read = queue_of(
        actor.role, waiting_for, person=actor.person, acting=False, continued=False, limit=20
    )
    given = {**scope_values(actor), "subject": actor.subject, "now": MONDAY}
    connection = await asyncpg.connect(
        world.suite.servers.postgres.dsn, database=world.suite.database
    )
    await connection.execute("begin; set local search_path = filing")
    try:
        await connection.execute(_MANY, count, timeout=1700)
        await connection.execute("analyze filings")
        await connection.execute(
            f"set local role filing_app; set local app.scope = '{row_scope(actor)}';"
            f" set local app.organisation = '{actor.organisation}'"
        )
        [row] = await connection.fetch(
            f"explain (analyze, format json) {read.sql}", *read.values(given)
        )
    finally:
        await connection.execute("rollback")
        await connection.close()

    nodes = _nodes(json.loads(row[0])[0]["Plan"])
    of_filings = [each for each in nodes if each.get("Relation Name") == "filings"]
    scans = [each for each in nodes if each["Node Type"] == "Seq Scan"]
    assert not any(map(_read, scans))  # of another table only while nothing is in it
    assert all(each not in scans for each in of_filings)
    assert max(map(_read, of_filings)) <= 1500  # of few, all that wait


_MANY = """
insert into filings (id, number, type, type_version, flow, state, organisation_id, region, content,
    digest, departments, round, due_at, due_for, provisional, created_at, updated_at, version)
select gen_random_uuid(), 'BULK-' || n, 'LISTING', 1, 'NOTIFY',
    case when n % 10 = 0 then 'SUBMITTED' else 'ACCEPTED' end,
    'city-bulk-' || n % 113, '360' || 100 + n % 11 * 100, '{}', 'sha-256:' || n,
    case when n / 100 % 3 = 0 then array['jx-ybj'] else array['jx-rst'] end, 1,
    case when n % 10 = 0 then timestamptz '2026-03-01' + n % 9999 * interval '1 minute' end,
    case when n % 10 = 0 then (array['REVIEW', 'CONFIRMATION', 'CORRECTION'])[n / 10 % 3 + 1] end,
    false, timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-01', 1
from generate_series(1, $1::int) as n
"""


def _read(node: dict[str, Any]) -> int:
    rows: int = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return rows


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", []) for node in _nodes(below))]


# --- the calendar of due dates --------------------------------------------------------------------


async def test_the_calendar_counts_what_falls_due_on_each_day(world: World):
    before = await _counts(world, DONGHU)
    filing = await world.file(DONGHU)
    await world.confirm(filing)

    after = await _counts(world, DONGHU)

    assert filing["due_at"] == "2026-03-10T00:00:00+08:00"
    review = ("2026-03-09", "filing", "REVIEW")  # the limit ends with the ninth
    assert after[review] == before.get(review, 0) + 1
    assert {key: count for key, count in after.items() if key != review} == {
        key: count for key, count in before.items() if key != review
    }


async def test_the_calendar_shows_an_obligation_until_it_is_fulfilled(world: World):
    live = await world.live(JIUJIANG)
    order = await world.order(JIUJIANG, live["listing_id"])

    owed = await _counts(world, JIUJIANG)
    await world.ok(JIUJIANG, "POST", "/v1/filings", world.written(order))
    paid = await _counts(world, JIUJIANG)

    written = ("2026-03-03", "obligation", "WRITTEN_FILING")
    assert owed[written] == paid.get(written, 0) + 1


async def _counts(world: World, actor: Actor) -> dict[tuple[str, str, str], int]:
    answer = await world.call(actor, "GET", "/v1/due-dates?from=2026-03-01&to=2026-03-31")
    return {(day["date"], day["record"], day["waiting_for"]): day["count"] for day in answer.json()}


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-02&to=2026-03-01",
        "from=2026-01-01&to=2027-06-01",
        "from=2026-03-01",
        "from=x&to=y",
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(world: World, query: str):
    answer = await world.call(PROVINCE, "GET", f"/v1/due-dates?{query}")

    assert answer.status_code == 422


# --- many decisions -------------------------------------------------------------------------------


async def test_ten_at_once_have_ten_outcomes(world: World):
    filed = [await world.file(LABOUR) for _ in range(8)]
    local = await world.file(NANCHANG)
    me = officer(PROVINCE, "bulk")
    own = await world.file(officer(LABOUR, me.subject))
    unknown = {"id": str(uuid.uuid4()), "version": 1}
    await world.accept(filed[6])
    items = [
        *(item(each, "ACCEPT") for each in filed[:4]),
        item(filed[4], "RETURN"),
        item(filed[5], "ACCEPT", version=99),
        item(filed[6], "ACCEPT", version=filed[6]["version"] + 1),
        item(local, "ACCEPT"),
        item(own, "ACCEPT"),
        item(unknown, "ACCEPT"),
    ]

    answer = await world.ok(me, "POST", "/v1/bulk-decisions", {"items": items})

    seen = [
        each["state"] or (each["problem"]["status"], each["problem"]["code"])
        for each in answer["outcomes"]
    ]
    assert [each["filing_id"] for each in answer["outcomes"]] == [
        each["filing_id"] for each in items
    ]
    assert seen == [
        *["ACCEPTED"] * 4,
        "RETURNED",
        (412, "stale_version"),
        (409, "illegal_step"),
        (409, "illegal_step"),
        (403, "own_filing"),
        (404, "filing_not_found"),
    ]
    assert (answer["done"], answer["refused"]) == (5, 5)
    for each, fact in zip(filed, [*["accepted"] * 4, "returned", "submitted"], strict=False):
        assert (await world.facts(f"filing:{each['id']}"))[-1] == fact
    after = await world.ok(PROVINCE, "GET", f"/v1/filings/{filed[5]['id']}")
    assert after["version"] == filed[5]["version"]


@pytest.mark.feature("API3")
async def test_a_batch_that_is_sent_again_gives_the_first_answer(world: World):
    filed = [await world.file(LABOUR) for _ in range(2)]
    body = {"items": [item(each, "ACCEPT") for each in filed]}
    key = {"Idempotency-Key": str(uuid.uuid4())}

    first = await world.call(PROVINCE, "POST", "/v1/bulk-decisions", body, **key)
    again = await world.call(PROVINCE, "POST", "/v1/bulk-decisions", body, **key)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (await world.facts(f"filing:{filed[0]['id']}")).count("accepted") == 1


async def test_the_same_filing_twice_in_a_batch_is_decided_once(world: World):
    filing = await world.file(LABOUR)
    items = [item(filing, "ACCEPT"), item(filing, "RETURN")]

    answer = await world.ok(PROVINCE, "POST", "/v1/bulk-decisions", {"items": items})

    assert [each["outcome"] for each in answer["outcomes"]] == ["DONE", "REFUSED"]
    assert answer["outcomes"][1]["problem"]["code"] == "stale_version"


@pytest.mark.clause("A11.2")
async def test_a_department_answers_many_confirmations_at_once(world: World):
    first, second = await world.file(NANCHANG), await world.file(NANCHANG)
    foreign = await world.file(JIUJIANG)
    items = [item(first, "CONFIRM"), item(second, "REFUSE"), item(foreign, "CONFIRM")]

    answer = await world.ok(HEALTH_INSURANCE, "POST", "/v1/bulk-confirmations", {"items": items})

    assert [each["state"] for each in answer["outcomes"]] == ["CONFIRMED", "REFUSED", None]
    assert answer["outcomes"][2]["problem"]["code"] == "filing_not_found"


@pytest.mark.feature("C2")
async def test_a_return_in_a_batch_names_its_reason_too(world: World):
    filing = await world.file(LABOUR)
    bare = {"filing_id": filing["id"], "version": filing["version"], "action": "RETURN"}
    body = {"items": [item(filing, "ACCEPT"), bare]}

    answer = await world.call(PROVINCE, "POST", "/v1/bulk-decisions", body)

    assert refusal(answer) == (422, "decision_incomplete")
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "/items/1/clause",
        "/items/1/opinion",
        "/items/1/evidence",
    ]
    assert (await world.facts(f"filing:{filing['id']}")) == ["submitted"]


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_between_one_and_a_hundred_items(world: World, count: int):
    one = {"filing_id": str(uuid.uuid4()), "version": 1, "action": "ACCEPT"}

    answer = await world.call(PROVINCE, "POST", "/v1/bulk-decisions", {"items": [one] * count})

    assert refusal(answer) == (422, "invalid_request")
