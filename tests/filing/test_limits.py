"""A limit is changed in two steps: its effect on running clocks is seen, then it is confirmed."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from services.filing.commands import apply_policies
from shared.clock import SHANGHAI
from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import LABOUR, NANCHANG, PROVINCE, eventually, officer

ONE, TWO = (officer(PROVINCE, f"officer-province-{n}") for n in (1, 2))
REVIEW = "/v1/filing/policies/listing_review"
ROWS = "/v1/filing/policies/plan_rows"
RETURN = {"clause": "A10.3", "opinion": "入口有误", "evidence": EVIDENCE}


@pytest.fixture(autouse=True)
async def _no_clock_runs(world: World) -> None:
    """Each test begins with the limits of policies.toml and with no clock but its own."""
    for statement in (
        "update clocks set state = 'STOPPED', next_due_at = null",
        "delete from policies",
        "delete from policy_proposals",
    ):
        await world.suite.sql("filing", statement)


def change(value: Any, *, since: str = "2026-03-02") -> dict[str, Any]:
    return {"value": value, "source": "no official source", "effective_from": since}


def version(number: int) -> str:
    return f'"{number}.{"0" * 32}"'


async def propose(world: World, value: int, *, by: Any = ONE, **more: str) -> dict[str, Any]:
    return await world.ok(by, "PUT", REVIEW, change(value, **more))


async def confirm(world: World, by: Any, **more: str) -> Any:
    return await world.call(by, "POST", f"{REVIEW}/confirmation", **more)


async def due(world: World, filing: dict[str, Any]) -> str:
    found = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")
    return str(found["due_at"])


async def told(world: World, filing: dict[str, Any], facts: list[str]) -> None:
    """The service's own rounds may hold a clock that a round of the test then leaves to it."""

    async def as_expected() -> bool:
        await world.sweep()
        return await world.facts(f"filing:{filing['id']}") == facts

    await eventually(as_expected)


async def limit(world: World) -> tuple[int, int]:
    """Value and version of the newest row of the limit."""
    listed = await world.call(PROVINCE, "GET", "/v1/filing/policies")
    rows = [row for row in listed.json() if row["key"] == "listing_review"]
    return rows[-1]["value"], rows[-1]["version"]


# --- the preview ----------------------------------------------------------------------------------


async def test_a_proposal_shows_what_would_move_and_changes_nothing(world: World):
    filings = [await world.file(LABOUR) for _ in range(2)]
    returned = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{returned['id']}/return", RETURN)

    shown = await propose(world, 3)

    assert shown["moves"] == [{"from_date": "2026-03-09", "to_date": "2026-03-05", "count": 2}]
    assert (shown["running"], shown["examined"], shown["late_at_once"]) == (3, 3, 0)
    assert (shown["current_value"], shown["value"], shown["loosens"]) == (5, 3, False)
    assert await world.ok(TWO, "GET", f"{REVIEW}/proposal") == shown
    assert await world.run(apply_policies) == 0
    assert await limit(world) == (5, 1)
    for each in filings:
        assert await due(world, each) == "2026-03-10T00:00:00+08:00"
        assert await world.facts(f"filing:{each['id']}") == ["submitted"]


async def test_what_would_be_late_at_once_is_counted_and_then_is_late(world: World):
    filing = await world.file(LABOUR)
    await world.sweep_at("2026-03-09T10:00:00+08:00")
    reminded = ["submitted", "reminded", "reminded"]
    await told(world, filing, reminded)

    shown = await propose(world, 2, since="2026-03-09")
    confirmed = await confirm(world, ONE)

    assert shown["late_at_once"] == 1
    assert confirmed.status_code == 200, confirmed.text
    await told(world, filing, [*reminded, "due_date_recomputed", "overdue"])


# --- the confirmation -----------------------------------------------------------------------------


async def test_a_confirmed_limit_moves_the_clocks_that_run(world: World):
    filing = await world.file(LABOUR)
    late = await world.file(LABOUR)
    await world.suite.sql(
        "filing",
        "update clocks set overdue_at = now() where record_id = $1::text::uuid",
        late["id"],
    )
    await propose(world, 3)

    confirmed = await confirm(world, ONE)

    assert (confirmed.json()["value"], confirmed.json()["version"]) == (3, 2)
    assert await due(world, filing) == "2026-03-06T00:00:00+08:00"
    assert await due(world, late) == "2026-03-10T00:00:00+08:00"
    assert await due(world, await world.file(LABOUR)) == "2026-03-06T00:00:00+08:00"
    fact, data = (await world.events(f"filing:{filing['id']}"))[-1]
    assert (fact, data["previous_due_at"], data["due_at"]) == (
        "due_date_recomputed",
        "2026-03-09T16:00:00Z",
        "2026-03-05T16:00:00Z",
    )
    fact, data = (await world.events("policy:listing_review"))[-1]
    assert (fact, data["value"], data["unit"]) == ("policy_changed", "3", "working_days")
    assert await world.run(apply_policies) == 0


@pytest.mark.feature("K3")
async def test_a_changed_limit_keeps_the_time_that_was_used_and_paused(world: World):
    filing = await world.file(LABOUR)
    place = f"/v1/filings/{filing['id']}"
    world.suite.clock.set(datetime(2026, 3, 5, 11, tzinfo=SHANGHAI))
    await world.ok(PROVINCE, "POST", f"{place}/return", RETURN)
    await propose(world, 4, since="2026-03-05")
    await confirm(world, ONE)
    world.suite.clock.set(datetime(2026, 3, 12, 10, tzinfo=SHANGHAI))

    sent = await world.ok(LABOUR, "POST", f"{place}/submission", {})

    # Two days and two hours of now four days were used; the rest ends on the second day from here.
    assert sent["due_at"] == "2026-03-14T00:00:00+08:00"


async def test_a_limit_of_a_later_day_moves_the_clocks_on_that_day_once(world: World):
    filing = await world.file(LABOUR)
    await propose(world, 4, since="2026-03-04")
    await confirm(world, ONE)
    before = await world.run(apply_policies), await due(world, filing)
    world.suite.clock.set(datetime(2026, 3, 4, 10, tzinfo=SHANGHAI))

    await asyncio.gather(*(world.run(apply_policies) for _ in range(4)))

    assert before == (0, "2026-03-10T00:00:00+08:00")
    await told(world, filing, ["submitted", "due_date_recomputed"])
    assert await due(world, filing) == "2026-03-07T00:00:00+08:00"


async def test_more_clocks_than_one_round_takes_are_moved_by_the_next(world: World):
    await world.file(LABOUR)
    await world.suite.sql(
        "filing",
        "with more as (insert into clocks select (jsonb_populate_record(c,"
        " jsonb_build_object('id', gen_random_uuid()))).* from clocks c, generate_series(1, 250)"
        " where c.state = 'RUNNING' returning id)"
        " insert into clock_entries (clock_id, kind, at, by, reason)"
        " select more.id, e.kind, e.at, e.by, e.reason from more, clock_entries e"
        " join clocks c on c.id = e.clock_id where c.state = 'RUNNING'",
    )
    shown = await propose(world, 3)

    confirmed = await confirm(world, ONE)

    assert shown["running"] == shown["moves"][0]["count"] == 251
    assert confirmed.status_code == 200, confirmed.text

    async def all_moved() -> bool:
        await world.run(apply_policies)
        days = await world.suite.sql(
            "filing", "select distinct local_date::text from clocks where state = 'RUNNING'"
        )
        return [day["local_date"] for day in days] == ["2026-03-05"]

    await eventually(all_moved)


@pytest.mark.feature("F6")
async def test_a_looser_limit_takes_a_second_person(world: World):
    filing = await world.file(LABOUR)
    shown = await propose(world, 8)

    by_system = refusal(await confirm(world, PROVINCE))
    by_proposer = refusal(await confirm(world, ONE))
    unmoved = await due(world, filing)
    by_second = await confirm(world, TWO)

    assert shown["loosens"] is True
    assert by_system == (403, "person_required")
    assert by_proposer == (403, "own_proposal")
    assert unmoved == "2026-03-10T00:00:00+08:00"
    assert by_second.status_code == 200, by_second.text
    assert await due(world, filing) == "2026-03-13T00:00:00+08:00"


@pytest.mark.feature("F6")
async def test_what_a_system_proposed_is_not_loosened_by_one_person(world: World):
    await propose(world, 8, by=PROVINCE)

    assert refusal(await confirm(world, ONE)) == (403, "person_required")
    assert await limit(world) == (5, 1)


@pytest.mark.feature("F6")
async def test_less_notice_ahead_is_the_looser_limit(world: World):
    path = "/v1/filing/policies/maintenance_lead"

    less = await world.ok(ONE, "PUT", path, change(1))
    refused = await world.call(ONE, "POST", f"{path}/confirmation")
    more = await world.ok(ONE, "PUT", path, change(4))

    assert (less["loosens"], more["loosens"]) == (True, False)
    assert refusal(refused) == (403, "own_proposal")


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [LABOUR, NANCHANG])
async def test_only_the_province_changes_a_limit(world: World, by: Any):
    await propose(world, 3)

    proposed = await world.call(by, "PUT", REVIEW, change(1))
    seen = await world.call(by, "GET", f"{REVIEW}/proposal")
    confirmed = await confirm(world, by)

    for answer in (proposed, seen, confirmed):
        assert refusal(answer) == (403, "operation_forbidden")
    assert await limit(world) == (5, 1)


async def test_who_has_read_another_version_changes_and_confirms_nothing(world: World):
    first = await propose(world, 3)
    read = version(first["version"])
    stale_limit = await world.call(ONE, "PUT", REVIEW, change(2), match=version(7))
    await propose(world, 4)

    stale_proposal = await confirm(world, ONE, match=read)

    assert refusal(stale_limit) == (412, "stale_version")
    assert refusal(stale_proposal) == (412, "stale_version")
    assert await limit(world) == (5, 1)


async def test_a_version_that_was_read_never_confirms_a_later_proposal(world: World):
    first = await propose(world, 4)
    await confirm(world, ONE)
    await propose(world, 3)

    answer = await confirm(world, ONE, match=version(first["version"]))

    assert refusal(answer) == (412, "stale_version")


async def test_confirming_twice_changes_the_limit_once(world: World):
    await propose(world, 3)

    answers = await asyncio.gather(*(confirm(world, ONE) for _ in range(4)))
    later = await confirm(world, ONE)

    assert sorted(each.status_code for each in answers) == [200, 404, 404, 404]
    assert refusal(later) == (404, "proposal_not_found")
    assert await limit(world) == (3, 2)


async def test_a_proposal_against_an_earlier_version_is_outdated(world: World):
    await propose(world, 3)
    await world.suite.sql(
        "filing",
        "insert into policies values ('listing_review', 2, '4'::jsonb, 'working_days', 'test',"
        " 'A11.1', '2026-03-02', 'test', now())",
    )

    assert refusal(await confirm(world, ONE)) == (409, "proposal_outdated")


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        ("nothing", change(3), (404, "policy_not_found")),
        ("%00", change(3), (404, "policy_not_found")),
        ("approvals", change(3), (409, "no_limit")),
        ("listing_review", change("3"), (422, "invalid_request")),
        ("listing_review", change(True), (422, "invalid_request")),
        ("listing_review", change(-1), (422, "invalid_request")),
        ("listing_review", change(3, since="2026-03-01"), (422, "policy_backdated")),
    ],
)
async def test_what_is_no_limit_or_no_value_of_one_is_refused(
    world: World, key: str, body: dict[str, Any], expected: tuple[int, str]
):
    answer = await world.call(ONE, "PUT", f"/v1/filing/policies/{key}", body)

    assert refusal(answer) == expected


async def test_a_limit_is_never_proposed_to_begin_before_its_last_version(world: World):
    await propose(world, 4, since="2026-04-01")
    await confirm(world, ONE)

    answer = await world.call(ONE, "PUT", REVIEW, change(3))

    assert refusal(answer) == (422, "policy_backdated")


@pytest.mark.parametrize("key", ["listing_review", "nothing"])
async def test_without_a_proposal_there_is_nothing_to_see_or_confirm(world: World, key: str):
    path = f"/v1/filing/policies/{key}"
    code = "policy_not_found" if key == "nothing" else "proposal_not_found"

    seen = await world.call(ONE, "GET", f"{path}/proposal")
    confirmed = await world.call(ONE, "POST", f"{path}/confirmation")

    assert refusal(seen) == refusal(confirmed) == (404, code)


async def test_a_limit_is_not_set_past_its_preview(world: World):
    answer = await world.call(ONE, "POST", REVIEW, change(3))

    assert refusal(answer) == (409, "policy_needs_preview")
    assert await limit(world) == (5, 1)


# --- one policy with its version ------------------------------------------------------------------


async def read(world: World, path: str) -> tuple[str, dict[str, Any]]:
    """The ETag and the policy."""
    answer = await world.call(LABOUR, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.headers["etag"], answer.json()


async def test_a_limit_is_proposed_on_the_version_that_was_read(world: World):
    tag, before = await read(world, REVIEW)

    proposed = await world.call(ONE, "PUT", REVIEW, change(3), match=tag)
    await confirm(world, ONE)
    stale = await world.call(ONE, "PUT", REVIEW, change(2), match=tag)
    tag, after = await read(world, REVIEW)
    anew = await world.call(ONE, "PUT", REVIEW, change(2), match=tag)

    assert proposed.status_code == anew.status_code == 200, anew.text
    assert refusal(stale) == (412, "stale_version")
    assert (before["version"], after["version"], after["value"]) == (1, 2, 3)


async def test_a_policy_is_changed_on_the_version_that_was_read(world: World):
    tag, before = await read(world, ROWS)

    changed = await world.call(ONE, "POST", ROWS, change(60), match=tag)
    stale = await world.call(ONE, "POST", ROWS, change(50), match=tag)

    assert (changed.status_code, changed.json()["version"]) == (201, before["version"] + 1)
    assert refusal(stale) == (412, "stale_version")
    assert (await read(world, ROWS))[1] == changed.json()


async def test_a_version_that_begins_before_the_last_has_a_number_of_its_own(world: World):
    _, before = await read(world, ROWS)

    made = [
        await world.ok(ONE, "POST", ROWS, change(value, since=since))
        for value, since in ((40, "2027-01-01"), (50, "2026-06-01"), (45, "2026-09-01"))
    ]

    assert [each["version"] - before["version"] for each in made] == [1, 2, 3]
    assert (await read(world, ROWS))[1] == made[-1]


async def test_of_changes_on_one_version_one_is_kept(world: World):
    tag, before = await read(world, ROWS)

    answers = await asyncio.gather(
        *(world.call(ONE, "POST", ROWS, change(40 + n), match=tag) for n in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412]
    assert (await read(world, ROWS))[1]["version"] == before["version"] + 1


@pytest.mark.parametrize("key", ["nothing", "%00"])
async def test_there_is_no_policy_of_another_name(world: World, key: str):
    answer = await world.call(LABOUR, "GET", f"/v1/filing/policies/{key}")
    changed = await world.call(ONE, "POST", f"/v1/filing/policies/{key}", change(3))

    assert refusal(answer) == refusal(changed) == (404, "policy_not_found")
