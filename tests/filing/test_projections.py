"""What catalog and monitoring tell arrives once, in its order, however often it is delivered."""

import uuid
from datetime import UTC, date, datetime

import pytest

from services.filing.commands import chase_vacancies
from services.filing.event_handlers import HANDLERS
from shared.events import catalog, monitoring
from shared.events.envelope import Event
from shared.messaging.handling import Received
from shared.security.identity import system
from tests.filing.world import MONDAY, World, calendar_event
from tests.suite import LABOUR, NANCHANG

NOW = datetime(2026, 3, 2, tzinfo=UTC)
TABLES = (
    "known_organisations",
    "known_halls",
    "known_zones",
    "known_norms",
    "known_items",
    "known_persons",
    "known_liaisons",
    "obligations",
    "live_listings",
    "filings",
    "calendar_years",
    "calendar_days",
    "filing_history",
    "emergency_delistings",
    "outbox",
)
IDS = {
    name: uuid.uuid5(uuid.NAMESPACE_URL, name)
    for name in ("listing", "filing", "notice", "gone", "person", "incident")
}


def _published(version: int = 1) -> catalog.ListingPublished:
    return catalog.ListingPublished(
        listing_id=IDS["listing"],
        filing_id=IDS["filing"],
        item_code="demo-rst-001",
        organisation_id="jx-rst",
        hall_id="hall-36",
        zone_id=None,
        kind="STANDARD",
        title="参保查询",
        version=version,
        digest="sha-256:00",
        entry_url="https://entry.example.invalid/",
        listed_at=NOW,
    )


EVENTS: list[Event] = [
    catalog.OrganisationRegistered(
        organisation_id="jx-new", name="新", kind="PROVINCIAL_DEPARTMENT", region="36", parent=None
    ),
    catalog.OrganisationClosed(organisation_id="jx-new"),
    catalog.ResponsiblePersonNamed(
        person_id=IDS["person"],
        organisation_id="jx-new",
        domain="OPERATION",
        valid_from=date(2025, 1, 1),
        valid_to=None,
    ),
    catalog.PartnerLiaisonNamed(
        partner_id="partner-new",
        partner_person_id=IDS["person"],
        operator_person_id=IDS["gone"],
    ),
    catalog.HallRegistered(
        hall_id="hall-new",
        name="新",
        level="city",
        region="360400",
        organisation_id="city-360400",
        parent=None,
        state="ACTIVE",
    ),
    catalog.ZoneRegistered(zone_id="zone-new", name="新", hall_id="hall-new", department="jx-new"),
    catalog.NormIssued(version="n-1", title="新", effective_from=date(2025, 1, 1), checklist=["1"]),
    catalog.ItemRegistered(
        item_code="demo-new",
        name="新",
        item_type="20",
        level="3",
        department="jx-new",
        active=True,
    ),
    calendar_event(2026, version=2),
    _published(),
    catalog.ListingSuspended(listing_id=IDS["listing"], filing_id=None, notice_id=None),
    catalog.ListingDelisted(
        listing_id=IDS["listing"],
        filing_id=IDS["filing"],
        emergency=False,
        notice_id=None,
        delisted_at=NOW,
    ),
    catalog.ListingPublicationRefused(
        listing_id=IDS["listing"],
        filing_id=IDS["gone"],
        expected_digest="sha-256:00",
        found_digest="sha-256:01",
    ),
    catalog.NoticePublished(
        notice_id=IDS["notice"],
        kind="EMERGENCY_DELIST",
        listing_ids=[IDS["listing"]],
        filing_id=IDS["filing"],
        published_at=NOW,
        expires_at=None,
    ),
    monitoring.IncidentGraded(
        incident_id=IDS["incident"],
        kind="FAULT",
        organisation_id="jx-new",
        listing_id=None,
        severity="MAJOR",
        previous="GENERAL",
        started_at=MONDAY,
        detected_at=MONDAY,  # earlier, and the sweep would record the breach in between
        graded_at=MONDAY,
    ),
]


async def _snapshot(world: World) -> dict[str, list[object]]:
    return {
        table: [
            tuple(row.values())
            for row in await world.suite.sql("filing", f"select * from {table} order by 1, 2")  # noqa: S608 fixed names
        ]
        for table in TABLES
    }


def test_every_handler_has_its_handled_twice_case():
    assert {type(event) for event in EVENTS} == set(HANDLERS)


@pytest.mark.feature("E3")
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
async def test_handling_an_event_twice_equals_handling_it_once(world: World, event: Event):
    """Past the inbox too: the handler itself, twice."""
    if not isinstance(event, catalog.OrganisationRegistered):
        await _handle(world, EVENTS[0])
    if isinstance(event, catalog.ResponsiblePersonNamed):
        await world.run(chase_vacancies)  # so that naming somebody pays what is owed
    if isinstance(event, (catalog.ListingSuspended, catalog.ListingDelisted)):
        await _handle(world, _published())
    event = await _about_something(world, event)
    await _handle(world, event)
    once = await _snapshot(world)

    await _handle(world, event)

    assert await _snapshot(world) == once


async def _about_something(world: World, event: Event) -> Event:
    """The same fact about a filing or an order that exists."""
    if isinstance(event, catalog.ListingPublicationRefused):
        filing = await world.file(LABOUR)
        return event.model_copy(update={"filing_id": uuid.UUID(filing["id"])})
    if isinstance(event, catalog.NoticePublished):
        live = await world.live(NANCHANG)
        order = await world.order(NANCHANG, live["listing_id"])
        return event.model_copy(update={"filing_id": uuid.UUID(order["id"])})
    return event


async def _handle(world: World, event: Event) -> None:
    received = Received(
        event=event,
        subject="test",
        region="36",
        sequence=1,
        occurred_at=NOW,
        id=uuid.uuid4(),
        source="catalog",
    )
    database = world.suite.apps["filing"].state.database
    async with database.transaction(system("filing"), whole_province=True) as tx:
        await HANDLERS[type(event)](tx, received)


@pytest.mark.feature("E3")
async def test_the_inbox_applies_a_delivery_once(world: World):
    listing = uuid.uuid4()
    suspended = catalog.ListingSuspended(listing_id=listing, filing_id=None, notice_id=None)
    published = _published().model_copy(update={"listing_id": listing})

    await world.tell(published, f"listing:{listing}", times=3)
    await world.tell(suspended, f"listing:{listing}", times=3)

    [row] = await world.suite.sql(
        "filing", "select state, version from live_listings where id = $1", listing
    )
    assert (row["state"], row["version"]) == ("SUSPENDED", 1)


async def test_a_closed_organisation_cannot_file_and_a_renewed_one_can(world: World):
    closed = catalog.OrganisationClosed(organisation_id="jx-rst")
    known = catalog.OrganisationRegistered(
        organisation_id="jx-rst",
        name="人社",
        kind="PROVINCIAL_DEPARTMENT",
        region="36",
        parent=None,
    )

    await world.tell(closed, "organisation:jx-rst")
    refused = await world.call(LABOUR, "POST", "/v1/filings", world.listing_body(LABOUR))
    await world.tell(known, "organisation:jx-rst")
    filing = await world.file(LABOUR)

    assert refused.json()["code"] == "organisation_unknown"
    assert filing["state"] == "SUBMITTED"


@pytest.mark.feature("C7")
async def test_a_publication_that_catalog_refused_stands_in_the_history(world: World):
    filing = await world.live(LABOUR)

    await world.tell(
        catalog.ListingPublicationRefused(
            listing_id=uuid.UUID(filing["listing_id"]),
            filing_id=uuid.UUID(filing["id"]),
            expected_digest=filing["digest"],
            found_digest="sha-256:00",
        ),
        f"listing:{filing['listing_id']}",
    )

    found = await world.ok(LABOUR, "GET", f"/v1/filings/{filing['id']}")
    assert found["history"][-1]["action"] == "PUBLICATION_REFUSED"
