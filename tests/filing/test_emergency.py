"""Off at once after an oral report; the written filing is owed, and its breach is for ever."""

import asyncio
import uuid
from datetime import datetime
from typing import Any

import pytest

from services.filing.commands import sweep_clocks
from shared.events import catalog
from shared.security.identity import system
from tests.filing.world import World, refusal
from tests.suite import DONGHU, JIUJIANG, LABOUR, NANCHANG, OPERATOR, PROVINCE


@pytest.mark.feature("C8")
@pytest.mark.feature("DEP7")
@pytest.mark.clause("A11.4")
async def test_one_call_orders_reports_and_starts_the_clock(world: World):
    live = await world.live(NANCHANG)

    order = await world.order(
        NANCHANG, live["listing_id"], notice_text="暂停服务", alternative_channel="办事大厅"
    )

    [told] = await world.events(f"filing:{order['id']}")
    assert told[0] == "emergency_delisting_ordered"
    assert told[1]["listing_id"] == live["listing_id"]
    assert told[1]["notice_text"] == "暂停服务"
    assert order["number"].startswith("GFT-2026-")
    assert order["oral_report"]["reporter_office"] == "市政务服务主管部门运维岗"
    obligation = order["obligation"]
    assert (obligation["state"], obligation["clause"]) == ("OPEN", "A11.5")
    assert obligation["due_at"] == "2026-03-04T00:00:00+08:00"
    assert obligation["clock"]["state"] == "RUNNING"
    assert obligation["clock"]["remaining_seconds"] == 7 * 3600
    [opened] = await world.events(f"obligation:{obligation['id']}")
    assert (opened[0], opened[1]["filing_id"]) == ("obligation_opened", order["id"])


@pytest.mark.feature("C8")
@pytest.mark.clause("A11.6")
async def test_order_notice_gateway_and_clock_stand_in_one_record(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    notice = uuid.uuid4()

    await world.delist(live["listing_id"], order["id"], emergency=True)
    await world.tell(
        catalog.NoticePublished(
            notice_id=notice,
            kind="EMERGENCY_DELIST",
            listing_ids=[uuid.UUID(live["listing_id"])],
            filing_id=uuid.UUID(order["id"]),
            published_at=world.suite.clock.now(),
            expires_at=None,
        ),
        f"notice:{notice}",
    )

    found = await world.ok(PROVINCE, "GET", f"/v1/emergency-delistings/{order['id']}")
    assert (order["gateway"]["state"], order["notice"]) == ("CLOSING", None)
    assert found["gateway"]["state"] == "CLOSED"
    assert found["gateway"]["delisted_at"] is not None
    assert found["notice"]["id"] == str(notice)
    assert found["obligation"]["clock"]["state"] == "RUNNING"
    assert found["oral_report"]["id"] == order["oral_report"]["id"]


@pytest.mark.clause("A11.4")
async def test_there_is_no_switch_without_an_oral_report(world: World):
    live = await world.live(NANCHANG)
    body = {"listing_id": live["listing_id"], "reason_class": "FAULT"}

    answer = await world.call(NANCHANG, "POST", "/v1/emergency-delistings", body)

    assert refusal(answer) == (422, "oral_report_missing")
    assert answer.json()["clause"] == "A11.4"


@pytest.mark.feature("DEP7")
@pytest.mark.clause("A11.4")
async def test_an_oral_report_recorded_before_is_cited_once(world: World):
    live, other = await world.live(NANCHANG), await world.live(NANCHANG)
    report = await world.ok(
        NANCHANG,
        "POST",
        "/v1/oral-reports",
        {"listing_id": live["listing_id"], **world.oral_report()},
    )
    path = "/v1/emergency-delistings"
    cited = {"oral_report_id": report["id"]}

    foreign = await world.call(NANCHANG, "POST", path, {"listing_id": other["listing_id"], **cited})
    order = await world.ok(NANCHANG, "POST", path, {"listing_id": live["listing_id"], **cited})
    await world.delist(live["listing_id"], order["id"], emergency=True)
    await world.publish(live, version=2)
    again = await world.call(NANCHANG, "POST", path, {"listing_id": live["listing_id"], **cited})

    assert refusal(foreign) == (422, "oral_report_scope_mismatch")
    assert order["oral_report"] == await world.ok(
        PROVINCE, "GET", f"/v1/oral-reports/{report['id']}"
    )
    assert refusal(again) == (409, "oral_report_used")


@pytest.mark.clause("A11.4")
@pytest.mark.parametrize(
    ("reported_at", "code"),
    [
        ("2026-03-02T11:00:00+08:00", "oral_report_in_future"),
        ("2026-02-28T10:00:00+08:00", "oral_report_too_old"),
    ],
)
async def test_the_oral_report_comes_shortly_before_the_switch(
    world: World, reported_at: str, code: str
):
    live = await world.live(NANCHANG)
    body = {
        "listing_id": live["listing_id"],
        "oral_report": world.oral_report(reported_at=reported_at),
    }

    answer = await world.call(NANCHANG, "POST", "/v1/emergency-delistings", body)

    assert refusal(answer) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "/oral_report/reported_at"


@pytest.mark.clause("A11.4")
async def test_owner_and_province_may_press_it_and_nobody_else(world: World):
    live = await world.live(NANCHANG)
    body = {"listing_id": live["listing_id"], "oral_report": world.oral_report()}
    path = "/v1/emergency-delistings"

    refused = [
        refusal(await world.call(actor, "POST", path, body)) for actor in (JIUJIANG, DONGHU, LABOUR)
    ]
    order = await world.ok(PROVINCE, "POST", path, body)

    assert refused == [(403, "outside_remit")] * 3
    assert (order["organisation_id"], order["ordering_organisation"]) == (
        "city-360100",
        "jx-zwfw",
    )


@pytest.mark.clause("A9.2")
async def test_the_operator_acts_on_the_provinces_order_which_is_recorded(world: World):
    live = await world.live(NANCHANG)
    body = {"listing_id": live["listing_id"], "oral_report": world.oral_report()}
    path = "/v1/emergency-delistings"

    alone = await world.call(OPERATOR, "POST", path, body)
    order = await world.ok(OPERATOR, "POST", path, {**body, "ordered_by": "省值班室第 12 号"})

    assert refusal(alone) == (403, "operator_needs_order")
    assert order["on_order_of"] == "省值班室第 12 号"
    assert order["ordering_organisation"] == "operator"


async def test_a_listing_is_ordered_off_once(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    body = {"listing_id": live["listing_id"], "oral_report": world.oral_report()}

    second = await world.call(PROVINCE, "POST", "/v1/emergency-delistings", body)
    await world.delist(live["listing_id"], order["id"], emergency=True)
    gone = await world.call(PROVINCE, "POST", "/v1/emergency-delistings", body)

    assert refusal(second) == (409, "emergency_already_ordered")
    assert refusal(gone) == (409, "listing_not_live")


@pytest.mark.feature("F2")
async def test_an_emergency_order_revokes_what_is_pending(world: World):
    live = await world.live(NANCHANG)
    update = await world.file(NANCHANG, filing_type="UPDATE", listing_id=live["listing_id"])

    order = await world.order(PROVINCE, live["listing_id"])

    revoked = await world.ok(NANCHANG, "GET", f"/v1/filings/{update['id']}")
    assert (revoked["state"], revoked["revoked_by"]) == ("WITHDRAWN", order["id"])
    assert order["revoked_filings"] == [update["id"]]


@pytest.mark.feature("F8")
@pytest.mark.feature("DEP7")
@pytest.mark.clause("A11.5")
async def test_the_written_filing_in_time_fulfils_the_obligation(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    world.suite.clock.set(_at("2026-03-03T23:59:59+08:00"))

    filing = await world.ok(NANCHANG, "POST", "/v1/filings", world.written(order))

    obligation = await _obligation(world, order)
    assert filing["obligation_id"] == obligation["id"]
    assert (obligation["state"], obligation["late"]) == ("FULFILLED", False)
    assert obligation["fulfilled_by"] == filing["id"]
    assert obligation["clock"]["state"] == "STOPPED"
    facts = await world.facts(f"obligation:{obligation['id']}")
    assert "obligation_breached" not in facts
    assert facts[-1] == "obligation_fulfilled"


@pytest.mark.feature("F8")
@pytest.mark.clause("A11.5")
async def test_a_late_written_filing_does_not_erase_the_breach(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    await world.sweep_at("2026-03-04T00:00:00+08:00")
    breached = await _obligation(world, order)
    world.suite.clock.set(_at("2026-03-05T09:00:00+08:00"))

    await world.ok(NANCHANG, "POST", "/v1/filings", world.written(order))

    found = await _obligation(world, order)
    assert breached["breached_at"] is not None
    assert (found["state"], found["late"]) == ("FULFILLED", True)
    assert found["breached_at"] == breached["breached_at"]
    events = await world.events(f"obligation:{found['id']}")
    assert [fact for fact, _ in events].count("obligation_breached") == 1
    assert events[-1][0] == "obligation_fulfilled"
    assert events[-1][1]["late"] is True


@pytest.mark.feature("F8")
async def test_a_late_filing_before_the_sweep_still_records_the_breach_first(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    obligation = order["obligation"]["id"]
    # The clock does not sweep what is looked at only later.
    await world.suite.sql(
        "filing", "update clocks set next_due_at = null where record_id = $1", obligation
    )
    world.suite.clock.set(_at("2026-03-06T09:00:00+08:00"))

    await world.ok(NANCHANG, "POST", "/v1/filings", world.written(order))
    await world.sweep()

    facts = await world.facts(f"obligation:{obligation}")
    assert facts == ["obligation_opened", "obligation_breached", "obligation_fulfilled"]


@pytest.mark.feature("F5")
@pytest.mark.feature("F8")
async def test_two_sweepers_at_once_record_each_breach_and_each_reminder_once(world: World):
    orders = [
        await world.order(NANCHANG, (await world.live(NANCHANG))["listing_id"]) for _ in range(4)
    ]
    world.suite.clock.set(_at("2026-03-04T10:00:00+08:00"))

    await asyncio.gather(*(_sweep(world) for _ in range(6)))
    await world.sweep_at("2026-03-05T10:00:00+08:00")

    for order in orders:
        facts = await world.facts(f"obligation:{order['obligation']['id']}")
        assert sorted(facts) == [
            "obligation_breached",
            "obligation_escalated",
            "obligation_escalated",
            "obligation_opened",
            "obligation_reminded",
            "obligation_reminded",
        ]
        assert (await _obligation(world, order))["clock"]["fired"] == [
            "first_reminder",
            "second_reminder",
            "first_escalation",
            "second_escalation",
        ]


@pytest.mark.feature("F8")
@pytest.mark.clause("A11.5")
async def test_the_written_filing_cites_the_oral_report_and_matches_its_scope(world: World):
    live, other = await world.live(NANCHANG), await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    report = await world.ok(
        NANCHANG,
        "POST",
        "/v1/oral-reports",
        {"listing_id": other["listing_id"], **world.oral_report()},
    )

    async def answer(**changes: Any) -> tuple[int, str]:
        body = world.written(order, **changes)
        return refusal(await world.call(NANCHANG, "POST", "/v1/filings", body))

    unknown = await answer(oral_report_id=str(uuid.uuid4()))
    mismatch = await answer(listing_id=other["listing_id"])
    unordered = await answer(oral_report_id=report["id"], listing_id=other["listing_id"])
    await world.ok(NANCHANG, "POST", "/v1/filings", world.written(order))
    pending = await answer()

    assert unknown == (422, "oral_report_missing")
    assert mismatch == (422, "oral_report_scope_mismatch")
    assert unordered == (409, "emergency_order_missing")
    assert pending == (409, "filing_pending")
    assert (await _obligation(world, order))["late"] is False


@pytest.mark.feature("F8")
async def test_a_written_filing_that_fulfilled_an_obligation_stays(world: World):
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    filing = await world.ok(NANCHANG, "POST", "/v1/filings", world.written(order))

    answer = await world.call(
        NANCHANG, "POST", f"/v1/filings/{filing['id']}/withdrawal", {"reason": "误报"}
    )
    await world.accept(filing)
    second = await world.call(NANCHANG, "POST", "/v1/filings", world.written(order))

    assert filing["allowed_actions"] == []
    assert refusal(answer) == (409, "written_filing_stays")
    assert refusal(second) == (409, "obligation_already_fulfilled")


@pytest.mark.clause("A4.1")
async def test_what_is_owed_is_seen_by_the_debtor_and_those_above(world: World):
    live = await world.live(DONGHU)
    order = await world.order(DONGHU, live["listing_id"])
    path = f"/v1/obligations/{order['obligation']['id']}"

    seen = {
        actor.organisation: (await world.call(actor, "GET", path)).status_code
        for actor in (DONGHU, NANCHANG, PROVINCE, OPERATOR, JIUJIANG, LABOUR)
    }
    record = await world.call(JIUJIANG, "GET", f"/v1/emergency-delistings/{order['id']}")
    report = await world.call(JIUJIANG, "GET", f"/v1/oral-reports/{order['oral_report']['id']}")
    owed = await world.ok(DONGHU, "GET", "/v1/obligations?open=true&breached=false")

    assert seen == {
        "county-360102": 200,
        "city-360100": 200,
        "jx-zwfw": 200,
        "operator": 200,
        "city-360400": 404,
        "jx-rst": 404,
    }
    assert refusal(record) == (404, "emergency_delisting_not_found")
    assert refusal(report) == (404, "oral_report_not_found")
    assert [each["id"] for each in owed["items"]] == [order["obligation"]["id"]]


async def _obligation(world: World, order: dict[str, Any]) -> dict[str, Any]:
    return await world.ok(PROVINCE, "GET", f"/v1/obligations/{order['obligation']['id']}")


async def _sweep(world: World) -> int:
    async with world.suite.apps["filing"].state.database.transaction(system("filing")) as tx:
        return await sweep_clocks(tx)


def _at(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
