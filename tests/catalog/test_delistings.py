"""A listing's end: delisted, closed at once in an emergency, and long after."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.catalog.schedule import SCHEDULE
from shared.database import Database
from shared.messaging.inbox import Nak
from shared.scheduling import run_once
from tests.catalog.province import Catalog, content, listing


@pytest.mark.feature("C1")
@pytest.mark.clause("A11.3")
@pytest.mark.clause("A11.6")
async def test_a_delisted_listing_says_so_and_names_its_notice(catalog: Catalog):
    listing_id = await catalog.publish()

    filing = await catalog.decide("DELIST", content(), listing=listing_id)

    found = (await listing(catalog, listing_id)).json()
    assert found["state"] == "DELISTED"
    assert found["delisted_at"]
    notice = (await catalog.get(f"/v1/notices/{found['notice_id']}")).json()
    assert notice["kind"] == "DELIST"
    assert notice["listing_ids"] == [str(listing_id)]
    assert notice["filing_id"] == str(filing)
    told = (await catalog.told(f"listing:{listing_id}"))[-1]
    assert told[0] == "listing_delisted.v1"
    assert told[1]["emergency"] is False


@pytest.mark.clause("A9.1")
@pytest.mark.clause("A11.6")
async def test_an_operator_whose_mandate_is_over_announces_nothing_any_more(catalog: Catalog):
    path = "/v1/organisations/operator"
    shown = (await catalog.get(path)).json()
    given = {name: shown[name] for name in ("name", "short_name", "parent")}
    yesterday = (catalog.suite.clock.now() - timedelta(days=2)).date().isoformat()
    over = {**given, "mandate_from": "2025-08-04", "mandate_to": yesterday}
    publishers = []

    for mandate in (given, over, given):
        changed = await catalog.send("PUT", path, mandate, if_match="*")
        assert changed.status_code == 200, changed.text
        listing_id = await catalog.publish()
        await catalog.decide("DELIST", content(), listing=listing_id)
        notice_id = (await listing(catalog, listing_id)).json()["notice_id"]
        publishers.append((await catalog.get(f"/v1/notices/{notice_id}")).json()["publisher"])

    assert publishers == ["operator", "jx-zwfw", "operator"]


@pytest.mark.clause("A11.6")
async def test_the_province_may_leave_out_the_notice_of_an_ordinary_delisting(catalog: Catalog):
    listing_id = await catalog.publish()
    changed = await catalog.send(
        "POST",
        "/v1/catalog/policies/notice_on_delisting",
        {"value": False, "source": "no official source", "effective_from": "2026-01-01"},
        if_match="*",
    )
    assert changed.status_code == 201, changed.text

    await catalog.decide("DELIST", content(), listing=listing_id)

    assert (await listing(catalog, listing_id)).json()["notice_id"] is None
    await catalog.suite.sql("catalog", "delete from policies")


@pytest.mark.feature("C8")
@pytest.mark.clause("A11.4")
@pytest.mark.clause("A11.6")
async def test_an_emergency_closes_at_once_with_a_notice_in_the_same_transaction(
    catalog: Catalog,
):
    listing_id, filing = await catalog.publish(), uuid4()

    await catalog.tell(catalog.emergency(listing_id, filing), f"filing:{filing}")

    found = (await listing(catalog, listing_id)).json()
    assert found["state"] == "DELISTED"
    notice = (await catalog.get(f"/v1/notices/{found['notice_id']}")).json()
    assert notice["kind"] == "EMERGENCY_DELIST"
    assert notice["publisher"] == "operator"
    assert notice["listing_ids"] == [str(listing_id)]
    assert found["title"] in notice["text"]
    assert "12345" in notice["alternative_channel"]
    assert notice["alternative_channel"] in notice["text"]
    told = await catalog.told(f"listing:{listing_id}")
    assert [name for name, _ in told[1:]] == ["listing_suspended.v1", "listing_delisted.v1"]
    assert told[2][1]["emergency"] is True
    assert told[1][1]["notice_id"] == told[2][1]["notice_id"] == found["notice_id"]
    (published,) = await catalog.told(f"notice:{found['notice_id']}")
    assert published[0] == "notice_published.v1"
    rows = await catalog.suite.sql(
        "catalog",
        "select count(distinct occurred_at) as n from outbox where subject = any($1)",
        [f"listing:{listing_id}", f"notice:{found['notice_id']}"],
    )
    assert rows[0]["n"] == 2  # its publication before, and one transaction for all the rest


@pytest.mark.feature("C8")
@pytest.mark.clause("A11.5")
async def test_the_written_filing_afterwards_only_links(catalog: Catalog):
    listing_id, order, written = await catalog.publish(), uuid4(), uuid4()
    await catalog.tell(catalog.emergency(listing_id, order), f"filing:{order}")
    before = (await listing(catalog, listing_id)).text

    event = catalog.accepted(None, listing=listing_id, filing=written, kind="EMERGENCY_DELIST")
    await catalog.tell(event, f"filing:{written}")

    assert (await listing(catalog, listing_id)).text == before
    rows = await catalog.suite.sql(
        "catalog", "select state from listing_filings where filing_id = $1", written
    )
    assert rows[0]["state"] == "ACCEPTED"


@pytest.mark.feature("C1")
async def test_long_after_its_delisting_a_listing_is_gone(catalog: Catalog):
    listing_id = await catalog.publish()
    await catalog.decide("DELIST", content(), listing=listing_id)
    catalog.suite.clock.advance(timedelta(days=366))
    database: Database = catalog.suite.apps["catalog"].state.database
    archive = next(entry for entry in SCHEDULE if entry.name.endswith("archive_old"))

    await run_once(database, "catalog", archive)

    answer = await listing(catalog, listing_id)
    catalog.suite.clock.reset()
    assert answer.status_code == 410
    assert answer.json()["code"] == "listing_archived"
    assert (await catalog.told(f"listing:{listing_id}"))[-1][0] == "listing_archived.v1"
    assert await catalog.total("state=DELISTED&q=社会保险个人权益") == await catalog.total(
        "state=DELISTED&q=社会保险个人权益&limit=1"
    )


@pytest.mark.feature("C8")
async def test_an_emergency_also_stops_what_was_only_planned(catalog: Catalog):
    goes_live_at = catalog.suite.clock.now() + timedelta(days=2)
    listing_id = await catalog.publish(content(title="计划中的服务"), goes_live_at=goes_live_at)
    order = uuid4()

    await catalog.tell(catalog.emergency(listing_id, order), f"filing:{order}")
    catalog.suite.clock.advance(timedelta(days=3))
    await run_once(catalog.suite.apps["catalog"].state.database, "catalog", SCHEDULE[0])

    answer = await listing(catalog, listing_id)
    catalog.suite.clock.reset()
    assert answer.status_code == 404
    told = await catalog.told(f"listing:{listing_id}")
    assert [name for name, _ in told] == [
        "listing_scheduled.v1",
        "listing_suspended.v1",
        "listing_delisted.v1",
    ]
    notice = (await catalog.get(f"/v1/notices/{told[-1][1]['notice_id']}")).json()
    assert "计划中的服务" in notice["text"]


@pytest.mark.feature("E3")
async def test_an_update_that_arrives_after_a_later_delisting_changes_nothing(catalog: Catalog):
    listing_id = await catalog.publish()
    earlier = catalog.suite.clock.now()
    await catalog.decide("DELIST", content(), listing=listing_id)
    before = (await listing(catalog, listing_id)).text

    await catalog.decide(
        "UPDATE", content(title="迟到的更新"), listing=listing_id, accepted_at=earlier
    )

    assert (await listing(catalog, listing_id)).text == before


@pytest.mark.feature("E4")
async def test_an_order_about_an_unknown_listing_is_tried_again(catalog: Catalog):
    filing = uuid4()
    order = catalog.envelope(catalog.emergency(uuid4(), filing), f"filing:{filing}")

    (verdict,) = await catalog.hear(order)

    assert isinstance(verdict, Nak)
