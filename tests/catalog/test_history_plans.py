"""The past stays quick: no query of it reads a whole table, however long it gets (C4)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql

from bench.history import PAST
from services.catalog.queries.history import (
    changes_between,
    found_at,
    numbered_at,
    page_at,
    total_of,
)
from services.catalog.queries.search_index import Search
from services.catalog.rules.search_terms import wanted
from shared.http.pagination import PageRequest
from tests.catalog.province import Catalog, content

pytestmark = pytest.mark.feature("C4")
LISTINGS = 4000
EARLIER = 4
CLONES = """
insert into catalog.listings (id, number, epoch, state, version, item_code, organisation_id,
    region, item_type, kind, title, hall_id, audiences, channels, title_text, search_text, terms,
    filing_id, listed_at, doc)
select gen_random_uuid(), 1000 + n, 1000 + n, state, version, item_code,
    case when n % 40 = 0 then organisation_id else 'unit-' || n % 40 end,
    case when n % 20 = 0 then region else '36' || lpad((n % 90)::text, 4, '0') end,
    item_type, kind, title, hall_id, audiences, channels, title_text, search_text,
    case when n % 50 = 0 then terms else array['别的'] end, filing_id, listed_at, doc
from catalog.listings, generate_series(1, $1::int) as n where number is not null
"""
SEARCHES = {
    "everything": Search(),
    "a region": Search(region="360100"),
    "a unit": Search(organisation="city-360100"),
    "an item": Search(item="demo-rst-001"),
    "a text": Search(q="社会保险"),
}


@pytest.fixture(scope="module")
async def past(catalog: Catalog) -> Catalog:
    """Thousands of listings, each with months behind it."""
    await catalog.publish(content())
    await catalog.suite.sql("catalog", CLONES, LISTINGS)
    await catalog.suite.sql("catalog", "delete from listing_appearances")
    await catalog.suite.sql("catalog", PAST, EARLIER)
    await catalog.suite.sql("catalog", "vacuum analyze listing_appearances")
    return catalog


async def plan_of(catalog: Catalog, statement: Any) -> dict[str, Any]:
    written = str(
        statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    )
    (row,) = await catalog.suite.sql(
        "catalog", f"explain (analyze, buffers, format json) {written}"
    )
    plan: dict[str, Any] = json.loads(row["QUERY PLAN"])[0]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def whole_reads(plan: dict[str, Any]) -> list[str]:
    return [
        node["Relation Name"] for node in nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"
    ]


@pytest.mark.parametrize("continued", [False, True], ids=["first", "next"])
@pytest.mark.parametrize("name", [name for name, search in SEARCHES.items() if not search.q])
async def test_a_numbered_page_at_an_instant_comes_from_an_index(past: Catalog, name, continued):
    read = numbered_at(SEARCHES[name], continued=continued, limit=20)
    given = {"at": past.suite.clock.now() - timedelta(days=45), "after_0": 1000}

    (row,) = await past.suite.sql(
        "catalog", f"explain (analyze, format json) {read.sql}", *read.values(given)
    )

    plan: dict[str, Any] = json.loads(row["QUERY PLAN"])[0]
    assert whole_reads(plan) == []


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
async def test_a_page_and_its_total_at_an_instant_come_from_indexes(past: Catalog, search):
    instant = past.suite.clock.now() - timedelta(days=45)
    found = found_at(search, wanted(search.q), instant)

    total = await plan_of(past, total_of(found))
    page = await plan_of(past, page_at(found, PageRequest(20, None, "")))

    assert whole_reads(total) == whole_reads(page) == []
    read = [node for node in nodes(page["Plan"]) if "pk_" in node.get("Index Name", "")]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) <= 21


async def test_the_changes_of_a_day_come_from_an_index(past: Catalog):
    until = past.suite.clock.now() - timedelta(days=30)
    statement = changes_between(
        PageRequest(20, None, ""), after=until - timedelta(days=2), until=until
    )

    plan = await plan_of(past, statement)

    assert whole_reads(plan) == []
