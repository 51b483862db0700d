"""Regions, organisations, halls, zones, norms and items: lists and single records."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, select

from services.catalog.errors import (
    HallNotFound,
    ItemNotFound,
    OrganisationNotFound,
    ZoneNotFound,
)
from services.catalog.rules.cursors import word
from services.catalog.rules.search_terms import normalised
from services.catalog.tables import Base, Hall, Item, Norm, Organisation, Region, Zone
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset

Record = TypeVar("Record", bound=Base)
Found = tuple[Sequence[Record], str | None, int]


async def list_regions(tx: Transaction, page: PageRequest, *, parent: str) -> Found[Region]:
    return await _list(tx, Region, Region.id, page, _equal((Region.parent, parent)))


async def list_organisations(
    tx: Transaction, page: PageRequest, *, kind: str, region: str, parent: str, active: bool
) -> Found[Organisation]:
    conditions = _equal(
        (Organisation.kind, kind), (Organisation.region, region), (Organisation.parent, parent)
    )
    conditions.append(Organisation.active.is_(active))
    return await _list(tx, Organisation, Organisation.id, page, conditions)


async def list_halls(
    tx: Transaction, page: PageRequest, *, level: str, region: str, state: str
) -> Found[Hall]:
    conditions = _equal((Hall.level, level), (Hall.region, region), (Hall.state, state))
    return await _list(tx, Hall, Hall.id, page, conditions)


async def list_zones(
    tx: Transaction, page: PageRequest, *, hall: str, department: str
) -> Found[Zone]:
    conditions = _equal((Zone.hall_id, hall), (Zone.department, department))
    return await _list(tx, Zone, Zone.id, page, conditions)


async def list_norms(tx: Transaction, page: PageRequest) -> Found[Norm]:
    return await _list(tx, Norm, Norm.version, page, [])


async def list_items(
    tx: Transaction, page: PageRequest, *, q: str, item_type: str, level: str, department: str
) -> Found[Item]:
    conditions = _equal(
        (Item.item_type, item_type), (Item.level, level), (Item.department, department)
    )
    if q:
        keywords = func.array_to_string(Item.keywords, "\n")
        text = func.concat_ws("\n", Item.name, Item.summary, keywords)
        conditions.append(func.lower(text).contains(normalised(q), autoescape=True))
    return await _list(tx, Item, Item.code, page, conditions)


async def get_organisation(tx: Transaction, organisation_id: str) -> Organisation:
    found = await tx.session.get(Organisation, organisation_id)
    if found is None:
        raise OrganisationNotFound(id=organisation_id)
    return found


async def get_hall(tx: Transaction, hall_id: str) -> Hall:
    found = await tx.session.get(Hall, hall_id)
    if found is None:
        raise HallNotFound(id=hall_id)
    return found


async def get_zone(tx: Transaction, zone_id: str) -> Zone:
    found = await tx.session.get(Zone, zone_id)
    if found is None:
        raise ZoneNotFound(id=zone_id)
    return found


async def get_item(tx: Transaction, item_code: str) -> Item:
    found = await tx.session.get(Item, item_code)
    if found is None:
        raise ItemNotFound(id=item_code)
    return found


async def _list(
    tx: Transaction,
    table: type[Record],
    key: Any,
    page: PageRequest,
    conditions: list[ColumnElement[bool]],
) -> Found[Record]:
    """One page and the number of all; both by the same conditions (C3)."""
    total = await tx.session.scalar(select(func.count()).select_from(table).where(*conditions))
    rows = await tx.session.scalars(
        keyset(select(table).where(*conditions), page, columns=[key], kinds=[word])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (getattr(row, key.key),))
    return shown, cursor, total or 0


def _equal(*pairs: tuple[Any, str]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in pairs if value]
