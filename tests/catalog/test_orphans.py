"""Who answers for what is live: shown by unit, listed, and looked for every night (C5)."""

from datetime import UTC, datetime

import pytest

from services.catalog.schedule import SCHEDULE
from shared.scheduling import run_once
from shared.security.identity import Actor
from tests.catalog.province import JIUJIANG_PLACE, NANCHANG_PLACE, Catalog, content
from tests.catalog.test_coverage import unit
from tests.suite import JIUJIANG, NANCHANG, PROVINCE


def person(organisation: str, domain: str, phone: str, **changes):
    return {
        "organisation_id": organisation,
        "domain": domain,
        "name": "演示专人",
        "phone": phone,
        "valid_from": "2025-08-04",
        "valid_to": "2026-12-31",
        **changes,
    }


@pytest.mark.feature("C5")
@pytest.mark.clause("A12.2")
@pytest.mark.clause("A17.1")
async def test_a_vacancy_is_shown_and_raises_an_event_once_a_night(catalog: Catalog):
    await catalog.publish(content(**NANCHANG_PLACE))
    path = "/v1/responsible-persons"
    operation = await catalog.send(
        "POST", path, person("city-360100", "OPERATION", "19900000301"), NANCHANG
    )
    half = await unit(catalog, "city-360100")
    await catalog.send("POST", path, person("city-360100", "MAINTENANCE", "19900000302"), NANCHANG)
    full = await unit(catalog, "city-360100")
    database = catalog.suite.apps["catalog"].state.database
    check = next(entry for entry in SCHEDULE if entry.name.endswith("check_orphans"))

    async def found() -> list[str]:
        return [
            data["domain"]
            for name, data in await catalog.told("organisation:city-360100")
            if name == "orphan_found.v1"
        ]

    nights = []
    for instant in (
        datetime(2026, 12, 30, 3, tzinfo=UTC),
        datetime(2027, 1, 4, 3, tzinfo=UTC),
        datetime(2027, 1, 4, 4, tzinfo=UTC),
        datetime(2027, 1, 5, 3, tzinfo=UTC),
    ):
        catalog.suite.clock.set(instant)
        await run_once(database, "catalog", check)
        nights.append(await found())
    metrics = (await catalog.client.get("/metrics")).text
    catalog.suite.clock.reset()

    assert (half["orphan"], half["maintenance_person_id"]) == (True, None)
    assert half["operation_person_id"] == operation.json()["id"]
    assert full["orphan"] is False
    both = ["OPERATION", "MAINTENANCE"]
    assert nights == [[], both, both, both + both]
    assert "gft_catalog_orphans" in metrics


async def orphans(catalog: Catalog, actor: Actor = PROVINCE, *, listed: bool = True) -> set[str]:
    page = await catalog.get(f"/v1/coverage?orphan={str(listed).lower()}&limit=100", actor)
    return {each["organisation_id"] for each in page.json()["items"]}


@pytest.mark.feature("C5")
@pytest.mark.clause("A12.2")
async def test_the_orphan_list_holds_who_has_a_vacancy_and_loses_them_when_it_is_filled(
    catalog: Catalog,
):
    await catalog.publish(content(**JIUJIANG_PLACE))
    path = "/v1/responsible-persons"
    empty = await orphans(catalog)
    await catalog.send("POST", path, person("city-360400", "OPERATION", "19900000311"), JIUJIANG)
    half = await orphans(catalog)

    await catalog.send("POST", path, person("city-360400", "MAINTENANCE", "19900000312"), JIUJIANG)

    filled = await orphans(catalog)
    assert "city-360400" in empty
    assert "city-360400" in half
    assert "city-360400" not in filled
    assert "city-360400" in await orphans(catalog, listed=False)
    assert await orphans(catalog, NANCHANG) <= {"city-360100"}


@pytest.mark.feature("C5")
async def test_what_a_closed_unit_has_live_is_an_orphan_whoever_was_named(catalog: Catalog):
    await catalog.publish(content(**JIUJIANG_PLACE))
    for domain in ("OPERATION", "MAINTENANCE"):
        named = person("city-360400", domain, "19900000313")
        await catalog.send("POST", "/v1/responsible-persons", named, JIUJIANG)
    before = await orphans(catalog)
    close = "update organisations set active = $1 where id = 'city-360400'"
    await catalog.suite.sql("catalog", close, False)  # no command does this: the list would show it

    found = await unit(catalog, "city-360400", query="&orphan=true")

    await catalog.suite.sql("catalog", close, True)
    assert "city-360400" not in before
    assert found["orphan"] is True
    assert (found["operation_person_id"], found["maintenance_person_id"]) == (None, None)


@pytest.mark.feature("C5")
async def test_before_the_hour_of_the_nightly_check_nothing_is_told(catalog: Catalog):
    database = catalog.suite.apps["catalog"].state.database
    check = next(entry for entry in SCHEDULE if entry.name.endswith("check_orphans"))
    catalog.suite.clock.set(datetime(2027, 2, 1, 17, 30, tzinfo=UTC))  # 01:30 of 2 February here
    before = await catalog.outbox_size()

    await run_once(database, "catalog", check)

    after = await catalog.outbox_size()
    catalog.suite.clock.reset()
    assert after == before
