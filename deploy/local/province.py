"""The demo province's tables, and what follows from them: clients, yearly lists, documents."""

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deploy.local.stand_in import Behaviour
from deploy.local.state import LaunchError
from shared.security.identity import Role

DATA = Path(__file__).parent / "data"
IMPORTS = ("regions", "organisations", "halls", "zones", "norms", "items", "responsible-persons")
YEARS = (2025, 2026, 2027)
PROVINCE = "jx-zwfw"
OPERATOR = "operator"
WALK_CITY = "city-360100"
WALK_THROUGH = (PROVINCE, WALK_CITY, "jx-rst", OPERATOR)  # whom the README speaks as
ROLES = {
    "PROVINCIAL_AUTHORITY": Role.PROVINCE,
    "PROVINCIAL_DEPARTMENT": Role.DEPARTMENT,
    "CITY_AUTHORITY": Role.CITY,
    "COUNTY_AUTHORITY": Role.COUNTY,
    "OPERATOR": Role.OPERATOR,
}
_LOCAL = frozenset({Role.CITY, Role.COUNTY})


@dataclass(frozen=True)
class Organisation:
    id: str
    short_name: str
    role: Role
    region: str


@dataclass(frozen=True)
class DemoListing:
    """A row of listings.csv with what its item and its norm add."""

    item: str
    organisation: str
    owner_name: str
    department: str
    kind: str
    hall: str
    zone: str | None
    region: str
    audiences: tuple[str, ...]
    channels: tuple[str, ...]
    capabilities: tuple[str, ...]
    entry_path: str
    title: str
    summary: str
    keywords: tuple[str, ...]

    @property
    def key(self) -> str:
        """Unique: nobody lists an item twice."""
        return f"{self.item}.{self.organisation}"

    def content(self, *, host: str, norm: str) -> dict[str, Any]:
        """The document that is filed, its entries at the stand-in `host`."""
        return {
            "item_code": self.item,
            "title": self.title,
            "summary": self.summary,
            "kind": self.kind,
            "organisation_id": self.organisation,
            "region": self.region,
            "hall_id": self.hall,
            "zone_id": self.zone,
            "audiences": list(self.audiences),
            "channels": list(self.channels),
            "capabilities": list(self.capabilities),
            "entry_url": f"{host}{self.entry_path}",
            "complaint_url": f"{host}/complaint",
            "rating_url": f"{host}/rating",
            "builder": self.owner_name,
            "operations_contact": f"{self.owner_name}运维岗（演示）",
            "identity_level": "REAL_NAME",
            "data_scope": [],
            "keywords": list(self.keywords),
            "norm_version": norm,
        }


@dataclass(frozen=True)
class Province:
    organisations: Mapping[str, Organisation]
    listings: Sequence[DemoListing]
    norm: str
    checklist: Sequence[str]

    def owners(self, listings: Iterable[DemoListing]) -> list[str]:
        return sorted({listing.organisation for listing in listings})

    def confirmer(self, listing: DemoListing) -> str | None:
        """The department that must confirm (A11.2): the item's own, for cities and counties."""
        local = self.organisations[listing.organisation].role in _LOCAL
        return listing.department if local else None


@cache
def read() -> Province:
    """The tables as they lie in `data`."""
    organisations = {
        row["id"]: Organisation(row["id"], row["short_name"], ROLES[row["kind"]], row["region"])
        for row in _rows("organisations.csv")
    }
    items = {row["code"]: row for row in _rows("items.csv")}
    norm = _rows("norms.csv")[-1]
    return Province(
        organisations=organisations,
        listings=[
            _listing(row, items[row["item"]], organisations[row["organisation"]])
            for row in _rows("listings.csv")
        ],
        norm=norm["version"],
        checklist=norm["checklist"].split(";"),
    )


def behaviours() -> dict[str, Behaviour]:
    """The entries whose department's system misbehaves, by their paths."""
    return {row["entry_path"]: Behaviour(row["behaviour"]) for row in _rows("behaviours.csv")}


def limit(environ: Mapping[str, str] = os.environ) -> int:
    """How many listings to load: all, or `GFT_DEMO_LISTINGS` for a quicker start."""
    raw, every = environ.get("GFT_DEMO_LISTINGS"), len(read().listings)
    if not raw:
        return every
    if not raw.isdecimal() or not 0 < int(raw) <= every:
        raise LaunchError(
            f"GFT_DEMO_LISTINGS 应为 1 到 {every}：{raw}",
            f"GFT_DEMO_LISTINGS is a number from 1 to {every}: {raw}",
        )
    return int(raw)


def choose(listings: Sequence[DemoListing], wanted: int) -> list[DemoListing]:
    """So many of them, spread over the whole table; the walk-through's city has one of its own."""
    chosen = [listings[(2 * place + 1) * len(listings) // (2 * wanted)] for place in range(wanted)]
    cities = [place for place, each in enumerate(chosen) if each.organisation.startswith("city-")]
    if cities and all(each.organisation != WALK_CITY for each in chosen):
        chosen[cities[0]] = next(each for each in listings if each.organisation == WALK_CITY)
    return chosen


def fingerprint(wanted: int) -> str:
    """Changes with the tables and with how much of them is wanted."""
    found = hashlib.sha256(str(wanted).encode())
    for file in sorted(DATA.rglob("*.csv")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def import_file(resource: str) -> bytes:
    return (DATA / f"{resource.replace('-', '_')}.csv").read_bytes()


def calendar_year(year: int) -> dict[str, Any]:
    """The body of `PUT /v1/calendar/{year}`."""
    source = next(row for row in _rows("calendar/sources.csv") if row["year"] == str(year))
    days = _rows(f"calendar/{year}.csv")
    return {"status": source["status"], "source": source["source"], "days": days}


def _listing(row: Mapping[str, str], item: Mapping[str, str], owner: Organisation) -> DemoListing:
    return DemoListing(
        item=row["item"],
        organisation=owner.id,
        owner_name=owner.short_name,
        department=item["department"],
        kind=row["kind"],
        hall=row["hall"],
        zone=row["zone"] or None,
        region=row["region"],
        audiences=_parts(row["audiences"]),
        channels=_parts(row["channels"]),
        capabilities=_parts(row["capabilities"]),
        entry_path=row["entry_path"],
        title=row["title"],
        summary=item["summary"],
        keywords=_parts(item["keywords"]),
    )


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split(";") if part)


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))
