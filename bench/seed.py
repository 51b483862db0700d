"""Fifty thousand listings from the demo's tables, and what filing must know to file one."""

import asyncio
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from itertools import islice, product
from typing import Any, Self
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg

from bench.harness import check
from bench.stage import Stage
from deploy.local import province
from deploy.local.province import DATA, DemoListing
from services.catalog.rules.search_terms import normalised, searchable, terms
from services.catalog.schemas.listings import ListingView
from shared.clock import SystemClock
from shared.events.filing import ListingContent

LISTINGS = 50_000
HOST = "https://entry.example"
_ID, _TITLE, _REGION = UUID(int=0), "{title}", '"region":"36"'
_DIGEST = "0" * 64
_COLUMNS = [
    "id",
    "number",
    "epoch",
    "state",
    "version",
    "item_code",
    "organisation_id",
    "region",
    "item_type",
    "kind",
    "title",
    "hall_id",
    "audiences",
    "channels",
    "title_text",
    "search_text",
    "terms",
    "filing_id",
    "listed_at",
    "doc",
]


def seed_listings(stage: Stage) -> None:
    """Live listings as catalog keeps them: the demo's, for each unit of the province."""
    if stage.sql("select 1 from catalog.listings limit 1"):
        return
    asyncio.run(_copy(stage.dsn, list(islice(_records(), LISTINGS))))
    stage.sql("analyze catalog.listings;")
    found = stage.sql("select count(*) from catalog.listings")[0]["count"]
    check(found == LISTINGS, f"{found} listings of {LISTINGS}")


def seed_filing(stage: Stage) -> None:
    """What catalog's events would have told filing: units, items, halls, zones, the norm."""
    organisations, items, halls, zones = (
        _table(name) for name in ("organisations", "items", "halls", "zones")
    )
    rows: dict[str, list[tuple[Any, ...]]] = {
        "known_organisations": [
            (r["id"], r["kind"], r["region"], None, True) for r in organisations
        ],
        "known_items": [(r["code"], r["department"], True) for r in items],
        "known_halls": [(r["id"], r["region"], r["organisation"], "ACTIVE") for r in halls],
        "known_zones": [(r["id"], r["hall"], r["department"]) for r in zones],
        "known_norms": [
            (r["version"], date.fromisoformat(r["effective_from"]), []) for r in _table("norms")
        ],
    }
    if not stage.sql("select 1 from filing.known_organisations limit 1"):
        asyncio.run(_insert(stage.dsn, rows))


def listing_id(number: int) -> UUID:
    """Of the listing that was published as number so many; as hard to pack as a real one."""
    return uuid5(NAMESPACE_URL, f"listing/{number}")


def a_listing() -> DemoListing:
    """One that a provincial department files for itself."""
    return next(each for each in province.read().listings if each.region == "36" and each.zone)


def _records() -> Iterator[tuple[Any, ...]]:
    """Each listing of the demo in each place, as `commands.listings` writes it."""
    now = SystemClock().now()
    demo = province.read()
    item_types = {row["code"]: row["item_type"] for row in _table("items")}
    made = [_Made.of(each, item_types[each.item], demo.norm, now) for each in demo.listings]
    names = {row["id"]: row["name"] for row in _table("regions")}
    places = [(id_, f"{name}{part}") for part in ("", "网上办") for id_, name in names.items()]
    for number, ((region, place), each) in enumerate(product(places, made), start=1):
        content, id_ = each.content, listing_id(number)
        filing = uuid5(NAMESPACE_URL, f"filing/{number}")
        title = f"{place}{content['title']}"
        text = searchable(title, content["summary"], *content["keywords"])
        found = sorted(terms(text))
        doc = (
            each.doc.replace(_TITLE, title)
            .replace(str(_ID), str(id_), 1)
            .replace(str(_ID), str(filing))
            .replace(_DIGEST, sha256(id_.bytes).hexdigest())
            .replace(_REGION, f'"region":"{region}"')
        )
        values = {
            **content,
            "id": id_,
            "number": number,
            "epoch": number,
            "state": "LISTED",
            "version": 1,
            "region": region,
            "item_type": each.item_type,
            "title": title,
            "title_text": normalised(title),
            "search_text": text,
            "terms": found,
            "filing_id": filing,
            "listed_at": now,
            "doc": doc,
        }
        yield tuple(values[name] for name in _COLUMNS)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a listing says in every place, and its public document with places to fill in."""

    content: dict[str, Any]
    item_type: str
    doc: str

    @classmethod
    def of(cls, listing: DemoListing, item_type: str, norm: str, now: datetime) -> Self:
        content = listing.content(host=HOST, norm=norm)
        shown = ListingContent.model_validate({**content, "title": _TITLE, "region": "36"})
        view = ListingView(
            **shown.model_dump(exclude={"builder", "operations_contact", "data_scope"}),
            id=_ID,
            state="LISTED",
            version=1,
            item_type=item_type,
            organisation_name=listing.owner_name,
            digest=f"sha-256:{_DIGEST}",
            filing_id=_ID,
            listed_at=now,
            delisted_at=None,
            notice_id=None,
        )
        return cls(content, item_type, view.model_dump_json())


async def _copy(dsn: str, records: list[tuple[Any, ...]]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.copy_records_to_table(
            "listings", schema_name="catalog", columns=_COLUMNS, records=records
        )
        await connection.execute("update catalog.search_epoch set epoch = $1", len(records))
    finally:
        await connection.close()


async def _insert(dsn: str, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for table, records in rows.items():
            await connection.copy_records_to_table(table, schema_name="filing", records=records)
    finally:
        await connection.close()


def _table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
