"""A new version of a technical norm flags what was tested by an older one (A6.3)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.catalog.province import NANCHANG_PLACE, Catalog, content
from tests.suite import JIUJIANG, LABOUR, MINI_APP, NANCHANG, PROVINCE

pytestmark = pytest.mark.clause("A6.3")


async def issue(catalog: Catalog, norm: str, *, effective: str, **changes: Any) -> None:
    body = {
        "id": "platform-technical-norm",
        "title": "平台技术管理规范（演示）",
        "version": norm,
        "effective_from": effective,
        "checklist": ["投诉和评价入口可用", "大字版可用"],
        **changes,
    }
    made = await catalog.send("POST", "/v1/norms", body)
    assert made.status_code == 201, made.text


async def flag(catalog: Catalog) -> None:
    for _ in range(8):  # versions that earlier tests issued take their turns too
        await catalog.suite.tick("catalog", "flag_rechecks")


async def flagged(catalog: Catalog, query: str = "", actor=PROVINCE) -> dict[str, dict[str, Any]]:
    page = await catalog.get(f"/v1/listing-rechecks?limit=100{query}", actor)
    assert page.status_code == 200, page.text
    return {each["listing_id"]: each for each in page.json()["items"]}


async def flags(catalog: Catalog, listing: UUID) -> list[str]:
    told = await catalog.told(f"listing:{listing}")
    return [data["norm_version"] for name, data in told if name == "listing_recheck_flagged.v1"]


async def test_a_version_in_effect_flags_live_listings_of_older_ones_once(catalog: Catalog):
    listing = await catalog.publish(content(title="须复核的服务"))
    gone = content(title="已下架的服务")
    delisted = await catalog.publish(gone)
    await catalog.decide("DELIST", gone, listing=delisted)
    before = (await catalog.get(f"/v1/listings/{listing}")).content

    await issue(catalog, "demo-3.0", effective="2026-01-01")
    await issue(catalog, "other-1.0", effective="2026-01-01", id="another-norm")
    await flag(catalog)
    await flag(catalog)

    found = await flagged(catalog)
    row = found[str(listing)]
    assert (row["tested_by"], row["norm_version"]) == ("demo-0.1", "demo-3.0")
    assert str(delisted) not in found
    assert await flags(catalog, listing) == ["demo-3.0"]
    assert (await catalog.get(f"/v1/listings/{listing}")).content == before
    assert str(listing) not in await flagged(catalog, "&norm=demo-0.1")


async def test_a_version_flags_from_its_day_on(catalog: Catalog):
    listing = await catalog.publish()
    await issue(catalog, "demo-8.0", effective="2098-01-01")

    told = []
    for day in (datetime(2097, 12, 31, 12, tzinfo=UTC), datetime(2097, 12, 31, 17, tzinfo=UTC)):
        catalog.suite.clock.set(day)  # the second is 01:00 of 1 January in Shanghai
        await flag(catalog)
        told.append("demo-8.0" in await flags(catalog, listing))
    catalog.suite.clock.reset()

    assert told == [False, True]


async def test_an_update_tested_by_the_new_version_clears_the_flag(catalog: Catalog):
    document = content(**NANCHANG_PLACE)
    listing = await catalog.publish(document)
    await issue(catalog, "demo-4.0", effective="2026-02-01")
    await flag(catalog)
    assert str(listing) in await flagged(catalog)

    tested = document.model_copy(update={"norm_version": "demo-4.0"})
    await catalog.decide("UPDATE", tested, listing=listing)

    assert str(listing) not in await flagged(catalog)


async def test_what_goes_live_by_an_older_version_is_flagged_at_once(catalog: Catalog):
    await issue(catalog, "demo-5.0", effective="2026-03-01")

    listing = await catalog.publish()

    assert (await flagged(catalog))[str(listing)]["norm_version"] == "demo-5.0"


@pytest.mark.clause("A4.1")
async def test_re_checks_are_shown_inside_the_remit(catalog: Catalog):
    await issue(catalog, "demo-6.0", effective="2026-04-01")
    city = str(await catalog.publish(content(**NANCHANG_PLACE)))
    labour = str(await catalog.publish())

    seen = {
        actor.organisation: {city, labour} & set(await flagged(catalog, actor=actor))
        for actor in (PROVINCE, NANCHANG, JIUJIANG, LABOUR)
    }

    assert seen == {
        "jx-zwfw": {city, labour},
        "city-360100": {city},
        "city-360400": set(),
        "jx-rst": {labour},
    }
    assert (await catalog.get("/v1/listing-rechecks", MINI_APP)).status_code == 403
    only = await flagged(catalog, "&organisation=city-360100")
    assert {each["organisation_id"] for each in only.values()} == {"city-360100"}
    unknown = await catalog.get(f"/v1/listing-rechecks?norm={uuid4()}", PROVINCE)
    assert unknown.json()["items"] == []
