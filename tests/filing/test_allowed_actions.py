"""What a filing says that one may do is what this very caller may do (F6, C2, A15.5)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from shared.clock import SHANGHAI
from shared.security.identity import Actor
from tests.filing.test_four_eyes import RETURN, accept, approvals, delegated
from tests.filing.test_partners import active, force_out, listing
from tests.filing.world import World, refusal
from tests.suite import HEALTH_INSURANCE, LABOUR, NANCHANG, PROVINCE, officer

DECIDES = ["ACCEPT", "RETURN"]


async def shown(world: World, actor: Actor, filing: dict[str, Any]) -> list[str]:
    found: list[str] = (await world.ok(actor, "GET", f"/v1/filings/{filing['id']}"))[
        "allowed_actions"
    ]
    return found


@pytest.mark.feature("F6")
async def test_whoever_filed_is_shown_no_decision_under_any_alias(world: World):
    filing = await world.file(officer(LABOUR, "shown-filer"))
    client = replace(PROVINCE, client_id="officers", subject="officers")
    helper, other = officer(PROVINCE, "shown-helper"), officer(PROVINCE, "shown-other")
    await delegated(world, officer(PROVINCE, "shown-filer"), helper)

    found = {
        "the same person": await shown(world, officer(PROVINCE, "shown-filer"), filing),
        "the person's delegate": await shown(world, helper, filing),
        "the person's client": await shown(world, client, filing),
        "somebody else": await shown(world, other, filing),
        "a system of another client": await shown(world, PROVINCE, filing),
    }

    assert found == {
        "the same person": [],
        "the person's delegate": [],
        "the person's client": [],
        "somebody else": DECIDES,
        "a system of another client": DECIDES,
    }
    assert refusal(await accept(world, helper, filing)) == (403, "own_filing")


@pytest.mark.feature("F6")
async def test_who_has_approved_already_is_shown_no_second_approval(world: World):
    one, two = officer(PROVINCE, "shown-one"), officer(PROVINCE, "shown-two")
    filing = await world.file(LABOUR)
    await approvals(world, 2)

    first = await accept(world, one, filing)

    found = {
        "one": await shown(world, one, filing),
        "two": await shown(world, two, filing),
        "a system": await shown(world, PROVINCE, filing),
    }
    await approvals(world, 1)
    assert first.json()["allowed_actions"] == ["RETURN"]
    assert found == {"one": ["RETURN"], "two": DECIDES, "a system": ["RETURN"]}


@pytest.mark.feature("F6")
@pytest.mark.clause("A11.2")
async def test_a_department_that_has_confirmed_is_not_asked_again(world: World):
    filing = await world.file(NANCHANG)
    before = await shown(world, HEALTH_INSURANCE, filing)

    confirmed = await world.confirm(filing)

    assert before == ["CONFIRM", "REFUSE"]
    assert confirmed["allowed_actions"] == []


async def test_a_token_without_the_scope_is_shown_nothing_it_could_not_call(world: World):
    filing = await world.file(LABOUR)
    reader = replace(PROVINCE, scopes=frozenset({"filing:read"}))

    found = await shown(world, reader, filing)

    assert found == []
    assert refusal(
        await world.call(reader, "POST", f"/v1/filings/{filing['id']}/return", RETURN)
    ) == (403, "scope_missing")


@pytest.mark.clause("A15.5")
async def test_a_partner_that_was_forced_out_may_only_take_its_drafts_back(world: World):
    who = await active(world, "partner-shown", 140)
    draft = await world.ok(who, "POST", "/v1/filings", {**listing(world, who), "submit": False})
    before = await shown(world, who, draft)

    await force_out(world, who)

    assert before == ["REVISE", "SUBMIT", "WITHDRAW"]
    assert await shown(world, who, draft) == ["WITHDRAW"]


@pytest.mark.clause("A15.2")
async def test_a_partner_whose_agreement_is_over_is_not_shown_that_it_may_send(world: World):
    who = await active(world, "partner-past", 141)
    draft = await world.ok(who, "POST", "/v1/filings", {**listing(world, who), "submit": False})
    world.suite.clock.set(datetime(2028, 1, 3, 10, tzinfo=SHANGHAI))

    found = await shown(world, who, draft)

    sent = await world.call(who, "POST", f"/v1/filings/{draft['id']}/submission", {})
    assert found == ["REVISE", "WITHDRAW"]
    assert refusal(sent) == (403, "partner_not_active")
