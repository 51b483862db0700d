"""Partners: listed while approved, in touch with the operator, forced out as a whole (A15)."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events.filing import PartnerApproved, PartnerForcedOut
from shared.messaging.inbox import Nak
from tests.catalog.province import Catalog, content, organisation
from tests.suite import JIUJIANG, MINI_APP, NANCHANG, OPERATOR, PROVINCE


async def registered(catalog: Catalog) -> str:
    """A partner in the register, not approved yet."""
    id_ = f"partner-{uuid4().hex[:8]}"
    body = organisation(id_, f"第三方合作方 {id_}", "PARTNER", "36", "jx-zwfw")
    assert (await catalog.send("POST", "/v1/organisations", body)).status_code == 201
    return id_


async def approve(catalog: Catalog, partner: str, until: str = "2099-12-31") -> PartnerApproved:
    event = PartnerApproved(
        filing_id=uuid4(),
        partner_id=partner,
        organisation_id=partner,
        uscc="91360100DEMO00000X",
        supervising_organisation="city-360100",
        data_scope=["姓名"],
        valid_until=date.fromisoformat(until),
        approved_at=catalog.suite.clock.now(),
    )
    await catalog.tell(event, f"partner:{partner}")
    return event


async def force_out(catalog: Catalog, partner: str) -> PartnerForcedOut:
    event = PartnerForcedOut(
        filing_id=uuid4(),
        partner_id=partner,
        organisation_id=partner,
        cause="PUBLIC_OPINION",
        decided_at=catalog.suite.clock.now(),
    )
    await catalog.tell(event, f"partner:{partner}")
    return event


def service(partner: str, **changes: Any):
    return content(organisation_id=partner, zone_id=None, **changes)


async def shown(catalog: Catalog, listing: UUID) -> dict[str, Any]:
    found: dict[str, Any] = (await catalog.get(f"/v1/listings/{listing}")).json()
    return found


async def liaison(catalog: Catalog, partner: str) -> dict[str, Any]:
    answer = await catalog.get(f"/v1/partner-liaisons/{partner}", PROVINCE)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.clause("A15.5")
@pytest.mark.clause("A15.4")
async def test_a_partner_forced_out_loses_every_listing_by_one_decision_with_one_notice(
    catalog: Catalog,
):
    partner = await registered(catalog)
    await approve(catalog, partner)
    live = [await catalog.publish(service(partner, title=f"合作服务 {n}")) for n in range(3)]
    planned = await catalog.publish(
        service(partner), goes_live_at=catalog.suite.clock.now().replace(year=2090)
    )
    other = await catalog.publish(content(title="别家的服务"))

    event = await force_out(catalog, partner)

    after = [await shown(catalog, listing) for listing in live]
    assert {each["state"] for each in after} == {"DELISTED"}
    (notice_id,) = {each["notice_id"] for each in after}
    notice = (await catalog.get(f"/v1/notices/{notice_id}")).json()
    assert notice["kind"] == "FORCED_EXIT"
    assert notice["filing_id"] == str(event.filing_id)
    assert set(notice["listing_ids"]) == {str(each) for each in [*live, planned]}
    assert partner in notice["title"]
    assert (await shown(catalog, other))["state"] == "LISTED"
    for listing in live:
        name, told = (await catalog.told(f"listing:{listing}"))[-1]
        assert (name, told["forced_exit"], told["emergency"]) == (
            "listing_delisted.v1",
            True,
            False,
        )
        seen = await catalog.get(
            f"/v1/listing-changes?from=2026-01-01T00:00:00Z&listing={listing}&limit=100"
        )
        assert seen.json()["items"][-1]["cause"] == {
            "kind": "FORCED_EXIT",
            "id": str(event.filing_id),
        }
    rows = await catalog.suite.sql(
        "catalog",
        "select state, count(distinct xmin::text) as writers from listings"
        " where organisation_id = $1 group by state",
        partner,
    )
    assert [(row["state"], row["writers"]) for row in rows] == [("DELISTED", 1)]
    assert (await liaison(catalog, partner))["state"] == "FORCED_OUT"
    assert (await liaison(catalog, partner))["live_listings"] == 0


@pytest.mark.clause("A15.5")
@pytest.mark.feature("E3")
async def test_an_exit_heard_twice_counts_once(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    listing = await catalog.publish(service(partner))
    event = await force_out(catalog, partner)
    told = await catalog.told(f"listing:{listing}")
    size = await catalog.outbox_size()

    await catalog.tell(event, f"partner:{partner}")

    assert await catalog.told(f"listing:{listing}") == told
    assert await catalog.outbox_size() == size


@pytest.mark.clause("A15.5")
async def test_nothing_of_a_partner_goes_live_after_its_exit(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    document, listing = service(partner), uuid4()
    filing = await catalog.submit(document, listing=listing)
    await force_out(catalog, partner)
    await approve(catalog, partner)  # an approval that was on its way

    accepted = catalog.accepted(document, listing=listing, filing=filing)
    await catalog.tell(accepted, f"filing:{filing}")

    assert (await catalog.get(f"/v1/listings/{listing}")).status_code == 404
    name, told = (await catalog.told(f"listing:{listing}"))[-1]
    assert (name, told["reason"]) == ("listing_publication_refused.v1", "partner_not_active")


@pytest.mark.clause("A15.5")
async def test_a_publication_and_an_exit_at_once_leave_nothing_live(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    documents = [service(partner, title=f"同时 {n}") for n in range(4)]
    listings = [uuid4() for _ in documents]
    filings = [
        await catalog.submit(document, listing=listing)
        for document, listing in zip(documents, listings, strict=True)
    ]

    async def accept(place: int) -> None:
        event = catalog.accepted(documents[place], listing=listings[place], filing=filings[place])
        await catalog.tell(event, f"filing:{filings[place]}")

    await asyncio.gather(*(accept(place) for place in range(2)), force_out(catalog, partner))
    await asyncio.gather(*(accept(place) for place in range(2, 4)))

    live = await catalog.get(f"/v1/listings?organisation={partner}&state=LISTED")
    assert live.json()["total"] == 0


@pytest.mark.clause("A15.2")
async def test_a_partner_is_listed_only_while_its_approval_holds(catalog: Catalog):
    partner = await registered(catalog)
    early = await catalog.publish(service(partner))
    await approve(catalog, partner, until="2026-01-31")
    over = await catalog.publish(service(partner))
    await approve(catalog, partner)
    renewed = await catalog.publish(service(partner))

    states = [
        (await catalog.get(f"/v1/listings/{listing}")).status_code
        for listing in (early, over, renewed)
    ]

    assert states == [404, 404, 200]


@pytest.mark.feature("E3")
async def test_an_approval_heard_twice_counts_once(catalog: Catalog):
    partner = await registered(catalog)
    event = await approve(catalog, partner)

    await catalog.tell(event, f"partner:{partner}")

    assert (await liaison(catalog, partner))["version"] == 1


async def test_what_concerns_an_unknown_partner_waits_to_be_tried_again(catalog: Catalog):
    event = PartnerForcedOut(
        filing_id=uuid4(),
        partner_id="partner-nowhere",
        organisation_id="partner-nowhere",
        cause="PUBLIC_OPINION",
        decided_at=catalog.suite.clock.now(),
    )

    (verdict,) = await catalog.hear(catalog.envelope(event, "partner:partner-nowhere"))

    assert isinstance(verdict, Nak)


async def person(catalog: Catalog, unit: str, **changes: Any) -> str:
    body = {
        "organisation_id": unit,
        "domain": "OPERATION",
        "name": "演示联络人",
        "phone": f"199{uuid4().int % 10**8:08}",
        "valid_from": "2025-08-04",
        "valid_to": None,
        **changes,
    }
    made = await catalog.send("POST", "/v1/responsible-persons", body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


@pytest.mark.clause("A15.1")
@pytest.mark.clause("A15.3")
async def test_a_partner_shows_its_supervising_level_and_its_liaison_pair(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    await catalog.publish(service(partner))
    pair = {
        "partner_person_id": await person(catalog, partner),
        "operator_person_id": await person(catalog, "operator"),
    }

    named = await catalog.send(
        "PUT", f"/v1/partner-liaisons/{partner}", pair, OPERATOR, if_match="*"
    )

    assert named.status_code == 200, named.text
    found = await liaison(catalog, partner)
    assert found == named.json()
    assert found.items() >= pair.items()
    assert (found["supervising_organisation"], found["supervising_level"]) == (
        "city-360100",
        "CITY",
    )
    assert (found["live_listings"], found["version"]) == (1, 2)
    assert await catalog.told(f"partner:{partner}") == [
        ("partner_liaison_named.v1", {"partner_id": partner, **pair})
    ]


@pytest.mark.clause("A15.3")
async def test_the_pair_is_one_person_of_each_side_on_duty(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    theirs, ours = await person(catalog, partner), await person(catalog, "operator")
    gone = await person(catalog, partner, valid_to="2025-12-31")
    path = f"/v1/partner-liaisons/{partner}"

    async def flaws(theirs: str, ours: str) -> list[str]:
        body = {"partner_person_id": theirs, "operator_person_id": ours}
        answer = await catalog.send("PUT", path, body, OPERATOR, if_match="*")
        assert answer.status_code == 422
        assert {each["code"] for each in answer.json()["errors"]} == {"liaison_unfit"}
        return [each["pointer"] for each in answer.json()["errors"]]

    assert await flaws(ours, theirs) == ["/partner_person_id", "/operator_person_id"]
    assert await flaws(gone, ours) == ["/partner_person_id"]
    assert await flaws(theirs, str(uuid4())) == ["/operator_person_id"]


@pytest.mark.clause("A4.1")
async def test_partners_are_shown_inside_the_remit(catalog: Catalog):
    partner = await registered(catalog)
    await approve(catalog, partner)
    path = f"/v1/partner-liaisons/{partner}"

    for actor in (NANCHANG, JIUJIANG):
        assert (await catalog.get(path, actor)).json()["code"] == "partner_unlisted"
        listed = (await catalog.get("/v1/partner-liaisons", actor)).json()["items"]
        assert partner not in {each["partner_id"] for each in listed}
    assert (await catalog.get(path, MINI_APP)).status_code == 403
    supervised = await catalog.get(
        "/v1/partner-liaisons?supervising=city-360100&limit=100", PROVINCE
    )
    assert partner in {each["partner_id"] for each in supervised.json()["items"]}
    body = {"partner_person_id": str(uuid4()), "operator_person_id": str(uuid4())}
    refused = await catalog.send("PUT", path, body, NANCHANG, if_match="*")
    assert refused.json()["code"] == "operation_forbidden"
