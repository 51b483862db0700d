"""What was public on any day, byte for byte, and why it changed (C4)."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest

from tests.catalog.province import NANCHANG_PLACE, Catalog, content, item

pytestmark = pytest.mark.feature("C4")
SEARCHES = (
    "",
    "?limit=2",
    "?limit=2&region=360100",
    "?q=社保&limit=3",
    "?state=LISTED&state=SUSPENDED&state=DELISTED&limit=100",
    "?organisation=city-360100",
    "?item_type=20&audience=1&channel=APP&limit=3",
)


def at(instant: datetime) -> str:
    return quote(instant.isoformat(), safe="")


def past(path: str, instant: datetime) -> str:
    return f"{path}{'&' if '?' in path else '?'}as_of={at(instant)}"


@dataclass
class Seen:
    """Everything that a caller saw at an instant."""

    instant: datetime
    answers: dict[str, tuple[int, bytes]]


async def look(catalog: Catalog, listings: list[UUID]) -> Seen:
    """Ask for every search, walked to its end, and for every listing."""
    answers: dict[str, tuple[int, bytes]] = {}

    async def ask(path: str) -> httpx.Response:
        answer = await catalog.get(path)
        answers[path] = (answer.status_code, answer.content)
        return answer

    for search in SEARCHES:
        path = f"/v1/listings{search}"
        page = await ask(path)
        while cursor := page.json()["next_cursor"]:
            page = await ask(f"{path}&cursor={cursor}")
    for listing in listings:
        found = await ask(f"/v1/listings/{listing}")
        if found.status_code != 200:  # a problem names its own request
            answers[f"/v1/listings/{listing}"] = (found.status_code, found.json()["code"].encode())
    return Seen(catalog.suite.clock.now(), answers)


async def look_back(catalog: Catalog, seen: Seen) -> dict[str, tuple[int, bytes]]:
    answers = {}
    for path in seen.answers:
        answer = await catalog.get(past(path, seen.instant))
        refused = answer.status_code != 200
        said = answer.json()["code"].encode() if refused else answer.content
        answers[path] = (answer.status_code, said)
    return answers


async def changes(catalog: Catalog, query: str) -> list[dict[str, Any]]:
    walked: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await catalog.get(
            f"/v1/listing-changes?limit=3&{query}{cursor and f'&cursor={cursor}'}"
        )
        assert page.status_code == 200, page.text
        walked += page.json()["items"]
        cursor = page.json()["next_cursor"]
    return walked


class Life:
    """A year of random decisions; each gives what it did and by which id."""

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self.catalog, self.chance = catalog, random.Random(seed)
        self.live: dict[UUID, Any] = {}
        self.ever: list[UUID] = []
        self.hall = ""

    async def found_hall(self) -> None:
        self.hall = f"hall-{uuid4().hex[:8]}"
        hall = {
            "id": self.hall,
            "name": "市分厅",
            "level": "CITY",
            "region": "360100",
            "organisation_id": "city-360100",
            "parent": "hall-36",
        }
        assert (await self.catalog.send("POST", "/v1/halls", hall)).status_code == 201

    async def step(self) -> tuple[str, str, set[UUID]]:
        ways = [self.publish, self.publish, self.update, self.delist, self.emergency, self.merge]
        return await self.chance.choice(ways if self.live else ways[:1])()

    async def publish(self) -> tuple[str, str, set[UUID]]:
        local = self.chance.random() < 0.5
        document = content(
            title=self.chance.choice(["社保查询", "公积金提取", "医保登记", "食品经营许可"]),
            **({**NANCHANG_PLACE, "hall_id": self.hall} if local else {}),
        )
        listing = await self.catalog.publish(document)
        self.live[listing] = document
        self.ever.append(listing)
        return "FILING", await self._filing(listing), {listing}

    async def update(self) -> tuple[str, str, set[UUID]]:
        listing, document = self._one()
        document = document.model_copy(update={"summary": f"说明 {self.chance.random()}"})
        filing = await self.catalog.decide("UPDATE", document, listing=listing)
        self.live[listing] = document
        return "FILING", str(filing), {listing}

    async def delist(self) -> tuple[str, str, set[UUID]]:
        listing, document = self._one()
        filing = await self.catalog.decide("DELIST", document, listing=listing)
        del self.live[listing]
        return "FILING", str(filing), {listing}

    async def emergency(self) -> tuple[str, str, set[UUID]]:
        listing, _ = self._one()
        filing = uuid4()
        await self.catalog.tell(self.catalog.emergency(listing, filing), f"filing:{filing}")
        del self.live[listing]
        return "EMERGENCY", str(filing), {listing}

    async def merge(self) -> tuple[str, str, set[UUID]]:
        """The hall of the city's services merges into a new one."""
        old = self.hall
        await self.found_hall()
        rows = await self.catalog.suite.sql(
            "catalog", "select id from listings where hall_id = $1 and doc is not null", old
        )
        body = {"name": "市分厅", "organisation_id": "city-360100", "merged_into": self.hall}
        for state in ("MERGING", "MERGED"):
            merged = await self.catalog.send(
                "PUT", f"/v1/halls/{old}", {**body, "state": state}, if_match="*"
            )
            assert merged.status_code == 200, merged.text
        return "HALL_MERGED", old, {UUID(int=row["id"].int) for row in rows}

    def _one(self) -> tuple[UUID, Any]:
        listing = self.chance.choice(sorted(self.live))
        return listing, self.live[listing]

    async def _filing(self, listing: UUID) -> str:
        return str((await self.catalog.get(f"/v1/listings/{listing}")).json()["filing_id"])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_instant_of_a_random_year_gives_what_callers_saw_byte_for_byte(
    catalog: Catalog, seed
):
    clock = catalog.suite.clock
    clock.advance(timedelta(days=400))
    await catalog.suite.tick("catalog", "archive_old")  # all that an earlier year has left
    life = Life(catalog, seed)
    await life.found_hall()
    started = clock.now()
    looked = [await look(catalog, life.ever)]
    happened: list[tuple[str, str, set[UUID]]] = []
    for _ in range(12):
        clock.advance(timedelta(days=life.chance.randint(1, 30)))  # nothing is archived meanwhile
        happened.append(await life.step())
        looked.append(await look(catalog, life.ever))

    for seen in looked:
        assert await look_back(catalog, seen) == seen.answers

    assert len({each.answers["/v1/listings"] for each in looked}) > 3
    for before, after, (kind, id_, moved) in zip(looked, looked[1:], happened, strict=False):
        between = await changes(catalog, f"from={at(before.instant)}&to={at(after.instant)}")
        assert {UUID(each["listing_id"]) for each in between} == moved
        assert {(each["cause"]["kind"], each["cause"]["id"]) for each in between} <= {(kind, id_)}
    whole = await changes(catalog, f"from={at(started)}")
    assert len(whole) == sum(len(moved) for _, _, moved in happened)
    assert [each["epoch"] for each in whole] == sorted(each["epoch"] for each in whole)


async def test_a_listing_s_history_names_each_change_its_members_and_its_filing(
    catalog: Catalog,
):
    clock, began = catalog.suite.clock, catalog.suite.clock.now()
    await catalog.import_rows("items", [item("demo-rst-070", "历史事项")])
    document = content(item_code="demo-rst-070")
    listing = await catalog.publish(document)
    first = (await catalog.get(f"/v1/listings/{listing}")).json()["filing_id"]
    changed = document.model_copy(update={"summary": "改过的说明"})
    update = await catalog.decide("UPDATE", changed, listing=listing)
    await catalog.import_rows("items", [item("demo-rst-070", "历史事项", item_type="05")])
    order = uuid4()
    await catalog.tell(catalog.emergency(listing, order), f"filing:{order}")
    clock.advance(timedelta(days=400))
    await catalog.suite.tick("catalog", "archive_old")

    found = await changes(catalog, f"from={at(began)}&listing={listing}")

    assert [(each["cause"]["kind"], each["cause"]["id"]) for each in found] == [
        ("FILING", first),
        ("FILING", str(update)),
        ("ITEM_CHANGED", "demo-rst-070"),
        ("EMERGENCY", str(order)),
        ("ARCHIVED", "listing_archived_after"),
    ]
    assert [(each["state_before"], each["state"]) for each in found] == [
        (None, "LISTED"),
        ("LISTED", "LISTED"),
        ("LISTED", "LISTED"),
        ("LISTED", "DELISTED"),
        ("DELISTED", "ARCHIVED"),
    ]
    assert set(found[1]["changed"]) == {"summary", "version", "digest", "filing_id"}
    assert found[2]["changed"] == ["item_type"]
    assert {"state", "delisted_at", "notice_id"} <= set(found[3]["changed"])
    gone = await catalog.get(past(f"/v1/listings/{listing}", clock.now()))
    before = await catalog.get(past(f"/v1/listings/{listing}", began))
    assert (gone.status_code, gone.json()["code"]) == (410, "listing_archived")
    assert (before.status_code, before.json()["code"]) == (404, "listing_not_found")


@pytest.mark.parametrize("path", ["/v1/listings", f"/v1/listings/{UUID(int=1)}"])
async def test_nobody_has_seen_what_is_to_come(catalog: Catalog, path):
    ahead = catalog.suite.clock.now() + timedelta(minutes=1)

    answer = await catalog.get(past(path, ahead))

    assert (answer.status_code, answer.json()["code"]) == (422, "instant_ahead")


@pytest.mark.feature("API9")
@pytest.mark.parametrize(
    "query",
    [
        "as_of=2026-03-03T09:00:00",
        "as_of=1700000000",
        "as_of=gestern",
        "as_of=0001-01-01T00:00:00Z",
    ],
)
async def test_an_instant_without_an_offset_or_a_sense_is_refused(catalog: Catalog, query):
    page = await catalog.get(f"/v1/listings?{query}")
    between = await catalog.get(f"/v1/listing-changes?{query.replace('as_of', 'from')}")

    assert (page.status_code, between.status_code) == (422, 422)
