"""What a probe can test again is closed by that alone, after the unit has handed it in (M9)."""

import uuid
from datetime import timedelta

import pytest

from services.monitoring.commands.findings import probe_was_seen
from shared.security.identity import system
from tests.monitoring.supervision import MONDAY, READER, Supervision, refusal, started
from tests.monitoring.world import asked
from tests.suite import LABOUR, Suite

ENTRY = "https://entry.example.invalid/retested"


@pytest.fixture(scope="module")
async def world(suite: Suite) -> Supervision:
    return await started(suite)


@pytest.fixture(autouse=True)
def _monday(suite: Suite) -> None:
    suite.clock.set(MONDAY)


async def unavailable(world: Supervision) -> tuple[str, str]:
    """A live listing whose entry a supervisor found broken, with the order."""
    listing = await world.publish(url=ENTRY)
    path = await world.ordered(kind="ENTRY_UNAVAILABLE", listing_id=listing)
    return listing, path


@pytest.mark.feature("M9")
@pytest.mark.clause("A24.2")
async def test_only_probes_that_pass_after_the_submission_close_it(world: Supervision):
    listing, path = await unavailable(world)
    await world.sample(listing, ok=True, times=3)  # before the unit's word: they count for nothing

    await world.submit(path)
    unseen = await world.retested(path)
    await world.sample(listing, ok=True)
    once = await world.retested(path)
    await world.sample(listing, ok=True)
    twice = await world.retested(path)

    assert (unseen, once, twice) == ("SUBMITTED", "SUBMITTED", "CLOSED")
    view = await world.finding(path)
    assert (view["closed_because"], view["closed_at"] is not None) == ("RETESTED", True)
    assert (await world.facts(path))[-3:] == [
        "rectification_verified", "rectification_closed", "finding_closed",
    ]  # fmt: skip


@pytest.mark.feature("M9")
async def test_nobody_verifies_reopens_or_closes_by_hand_what_a_probe_can_test(world: Supervision):
    _, path = await unavailable(world)
    early = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)
    await world.submit(path)

    verified = await world.verify(path)
    reopened = await world.verify(path, passed=False)
    closed = await world.decide(f"{path}/closing", {"opinion": "销号"}, READER)

    answers = (early, verified, reopened, closed)
    assert [refusal(each) for each in answers] == [(409, "retest_decides")] * 4
    assert verified.json()["retest"] == "PROBE"
    assert (await world.finding(path))["state"] == "SUBMITTED"
    assert (await world.finding(path))["allowed_actions"] == []


@pytest.mark.feature("M9")
async def test_a_probe_that_keeps_failing_opens_it_again_and_the_unit_goes_on(world: Supervision):
    listing, path = await unavailable(world)
    await world.submit(path)
    await world.sample(listing, ok=False, times=3)

    failed = await world.retested(path)
    again = await world.submit(path)
    await world.sample(listing, ok=True, times=2)
    passed = await world.retested(path)

    assert (failed, passed) == ("REOPENED", "CLOSED")
    assert again.json()["round"] == 2
    assert "rectification_reopened" in await world.facts(path)


@pytest.mark.feature("M9")
async def test_a_missing_probe_that_was_ordered_waits_for_the_units_word(world: Supervision):
    """Seen again without a word, it stays ordered; unordered it is resolved by the probe."""
    listing = await world.publish(url=ENTRY)
    world.suite.clock.advance(timedelta(seconds=61))
    await world.suite.tick("monitoring", "raise_missing_probes")
    [finding] = await world.items("/v1/findings", listing=listing)
    path = f"/v1/findings/{finding['id']}"
    ordered = await world.decide(f"{path}/order", {"opinion": "请接入监测"})

    await world.sample(listing, ok=True, times=2)
    async with world.suite.apps["monitoring"].state.database.transaction(
        system("monitoring")
    ) as tx:
        await probe_was_seen(tx, uuid.UUID(listing))  # as the prober does with its first result
    waiting = await world.retested(path)
    await world.submit(path)
    await world.sample(listing, ok=True, times=2)
    closed = await world.retested(path)

    assert ordered.json()["state"] == "DISPATCHED"
    assert waiting == "DISPATCHED"
    assert closed == "CLOSED"


@pytest.mark.feature("M9")
async def test_what_only_a_probe_could_close_ends_with_its_listing(world: Supervision):
    listing, path = await unavailable(world)
    by_hand = await world.ordered(listing_id=listing)
    await world.submit(path)

    await world.delist(listing, times=2)
    view, other = await world.finding(path), await world.finding(by_hand)

    assert (view["state"], view["closed_because"]) == ("CLOSED", "UNLISTED")
    assert other["state"] == "DISPATCHED", "what the unit did wrong otherwise is still owed"
    assert (await world.facts(path)).count("finding_closed") == 1
    assert refusal(await world.submit(path, LABOUR)) == (409, "illegal_step")


@pytest.mark.feature("M9")
@pytest.mark.clause("A16.2")
async def test_a_word_that_is_not_true_holds_up_no_deadline(world: Supervision):
    """Handed in on the first day, with a probe that is paused so that nothing can be seen."""
    listing, path = await unavailable(world)
    probe = await world.probe_of(listing)
    await world.put(f"/v1/probes/{probe['id']}", asked(paused=True))
    await world.submit(path)

    world.suite.clock.set(MONDAY + timedelta(days=8))
    await world.suite.tick("monitoring", "sweep_rectifications")
    undecided = await world.retested(path)
    view = await world.finding(path)

    assert undecided == "SUBMITTED"
    assert view["overdue_at"] is not None
    assert (await world.facts(path)).count("rectification_overdue") == 1


@pytest.mark.feature("M9")
async def test_what_is_closed_late_was_late_though_no_sweep_has_looked(world: Supervision):
    listing, path = await unavailable(world)
    await world.submit(path)
    world.suite.clock.set(MONDAY + timedelta(days=8))
    await world.sample(listing, ok=True, times=2)
    world.suite.clock.advance(timedelta(minutes=10))

    closed = await world.retested(path)

    assert closed == "CLOSED"
    assert (await world.finding(path))["overdue_at"] is not None
