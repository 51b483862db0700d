"""Regions and organisations: registered, changed, closed (A3, A9.1, C5)."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from services.catalog.commands.register import (
    Known,
    Register,
    Wanted,
    add,
    change,
    live_listings,
    load_known,
    refuse,
)
from services.catalog.errors import (
    OrganisationClosedAlready,
    OrganisationNotFound,
    OrganisationOwnsListings,
)
from services.catalog.rules.register import PARENT_LEVEL, REGION_LEVELS, Level, OrganisationKind
from services.catalog.schemas.register import OrganisationInput, OrganisationUpdate, RegionInput
from services.catalog.tables import Organisation, Region
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import OrganisationClosed, OrganisationRegistered, RegionRegistered

_KEPT_WHILE_LIVE = ("name", "kind", "region")


def _region_flaws(given: RegionInput, known: Known) -> Iterable[FieldError]:
    allowed = PARENT_LEVEL[given.level]
    if given.parent is None:
        if allowed:
            yield FieldError("parent", "parent_missing")
    elif given.parent not in known.regions:
        yield FieldError("parent", "region_unknown", {"id": given.parent})
    elif Level(known.regions[given.parent].level) not in allowed:
        yield FieldError("parent", "level_unfit", {"id": given.parent})
    if given.gb2260 is not None and given.gb2260 != given.id.ljust(6, "0"):
        yield FieldError("gb2260", "gb2260_unfit")


REGIONS: Register[RegionInput, Region] = Register(
    body=RegionInput,
    table=Region,
    key=lambda given: given.id,
    wanted=lambda given: Wanted(regions=(given.parent,)),
    flaws=_region_flaws,
    event=lambda region: RegionRegistered(
        region_id=region.id,
        name=region.name,
        level=region.level,
        parent=region.parent,
        gb2260=region.gb2260,
    ),
    subject=lambda region: f"region:{region.id}",
    region=lambda region, _known: region.id,
)


def _organisation_flaws(given: OrganisationInput, known: Known) -> Iterable[FieldError]:
    yield from known.region("region", given.region)
    region = known.regions.get(given.region)
    if region is not None and Level(region.level) not in REGION_LEVELS[given.kind]:
        yield FieldError("region", "level_unfit", {"id": given.region})
    yield from _parent_flaws(given.id, given.parent, known)
    yield from _mandate_flaws(given.kind, given)


def _parent_flaws(id_: str, parent: str | None, known: Known) -> Iterable[FieldError]:
    if parent == id_:
        yield FieldError("parent", "own_parent")
    else:
        yield from known.organisation("parent", parent)


def _mandate_flaws(
    kind: str, given: OrganisationInput | OrganisationUpdate
) -> Iterable[FieldError]:
    """Only the operator acts under a mandate (A9.1)."""
    if kind != OrganisationKind.OPERATOR and (given.mandate_from or given.mandate_to):
        yield FieldError("mandate_from", "mandate_unfit")


def _renamed(
    organisation: Organisation, values: Mapping[str, Any], known: Known
) -> Iterable[FieldError]:
    listings = known.live.get(organisation.id)
    if listings:
        for name in _KEPT_WHILE_LIVE:
            if values[name] != getattr(organisation, name):
                yield FieldError(name, "organisation_owns_listings", {"count": len(listings)})


def organisation_registered(organisation: Organisation) -> OrganisationRegistered:
    return OrganisationRegistered(
        organisation_id=organisation.id,
        name=organisation.name,
        kind=organisation.kind,
        region=organisation.region,
        parent=organisation.parent,
        mandate_from=organisation.mandate_from,
        mandate_to=organisation.mandate_to,
    )


ORGANISATIONS: Register[OrganisationInput, Organisation] = Register(
    body=OrganisationInput,
    table=Organisation,
    key=lambda given: given.id,
    wanted=lambda given: Wanted(
        regions=(given.region,), organisations=(given.parent,), owner=given.id
    ),
    flaws=_organisation_flaws,
    event=organisation_registered,
    subject=lambda organisation: f"organisation:{organisation.id}",
    region=lambda organisation, _known: organisation.region,
    refuse_change=_renamed,
    revived={"active": True},
)


async def register_organisation(tx: Transaction, given: OrganisationInput) -> Organisation:
    return await add(tx, ORGANISATIONS, given)


async def update_organisation(
    tx: Transaction, organisation_id: str, given: OrganisationUpdate
) -> Organisation:
    """Change a unit; `organisation_owns_listings` (409) when a live owner would be renamed (C5)."""
    organisation = await _open(tx, organisation_id)
    known = await load_known(tx, [Wanted(organisations=(given.parent,), owner=organisation_id)])
    refuse(
        [
            *_parent_flaws(organisation_id, given.parent, known),
            *_mandate_flaws(organisation.kind, given),
        ]
    )
    if given.name != organisation.name:
        _refuse_owner(organisation_id, known.live)
    change(tx, ORGANISATIONS, organisation, given.model_dump(), known)
    return organisation


async def close_organisation(tx: Transaction, organisation_id: str) -> None:
    """Close a unit; `organisation_owns_listings` (409) lists what it still owns (C5)."""
    organisation = await _open(tx, organisation_id)
    _refuse_owner(organisation_id, await live_listings(tx, [organisation_id]))
    organisation.active = False
    organisation.version += 1
    tx.emit(
        OrganisationClosed(organisation_id=organisation_id),
        subject=f"organisation:{organisation_id}",
        region=organisation.region,
    )


async def _open(tx: Transaction, organisation_id: str) -> Organisation:
    organisation = await tx.session.scalar(
        select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    )
    if organisation is None:
        raise OrganisationNotFound(id=organisation_id)
    tx.expect(organisation.version)
    if not organisation.active:
        raise OrganisationClosedAlready(id=organisation_id)
    return organisation


def _refuse_owner(organisation_id: str, live: Mapping[str, list[Any]]) -> None:
    listings = live.get(organisation_id, [])
    if listings:
        raise OrganisationOwnsListings(
            clause="A4.2",
            id=organisation_id,
            count=len(listings),
            listings=[str(each) for each in listings[:20]],
        )
