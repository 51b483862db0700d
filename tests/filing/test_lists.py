"""Lists of filings: one filter for list and count, pages without gaps, rows that one may see."""

from typing import Any

import pytest

from shared.security.identity import Actor
from tests.filing.world import World, refusal
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    MINI_APP,
    NANCHANG,
    OPERATOR,
    PROVINCE,
)


async def _walk(world: World, actor: Any, query: str, *, limit: int = 3) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"/v1/filings?limit={limit}&{query}"
    while path:
        answer = await world.call(actor, "GET", path)
        page = answer.json()
        assert page["total"] >= len(page["items"])
        found += page["items"]
        link = answer.headers.get("link", "")
        path = link.partition(">")[0].removeprefix("<")
        assert bool(path) == (page["next_cursor"] is not None)
    return found


@pytest.mark.feature("API5")
async def test_walking_pages_while_filings_come_in_shows_each_once(world: World):
    made = [await world.file(JIUJIANG, submit=False) for _ in range(7)]
    first = await world.ok(JIUJIANG, "GET", "/v1/filings?limit=3&state=DRAFT")
    await world.file(JIUJIANG, submit=False)
    rest, cursor = [], first["next_cursor"]

    while cursor:
        page = await world.ok(JIUJIANG, "GET", f"/v1/filings?limit=3&state=DRAFT&cursor={cursor}")
        rest += page["items"]
        cursor = page["next_cursor"]

    seen = [each["id"] for each in [*first["items"], *rest]]
    assert seen == [each["id"] for each in reversed(made)]
    assert first["total"] == 7


@pytest.mark.feature("API5")
async def test_a_cursor_continues_only_its_own_query(world: World):
    for _ in range(2):
        await world.file(LABOUR, submit=False)
    page = await world.ok(LABOUR, "GET", "/v1/filings?limit=1")

    other = await world.call(
        LABOUR, "GET", f"/v1/filings?limit=1&state=DRAFT&cursor={page['next_cursor']}"
    )
    made_up = await world.call(LABOUR, "GET", "/v1/filings?cursor=W10")

    assert refusal(other) == (400, "cursor_invalid")
    assert refusal(made_up) == (400, "cursor_invalid")


@pytest.mark.feature("C3")
@pytest.mark.parametrize(
    "actor",
    [PROVINCE, OPERATOR, NANCHANG, JIUJIANG, DONGHU, LABOUR, HEALTH_INSURANCE],
    ids=lambda actor: actor.organisation,
)
async def test_the_total_counts_what_the_list_shows(world: World, actor: Any):
    for filer in (NANCHANG, DONGHU, LABOUR):
        await world.file(filer)
    queries = ["", "state=SUBMITTED", "type=LISTING", "region=360100", "item=demo-ybj-001"]

    for query in queries:
        shown = await _walk(world, actor, query, limit=100)
        page = await world.ok(actor, "GET", f"/v1/filings?limit=1&{query}")
        assert page["total"] == len(shown)
        assert all(_may_see(actor, each) for each in shown)


def _may_see(actor: Actor, filing: dict[str, Any]) -> bool:
    owner, region = str(filing["organisation_id"]), str(filing["region"])
    confirms = {"jx-ybj": "demo-ybj-001", "jx-rst": "demo-rst-001"}.get(actor.organisation)
    return (
        actor.organisation in {"jx-zwfw", "operator", owner}
        or (actor is NANCHANG and region.startswith("3601"))
        or (confirms is not None and confirms == filing["item_code"])
    )


async def test_a_named_department_finds_what_it_has_to_confirm(world: World):
    filing = await world.file(NANCHANG)
    draft = await world.file(NANCHANG, submit=False)

    found = {each["id"] for each in await _walk(world, HEALTH_INSURANCE, "", limit=100)}

    assert filing["id"] in found
    assert draft["id"] not in found


async def test_filters_narrow_by_listing_organisation_and_due_date(world: World):
    filing = await world.file(LABOUR)
    other = await world.file(NANCHANG)

    by_listing = await _walk(world, PROVINCE, f"listing={filing['listing_id']}")
    by_owner = await _walk(world, PROVINCE, "organisation=jx-rst", limit=100)
    due = await _walk(world, PROVINCE, "due_before=2026-03-10T00:00:00.5%2B08:00", limit=100)
    early = await _walk(world, PROVINCE, "due_before=2026-03-10T00:00:00%2B08:00", limit=100)

    assert [each["id"] for each in by_listing] == [filing["id"]]
    assert other["id"] not in {each["id"] for each in by_owner}
    assert {filing["id"], other["id"]} <= {each["id"] for each in due}
    assert early == []


async def test_the_mini_app_reads_no_filings(world: World):
    answer = await world.call(MINI_APP, "GET", "/v1/filings")

    assert refusal(answer) == (403, "operation_forbidden")


@pytest.mark.parametrize(
    "query",
    [
        "state=OPEN",
        "type=X",
        "organisation=A%00",
        "region=11",
        "listing=1",
        "due_before=2026-01-01T00:00:00",
        "due_before=0001-01-01T00:00:00Z",
        "limit=101",
        "limit=0",
        "item=%ED%A0%80",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(world: World, query: str):
    answer = await world.call(PROVINCE, "GET", f"/v1/filings?{query}")

    assert refusal(answer) == (422, "invalid_request")


@pytest.mark.feature("API4")
async def test_what_one_already_has_is_not_sent_again(world: World):
    filing = await world.file(LABOUR)
    path = f"/v1/filings/{filing['id']}"
    first = await world.call(LABOUR, "GET", path)

    again = await world.call(LABOUR, "GET", path, **{"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
