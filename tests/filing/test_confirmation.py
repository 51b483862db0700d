"""Two parties, either order, one digest: what goes live is what was filed, tested and confirmed."""

import asyncio
from datetime import timedelta

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import DONGHU, HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, OPERATOR, PROVINCE

_MINUTE = timedelta(minutes=1)


@pytest.mark.feature("C7")
@pytest.mark.clause("A11.2")
async def test_no_role_can_publish_a_city_listing_without_the_departments_confirmation(
    world: World,
):
    filing = await world.file(NANCHANG)
    place = f"/v1/filings/{filing['id']}/acceptance"

    answers = {
        actor.role: refusal(await world.call(actor, "POST", place, {}))
        for actor in (PROVINCE, OPERATOR, NANCHANG, DONGHU, HEALTH_INSURANCE)
    }

    assert answers[PROVINCE.role] == (409, "illegal_step")
    assert {code for _, code in answers.values()} == {"illegal_step", "operation_forbidden"}
    assert filing["departments"] == ["jx-ybj"]
    assert filing["due_for"] == "CONFIRMATION"
    assert await world.facts(f"filing:{filing['id']}") == ["submitted"]


@pytest.mark.feature("C7")
async def test_an_early_acceptance_names_what_may_be_done(world: World):
    filing = await world.file(NANCHANG)

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{filing['id']}/acceptance", {})

    assert answer.json()["allowed"] == ["RETURN"]


@pytest.mark.feature("F2")
@pytest.mark.clause("A11.2")
async def test_the_city_may_come_first(world: World):
    filing = await world.file(NANCHANG)
    body = _version(filing["item_code"], filing["digest"])

    given = await world.ok(HEALTH_INSURANCE, "POST", "/v1/confirmations", body)

    found = await world.ok(NANCHANG, "GET", f"/v1/filings/{filing['id']}")
    assert given["filing_id"] == filing["id"]
    assert (found["state"], found["confirmed_by"]) == ("CONFIRMED", ["jx-ybj"])
    assert found["due_for"] == "REVIEW"
    assert await world.facts(f"filing:{filing['id']}") == ["submitted", "confirmed"]


@pytest.mark.feature("F2")
@pytest.mark.clause("A11.2")
async def test_the_department_may_come_first(world: World):
    body = world.listing_body(NANCHANG)
    version = _version("demo-ybj-001", body["self_test"]["digest"])
    waiting = await world.ok(HEALTH_INSURANCE, "POST", "/v1/confirmations", version)

    filing = await world.ok(NANCHANG, "POST", "/v1/filings", body)

    assert waiting["filing_id"] is None
    assert (filing["state"], filing["confirmed_by"]) == ("CONFIRMED", ["jx-ybj"])
    assert (filing["history"][-1]["action"], filing["history"][-1]["organisation"]) == (
        "CONFIRM",
        "jx-ybj",
    )
    told = (await world.events(f"filing:{filing['id']}"))[-1]
    assert told == ("confirmed", told[1])
    assert told[1]["complete"] is True
    [matched] = (await world.ok(NANCHANG, "GET", f"/v1/confirmations?digest={filing['digest']}"))[
        "items"
    ]
    assert matched["filing_id"] == filing["id"]


@pytest.mark.feature("F2")
async def test_both_at_once_still_match(world: World):
    bodies = [world.listing_body(NANCHANG) for _ in range(8)]

    await asyncio.gather(
        *(world.ok(NANCHANG, "POST", "/v1/filings", body) for body in bodies),
        *(
            world.ok(
                HEALTH_INSURANCE,
                "POST",
                "/v1/confirmations",
                _version("demo-ybj-001", body["self_test"]["digest"]),
            )
            for body in bodies
        ),
    )

    rows = await world.suite.sql(
        "filing",
        "select state from filings where digest = any($1)",
        [body["self_test"]["digest"] for body in bodies],
    )
    [server] = await world.suite.sql(
        "filing", "select deadlocks from pg_stat_database where datname = current_database()"
    )
    assert [row["state"] for row in rows] == ["CONFIRMED"] * 8
    assert server["deadlocks"] == 0


@pytest.mark.feature("F2")
async def test_a_department_confirms_a_version_once_and_only_its_own_items(world: World):
    filing = await world.file(NANCHANG)
    body = _version(filing["item_code"], filing["digest"])

    foreign = await world.call(LABOUR, "POST", "/v1/confirmations", body)
    await world.ok(HEALTH_INSURANCE, "POST", "/v1/confirmations", body)
    again = await world.call(
        HEALTH_INSURANCE, "POST", f"/v1/filings/{filing['id']}/confirmation", {}
    )
    early = _version("demo-ybj-001", "sha-256:" + "12" * 32)
    await world.ok(HEALTH_INSURANCE, "POST", "/v1/confirmations", early)
    twice = await world.call(HEALTH_INSURANCE, "POST", "/v1/confirmations", early)
    unknown = await world.call(
        HEALTH_INSURANCE, "POST", "/v1/confirmations", {**body, "item_code": "demo-none"}
    )

    assert refusal(foreign) == (403, "outside_remit")
    assert foreign.json()["clause"] == "A11.2"
    assert refusal(again) == (409, "illegal_step")
    assert refusal(twice) == (409, "already_confirmed")
    assert refusal(unknown) == (422, "item_unknown")


@pytest.mark.feature("C7")
async def test_one_changed_byte_sends_it_back_to_self_test_and_confirmation(world: World):
    filing = await world.file(NANCHANG)
    place = f"/v1/filings/{filing['id']}"
    await world.confirm(filing)
    await world.ok(
        PROVINCE,
        "POST",
        f"{place}/return",
        {"clause": "A10.3", "opinion": "标题有误", "evidence": EVIDENCE},
    )
    changed = {**filing["content"], "title": filing["content"]["title"] + "。"}

    revised = await world.ok(
        NANCHANG,
        "PUT",
        place,
        {"filing_type": "LISTING", "content": changed, "self_test": filing["self_test"]},
    )
    untested = await world.call(NANCHANG, "POST", f"{place}/submission", {})
    fresh = world.self_test(revised["digest"])
    sent = await world.ok(NANCHANG, "POST", f"{place}/submission", {"self_test": fresh})
    early = await world.call(PROVINCE, "POST", f"{place}/acceptance", {})

    assert revised["digest"] != filing["digest"]
    assert revised["confirmed_by"] == []
    assert refusal(untested) == (422, "self_test_for_another_version")
    assert (sent["state"], sent["round"], sent["confirmed_by"]) == ("SUBMITTED", 2, [])
    assert refusal(early) == (409, "illegal_step")


@pytest.mark.feature("C7")
async def test_a_confirmation_of_the_same_bytes_still_counts_after_a_return(world: World):
    filing = await world.file(NANCHANG)
    place = f"/v1/filings/{filing['id']}"
    await world.confirm(filing)
    await world.ok(
        PROVINCE,
        "POST",
        f"{place}/return",
        {"clause": "A10.3", "opinion": "附件不全", "evidence": EVIDENCE},
    )

    sent = await world.ok(
        NANCHANG, "POST", f"{place}/submission", {"self_test": world.self_test(filing["digest"])}
    )

    assert (sent["state"], sent["round"]) == ("CONFIRMED", 2)


@pytest.mark.feature("C7")
@pytest.mark.parametrize(
    "tampered",
    [
        "update filings set content = jsonb_set(content, '{entry_url}', '\"https://x.invalid/\"')",
        "update filings set self_test = jsonb_set(self_test, '{digest}', '\"sha-256:00\"')",
        "update confirmations set digest = 'sha-256:00'",
        "update filing_rounds set digest = 'sha-256:00'",
    ],
    ids=["content", "self-test", "confirmation", "what was sent"],
)
async def test_what_differs_from_what_was_filed_is_not_accepted(world: World, tampered: str):
    filing = await world.file(NANCHANG)
    await world.confirm(filing)
    key = "id" if tampered.startswith("update filings") else "filing_id"
    await world.suite.sql("filing", f"{tampered} where {key} = $1", filing["id"])

    answer = await world.call(PROVINCE, "POST", f"/v1/filings/{filing['id']}/acceptance", {})

    assert refusal(answer) == (409, "digest_mismatch")
    assert "accepted" not in await world.facts(f"filing:{filing['id']}")


@pytest.mark.clause("A11.2")
async def test_a_refusal_is_corrected_in_the_same_thread(world: World):
    filing = await world.file(NANCHANG)
    place = f"/v1/filings/{filing['id']}"

    refused = await world.ok(
        HEALTH_INSURANCE,
        "POST",
        f"{place}/refusal",
        {"clause": "A11.2", "opinion": "数据范围过大", "evidence": EVIDENCE},
    )
    body = world.listing_body(NANCHANG)
    body.pop("submit")
    await world.ok(NANCHANG, "PUT", place, body)
    sent = await world.ok(NANCHANG, "POST", f"{place}/submission", {})

    assert (refused["state"], refused["due_for"]) == ("REFUSED", "CORRECTION")
    assert (sent["state"], sent["round"], sent["due_for"]) == ("SUBMITTED", 2, "CONFIRMATION")
    assert await world.facts(f"filing:{filing['id']}") == ["submitted", "refused", "submitted"]


@pytest.mark.clause("A11.2")
async def test_a_department_that_is_silent_is_reminded_and_reported_and_nothing_is_confirmed(
    world: World,
):
    filing = await world.file(NANCHANG)

    await world.sweep_at("2026-03-12T10:00:00+08:00")

    found = await world.ok(PROVINCE, "GET", f"/v1/filings/{filing['id']}")
    told = await world.events(f"filing:{filing['id']}")
    assert [fact for fact, _ in told] == ["submitted", "reminded", "reminded", "overdue"]
    assert told[-1][1]["departments"] == ["jx-ybj"]
    assert found["state"] == "SUBMITTED"
    assert found["overdue_at"] is not None


async def test_an_accepted_listing_counts_its_confirmation_as_used(world: World):
    filing = await world.live(NANCHANG)
    await world.delist(filing["listing_id"], filing["id"])
    world.suite.clock.advance(_MINUTE)
    relisting = {
        "filing_type": "LISTING",
        "listing_id": filing["listing_id"],
        "content": filing["content"],
        "submit": True,
    }

    stale = await world.call(
        NANCHANG, "POST", "/v1/filings", {**relisting, "self_test": filing["self_test"]}
    )
    fresh = await world.ok(
        NANCHANG,
        "POST",
        "/v1/filings",
        {**relisting, "self_test": world.self_test(filing["digest"])},
    )

    assert refusal(stale) == (422, "self_test_outdated")
    assert (fresh["state"], fresh["confirmed_by"]) == ("SUBMITTED", [])


async def test_confirmations_are_seen_by_their_department_and_the_filer(world: World):
    filing = await world.file(NANCHANG)
    await world.confirm(filing)
    path = f"/v1/confirmations?digest={filing['digest']}"

    seen = {
        actor.organisation: len((await world.ok(actor, "GET", path))["items"])
        for actor in (HEALTH_INSURANCE, NANCHANG, PROVINCE, JIUJIANG, LABOUR)
    }

    assert seen == {
        "jx-ybj": 1,
        "city-360100": 1,
        "jx-zwfw": 1,
        "city-360400": 0,
        "jx-rst": 0,
    }


def _version(item_code: str, digest: str) -> dict[str, str]:
    return {"item_code": item_code, "digest": digest, "opinion": "同意上架"}
