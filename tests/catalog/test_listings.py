"""A listing's public life as filing's events move it, seen through the API."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.events.filing import (
    FilingAccepted,
    FilingLapsed,
    FilingRefused,
    FilingReturned,
    FilingWithdrawn,
)
from shared.messaging.inbox import Ack
from tests.catalog.province import (
    DONGHU_PLACE,
    NANCHANG_PLACE,
    Catalog,
    content,
    digest_of,
    listing,
)
from tests.suite import DONGHU, JIUJIANG, LABOUR, NANCHANG, OPERATOR, PROVINCE, eventually

FILING = UUID(int=0)


@pytest.mark.feature("C1")
@pytest.mark.clause("A11.1")
async def test_a_submitted_listing_is_a_draft_that_the_public_does_not_see(catalog: Catalog):
    listing_id = uuid4()

    filing = await catalog.submit(content(), listing=listing_id)

    assert (await listing(catalog, listing_id)).status_code == 404
    pending = (await catalog.get("/v1/pending-listings", LABOUR)).json()["items"]
    (mine,) = [each for each in pending if each["filing_id"] == str(filing)]
    assert (mine["state"], mine["listing_state"]) == ("SUBMITTED", "DRAFT")
    assert mine["department"] == "jx-rst"


@pytest.mark.feature("C1")
@pytest.mark.feature("C7")
@pytest.mark.clause("A11.1")
@pytest.mark.clause("A2.1")
@pytest.mark.clause("A2.2")
@pytest.mark.clause("A4.2")
async def test_an_accepted_listing_is_live_with_its_unit_type_and_entries(catalog: Catalog):
    listing_id = await catalog.publish()

    found = (await listing(catalog, listing_id)).json()

    assert found["state"] == "LISTED"
    assert found["version"] == 1
    assert found["digest"] == digest_of(content())
    assert found["item_type"] == "20"
    assert found["organisation_id"] == "jx-rst"
    assert found["organisation_name"] == "江西省人力资源和社会保障厅"
    assert {"COMPLAINT", "RATING"} < set(found["capabilities"])
    assert found["complaint_url"]
    assert found["rating_url"]
    assert found["listed_at"].endswith("+08:00")
    assert "operations_contact" not in found
    (told,) = await catalog.told(f"listing:{listing_id}")
    assert told[0] == "listing_published.v1"
    assert told[1]["digest"] == found["digest"]


@pytest.mark.feature("C7")
async def test_one_changed_character_is_refused_and_nothing_becomes_public(catalog: Catalog):
    document, listing_id = content(), uuid4()
    filing = await catalog.submit(document, listing=listing_id)
    changed = document.model_copy(update={"entry_url": document.entry_url + "x"})

    event = catalog.accepted(changed, listing=listing_id, filing=filing)
    event = event.model_copy(update={"digest": digest_of(document)})
    await catalog.tell(event, f"filing:{filing}")

    assert (await listing(catalog, listing_id)).status_code == 404
    (told,) = await catalog.told(f"listing:{listing_id}")
    assert told[0] == "listing_publication_refused.v1"
    assert told[1]["reason"] == "digest"
    assert told[1]["expected_digest"] == digest_of(document)
    assert told[1]["found_digest"] == digest_of(changed)


@pytest.mark.feature("C7")
async def test_a_changed_update_is_refused_and_the_old_version_stays(catalog: Catalog):
    listing_id = await catalog.publish()
    before = (await listing(catalog, listing_id)).text
    changed = content(title="社会保险权益记录")

    await catalog.decide("UPDATE", changed, listing=listing_id, digest=digest_of(content()))

    assert (await listing(catalog, listing_id)).text == before
    assert (await catalog.told(f"listing:{listing_id}"))[-1][1]["reason"] == "digest"


@pytest.mark.feature("C7")
@pytest.mark.clause("A11.2")
@pytest.mark.parametrize("place", [NANCHANG_PLACE, DONGHU_PLACE])
async def test_a_local_listing_without_confirmation_is_not_published(catalog: Catalog, place):
    refused = await catalog.publish(content(**place), confirmed_by=[])
    confirmed = await catalog.publish(content(**place), confirmed_by=["jx-rst"])

    assert (await listing(catalog, refused)).status_code == 404
    assert (await catalog.told(f"listing:{refused}"))[0][1]["reason"] == "confirmation_missing"
    assert (await listing(catalog, confirmed)).json()["region"] == place["region"]


@pytest.mark.clause("A5.4")
async def test_a_county_cannot_list_what_only_a_city_may(catalog: Catalog):
    refused = await catalog.publish(content(**{**DONGHU_PLACE, "kind": "STANDARD"}))

    assert (await listing(catalog, refused)).status_code == 404
    assert (await catalog.told(f"listing:{refused}"))[0][1]["reason"] == "county_scope"


@pytest.mark.feature("C7")
@pytest.mark.clause("A10.1")
@pytest.mark.parametrize(
    "changes",
    [
        {"item_code": "demo-none-1"},
        {"hall_id": "hall-none"},
        {"zone_id": "zone-none"},
        {"norm_version": "demo-9.9"},
        {"organisation_id": "jx-none"},
    ],
)
async def test_content_that_names_what_is_not_registered_is_refused(catalog: Catalog, changes):
    refused = await catalog.publish(content(**changes))

    assert (await listing(catalog, refused)).status_code == 404
    assert (await catalog.told(f"listing:{refused}"))[0][1]["reason"] == "reference_unknown"


@pytest.mark.feature("C1")
@pytest.mark.clause("A11.3")
async def test_an_accepted_update_is_a_new_version_and_the_old_one_stays_readable(
    catalog: Catalog,
):
    listing_id = await catalog.publish()
    changed = content(title="社保权益记录")

    filing = await catalog.decide("UPDATE", changed, listing=listing_id)

    found = (await listing(catalog, listing_id)).json()
    assert (found["version"], found["title"]) == (2, "社保权益记录")
    assert found["filing_id"] == str(filing)
    versions = (await catalog.get(f"/v1/listings/{listing_id}/versions", LABOUR)).json()["items"]
    assert [each["version"] for each in versions] == [1, 2]
    assert versions[0]["valid_to"] == versions[1]["valid_from"]
    assert versions[1]["valid_to"] is None
    assert versions[0]["content"]["title"] == content().title
    assert [name for name, _ in await catalog.told(f"listing:{listing_id}")] == [
        "listing_published.v1"
    ] * 2


async def test_versions_are_shown_to_their_unit_with_the_contact_masked(catalog: Catalog):
    listing_id = await catalog.publish(content(**NANCHANG_PLACE))
    path = f"/v1/listings/{listing_id}/versions"

    shown = (await catalog.get(path, NANCHANG)).json()["items"][0]["content"]

    assert shown["operations_contact"] == "值班电话 138****8000"
    assert (await catalog.get(path, OPERATOR)).status_code == 200
    assert (await catalog.get(path, JIUJIANG)).status_code == 404
    assert (await catalog.get(path, DONGHU)).status_code == 404
    assert (await catalog.get(path)).status_code == 403


@pytest.mark.feature("C1")
async def test_a_withdrawn_returned_or_lapsed_filing_leaves_a_draft(catalog: Catalog):
    returned, withdrawn = uuid4(), uuid4()
    first = await catalog.submit(content(), listing=returned)
    second = await catalog.submit(content(), listing=withdrawn)
    third = await catalog.submit(content(), listing=uuid4())

    await catalog.tell(
        FilingReturned(filing_id=first, filing_type="LISTING", clause="A10.3", round=1),
        f"filing:{first}",
    )
    await catalog.tell(FilingWithdrawn(filing_id=second, filing_type="LISTING"), f"filing:{second}")
    await catalog.tell(FilingLapsed(filing_id=third, filing_type="LISTING"), f"filing:{third}")

    pending = {
        each["filing_id"]: each["state"]
        for each in (await catalog.get("/v1/pending-listings?limit=100", PROVINCE)).json()["items"]
    }
    assert pending[str(first)] == "RETURNED"
    assert not {str(second), str(third)} & pending.keys()
    assert (await listing(catalog, returned)).status_code == 404


@pytest.mark.feature("C1")
async def test_a_planned_listing_waits_for_its_time_and_then_goes_live(catalog: Catalog):
    goes_live_at = catalog.suite.clock.now() + timedelta(days=2)
    listing_id = await catalog.publish(goes_live_at=goes_live_at)
    early = (await listing(catalog, listing_id)).status_code

    catalog.suite.clock.advance(timedelta(days=2, minutes=1))

    async def live():
        answer = await listing(catalog, listing_id)
        return answer.json() if answer.status_code == 200 else None

    found = await eventually(live)
    catalog.suite.clock.reset()
    assert early == 404
    assert found["state"] == "LISTED"
    assert [name for name, _ in await catalog.told(f"listing:{listing_id}")] == [
        "listing_scheduled.v1",
        "listing_published.v1",
    ]


async def test_a_planned_update_leaves_the_live_version_until_its_time(catalog: Catalog):
    listing_id = await catalog.publish()
    goes_live_at = catalog.suite.clock.now() + timedelta(days=2)

    await catalog.decide(
        "UPDATE", content(title="以后的标题"), listing=listing_id, goes_live_at=goes_live_at
    )

    assert (await listing(catalog, listing_id)).json()["title"] == content().title
    catalog.suite.clock.advance(timedelta(days=3))

    async def changed():
        return (await listing(catalog, listing_id)).json()["title"] == "以后的标题"

    await eventually(changed)
    catalog.suite.clock.reset()


@pytest.mark.feature("E3")
async def test_each_event_heard_twice_is_heard_once(catalog: Catalog):
    document, listing_id, filing, order = content(), uuid4(), uuid4(), uuid4()
    submitted = await catalog.submit(document, listing=listing_id, filing=filing)
    accepted = catalog.envelope(
        catalog.accepted(document, listing=listing_id, filing=submitted), f"filing:{filing}"
    )
    closed = catalog.envelope(catalog.emergency(listing_id, order), f"filing:{order}")

    verdicts = await catalog.hear(accepted, closed, accepted, closed)
    verdicts += await catalog.hear(closed, accepted)

    assert verdicts == [Ack()] * 6
    names = [name for name, _ in await catalog.told(f"listing:{listing_id}")]
    assert names == ["listing_published.v1", "listing_suspended.v1", "listing_delisted.v1"]
    rows = await catalog.suite.sql(
        "catalog", "select count(*) as n from listing_versions where listing_id = $1", listing_id
    )
    assert rows[0]["n"] == 1


@pytest.mark.feature("E3")
@pytest.mark.parametrize(
    ("event", "state"),
    [
        (
            FilingReturned(filing_id=FILING, filing_type="LISTING", clause="A10.3", round=1),
            "RETURNED",
        ),
        (FilingRefused(filing_id=FILING, department="jx-rst", clause="A11.2"), "REFUSED"),
        (FilingWithdrawn(filing_id=FILING, filing_type="LISTING"), "WITHDRAWN"),
        (FilingLapsed(filing_id=FILING, filing_type="LISTING"), "LAPSED"),
    ],
)
async def test_progress_heard_twice_is_heard_once(catalog: Catalog, event, state):
    filing, listing_id = uuid4(), uuid4()
    submitted = catalog.envelope(
        catalog.submitted(content(), listing=listing_id, filing=filing), f"filing:{filing}"
    )
    progress = catalog.envelope(event.model_copy(update={"filing_id": filing}), f"filing:{filing}")

    verdicts = await catalog.hear(submitted, progress, submitted)
    verdicts += await catalog.hear(progress, submitted)

    assert verdicts == [Ack()] * 5
    rows = await catalog.suite.sql(
        "catalog", "select state from listing_filings where listing_id = $1", listing_id
    )
    assert [row["state"] for row in rows] == [state]
    drafts = await catalog.suite.sql(
        "catalog", "select state from listings where id = $1", listing_id
    )
    assert [row["state"] for row in drafts] == ["DRAFT"]


async def test_a_filing_of_another_type_is_no_matter_of_the_catalog_s(catalog: Catalog):
    filing = uuid4()
    event = FilingAccepted(
        filing_id=filing,
        filing_type="MAINTENANCE",
        organisation_id="jx-rst",
        listing_id=None,
        item_code=None,
        digest="sha-256:0",
        accepted_at=catalog.suite.clock.now(),
    )

    await catalog.tell(event, f"filing:{filing}")

    rows = await catalog.suite.sql(
        "catalog", "select 1 from listing_filings where filing_id = $1", filing
    )
    assert rows == []


@pytest.mark.feature("API4")
async def test_a_listing_has_an_entity_tag_and_answers_304(catalog: Catalog):
    listing_id = await catalog.publish()
    first = await listing(catalog, listing_id)

    again = await catalog.get(f"/v1/listings/{listing_id}", if_none_match=first.headers["etag"])

    assert again.status_code == 304
    assert again.content == b""
