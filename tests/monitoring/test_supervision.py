"""Supervision of listed services: samples that anybody can draw again, checks with evidence."""

import asyncio
import uuid
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitoring.rules.sampling import draw, population_digest
from services.monitoring.rules.supervision import Method
from shared.security.identity import Actor
from tests.monitoring.supervision import EVIDENCE, MONDAY, Supervision, refusal, started
from tests.suite import (
    DONGHU,
    GANJIANG,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    Suite,
)

ENTRY = "https://entry.example.invalid/supervised"
KNOWN = [24, 89, 72, 23, 31]
KNOWN_DIGEST = "sha-256:35c57f5c82c3f3285e798497eaea41dd5df8316d078326ed10d81563e3d5e47e"
IDS = st.lists(st.integers(0, 10_000), max_size=30, unique=True).map(
    lambda numbers: [uuid.UUID(int=number) for number in numbers]
)


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    """Three services of the department, two of Nanchang, one of Jiujiang."""
    made = await started(suite)
    for owner in (LABOUR, LABOUR, LABOUR, NANCHANG, NANCHANG, JIUJIANG):
        await made.publish(owner, url=ENTRY)
    return made


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


async def drawn(world: Supervision, by: Actor = PROVINCE, **changes: Any) -> dict[str, Any]:
    body = {"seed": "三月抽查", "size": 2, "region": by.region, **changes}
    answer = await world.post("/v1/supervision-samples", body, by)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def check(world: Supervision, by: Actor = PROVINCE, **given: Any) -> Any:
    body = {
        "method": "RANDOM_CHECK", "passed": False, "kind": "CONTENT", "summary": "办事指南已过期",
        "evidence": EVIDENCE, **given,
    }  # fmt: skip
    return await world.post("/v1/supervision-checks", body, by)


@pytest.mark.clause("A24.1")
async def test_the_same_seed_on_the_same_day_draws_the_same(world: Supervision):
    first = await drawn(world, size=4)
    second = await drawn(world, size=4)
    other = await drawn(world, size=4, seed="另一粒种子")

    population = await world.items(f"/v1/supervision-samples/{first['id']}/population")

    assert first["listing_ids"] == second["listing_ids"]
    assert (first["population_size"], first["verified"]) == (6, True)
    assert first["population_digest"] == other["population_digest"]
    members = [uuid.UUID(each["listing_id"]) for each in population]
    assert population_digest(members) == first["population_digest"]
    again = draw(reversed(members), seed="三月抽查", day=date(2026, 3, 2), size=4)
    assert [str(each) for each in again] == first["listing_ids"], "drawn by hand from what is shown"


@pytest.mark.clause("A24.1")
def test_a_known_population_gives_a_known_sample():
    """Written down, so that another machine or another release has to agree."""
    population = [uuid.UUID(int=number) for number in range(100)]

    found = draw(population, seed="2026", day=date(2026, 3, 2), size=5)

    assert [each.int for each in found] == KNOWN
    assert population_digest(population) == KNOWN_DIGEST


@pytest.mark.clause("A24.1")
@pytest.mark.feature("M2")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # beside other suites
@given(population=IDS, seed=st.text(max_size=20), day=st.dates(), size=st.integers(1, 40))
def test_a_sample_follows_from_seed_day_and_members_alone(population, seed, day, size):
    found = draw(population, seed=seed, day=day, size=size)

    assert found == draw(sorted(population, reverse=True), seed=seed, day=day, size=size)
    assert len(found) == min(size, len(population))
    assert len(set(found)) == len(found)
    assert set(found) <= set(population)
    longer = draw(population, seed=seed, day=day, size=size + 1)
    assert longer[: len(found)] == found, "a larger sample begins with the smaller"
    assert population_digest(population) == population_digest(reversed(population))


def test_each_member_is_drawn_about_as_often_as_any_other():
    population = [uuid.UUID(int=number) for number in range(10)]
    counts = dict.fromkeys(population, 0)

    for number in range(1000):
        for each in draw(population, seed=str(number), day=date(2026, 3, 2), size=3):
            counts[each] += 1

    assert all(230 < count < 370 for count in counts.values()), counts


@pytest.mark.clause("A24.1")
@pytest.mark.clause("A24.2")
@pytest.mark.parametrize("method", Method)
async def test_a_failed_check_is_a_finding_with_its_order(world: Supervision, method: Method):
    sample = await drawn(world, region="360100", seed=f"种子-{method}")
    listing = sample["listing_ids"][0]
    walk = str(uuid.uuid4()) if method is Method.MOCK_TRANSACTION else None

    made = await check(
        world, listing_id=listing, sample_id=sample["id"], method=method, walk_run_id=walk
    )
    twice = await check(world, listing_id=listing, sample_id=sample["id"], method=method)

    assert made.status_code == 201, made.text
    assert (made.json()["method"], made.json()["walk_run_id"]) == (method, walk)
    finding = await world.finding(f"/v1/findings/{made.json()['finding_id']}", NANCHANG)
    assert (finding["source"], finding["state"]) == ("SUPERVISION", "DISPATCHED")
    assert (finding["organisation_id"], finding["listing_id"]) == ("city-360100", listing)
    assert finding["due_at"] is not None
    assert refusal(twice) == (409, "checked_already")


async def test_what_passes_leaves_no_finding(world: Supervision):
    sample = await drawn(world, seed="合格")

    passed = await check(
        world, listing_id=sample["listing_ids"][0], sample_id=sample["id"], passed=True, kind=None,
        evidence=[],
    )  # fmt: skip

    assert (passed.status_code, passed.json()["finding_id"]) == (201, None)


async def test_two_who_check_at_once_make_one_finding(world: Supervision):
    sample = await drawn(world, seed="同时")
    listing = sample["listing_ids"][0]

    answers = await asyncio.gather(
        *(check(world, listing_id=listing, sample_id=sample["id"]) for _ in range(3))
    )

    assert sorted(each.status_code for each in answers) == [201, 409, 409]


async def test_what_does_not_hold_together_says_where(world: Supervision):
    sample = await drawn(world, region="360400", seed="九江")
    other = (await drawn(world, region="360100", seed="南昌"))["listing_ids"][0]
    listing = sample["listing_ids"][0]

    answers = {
        "supervision.sample_needed": await check(world, listing_id=listing),
        "supervision.not_drawn": await check(world, listing_id=other, sample_id=sample["id"]),
        "supervision.no_walk": await check(
            world, listing_id=listing, method="ELECTRONIC", walk_run_id=str(uuid.uuid4())
        ),
        "supervision.kind_needed": await check(
            world, listing_id=listing, method="ELECTRONIC", kind="RUN_MISSED"
        ),
        "supervision.evidence_needed": await check(
            world, listing_id=listing, method="ELECTRONIC", evidence=[]
        ),
        "supervision.nothing_found": await check(
            world, listing_id=listing, method="ELECTRONIC", passed=True
        ),
        "supervision.sample_too_large": await world.post(
            "/v1/supervision-samples", {"seed": "x", "size": 201, "region": "36"}, PROVINCE
        ),
    }

    for code, answer in answers.items():
        assert refusal(answer) == (422, "supervision_invalid"), code
        assert [each["code"] for each in answer.json()["errors"]] == [code]
    unknown = await check(world, listing_id=listing, sample_id=str(uuid.uuid4()))
    nowhere = await check(world, listing_id=str(uuid.uuid4()), method="ELECTRONIC")
    empty = await world.post(
        "/v1/supervision-samples", {"seed": "x", "size": 1, "region": "361100"}, PROVINCE
    )
    assert refusal(unknown) == (404, "sample_not_found")
    assert refusal(nowhere) == (404, "listing_unwatched")
    assert refusal(empty) == (409, "nothing_to_sample")


@pytest.mark.clause("A4.1")
async def test_a_city_draws_and_checks_in_its_subtree_and_nobody_reads_it_beforehand(
    world: Supervision,
):
    sample = await drawn(world, NANCHANG, seed="市级")
    own = f"/v1/supervision-samples/{sample['id']}"
    outside = await world.post(
        "/v1/supervision-samples", {"seed": "x", "size": 1, "region": "360400"}, NANCHANG
    )
    listing = sample["listing_ids"][0]

    of_the_province = await drawn(world, region="360100", seed="省级")
    before = await world.get(f"/v1/supervision-samples/{of_the_province['id']}", NANCHANG)

    hidden = [(await world.get(own, who)).status_code for who in (JIUJIANG, GANJIANG)]
    forbidden = [
        refusal(await world.get(own, who)) for who in (LABOUR, DONGHU, HEALTH_INSURANCE, OPERATOR)
    ]
    of_other = await check(world, NANCHANG, listing_id=listing, sample_id=sample["id"])
    strange = await check(world, JIUJIANG, listing_id=listing, method="ELECTRONIC")
    passed = await check(
        world, NANCHANG, listing_id=listing, sample_id=sample["id"], passed=True, kind=None
    )

    assert {each["id"] for each in await world.items("/v1/supervision-samples", NANCHANG)} >= {
        sample["id"]
    }
    assert refusal(outside) == (403, "outside_remit")
    assert refusal(before) == (404, "sample_not_found"), "of whom the province will check"
    assert hidden == [404, 404]
    assert set(forbidden) == {(403, "operation_forbidden")}
    assert refusal(of_other) == (403, "step_forbidden"), "its own service: the province orders that"
    assert refusal(strange) == (404, "listing_unwatched")
    assert passed.status_code == 201
    shown = await world.items("/v1/supervision-checks", NANCHANG, sample=sample["id"])
    assert [each["id"] for each in shown] == [passed.json()["id"]]
    path = f"/v1/supervision-checks/{passed.json()['id']}"
    assert (await world.get(path, NANCHANG)).status_code == 200
    assert refusal(await world.get(path, JIUJIANG)) == (404, "check_not_found")
