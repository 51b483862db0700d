"""Halls, zones, norms and items: registered, changed, merged (A2.1, A5.3, A6.3, A8.2, A10.1)."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, select

from services.catalog.commands.register import (
    Known,
    Register,
    Wanted,
    add,
    change,
    load_known,
    refuse,
)
from services.catalog.errors import HallHoldsListings, HallNotFound
from services.catalog.rules.items import ITEM_TYPES, code_flaw
from services.catalog.rules.listings import LIVE
from services.catalog.rules.register import (
    HALL,
    HALL_ACTION,
    HALL_LEVELS,
    PARENT_HALL,
    HallLevel,
    HallState,
    Level,
    OrganisationKind,
)
from services.catalog.schemas.items import ItemInput
from services.catalog.schemas.register import HallInput, HallUpdate, NormInput, ZoneInput
from services.catalog.tables import Hall, Item, Listing, Norm, Zone
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import HallRegistered, ItemRegistered, NormIssued, ZoneRegistered
from shared.security.identity import PROVINCE_REGION


def _hall_flaws(given: HallInput, known: Known) -> Iterable[FieldError]:
    yield from known.region("region", given.region)
    yield from known.organisation("organisation_id", given.organisation_id)
    region = known.regions.get(given.region)
    if region is not None and Level(region.level) not in HALL_LEVELS[given.level]:
        yield FieldError("level", "level_unfit", {"id": given.region})
    wanted = PARENT_HALL[given.level]
    if given.parent is None:
        if wanted is not None:
            yield FieldError("parent", "parent_missing")
    elif given.parent not in known.halls:
        yield FieldError("parent", "hall_unknown", {"id": given.parent})
    elif wanted is None or HallLevel(known.halls[given.parent].level) is not wanted:
        yield FieldError("parent", "level_unfit", {"id": given.parent})


HALLS: Register[HallInput, Hall] = Register(
    body=HallInput,
    table=Hall,
    key=lambda given: given.id,
    wanted=lambda given: Wanted(
        regions=(given.region,), organisations=(given.organisation_id,), halls=(given.parent,)
    ),
    flaws=_hall_flaws,
    event=lambda hall: HallRegistered(
        hall_id=hall.id,
        name=hall.name,
        level=hall.level,
        region=hall.region,
        organisation_id=hall.organisation_id,
        parent=hall.parent,
        state=hall.state or HallState.ACTIVE,
    ),
    subject=lambda hall: f"hall:{hall.id}",
    region=lambda hall, _known: hall.region,
)


def _zone_flaws(given: ZoneInput, known: Known) -> Iterable[FieldError]:
    yield from known.hall("hall_id", given.hall_id)
    yield from known.organisation("department", given.department)
    owner = known.organisations.get(given.department)
    if owner is not None and owner.kind != OrganisationKind.PROVINCIAL_DEPARTMENT:
        yield FieldError("department", "not_a_department", {"id": given.department})


ZONES: Register[ZoneInput, Zone] = Register(
    body=ZoneInput,
    table=Zone,
    key=lambda given: given.id,
    wanted=lambda given: Wanted(organisations=(given.department,), halls=(given.hall_id,)),
    flaws=_zone_flaws,
    event=lambda zone: ZoneRegistered(
        zone_id=zone.id, name=zone.name, hall_id=zone.hall_id, department=zone.department
    ),
    subject=lambda zone: f"zone:{zone.id}",
    region=lambda zone, known: known.halls[zone.hall_id].region,
)


def _reissued(norm: Norm, values: Mapping[str, Any], _known: Known) -> Iterable[FieldError]:
    if any(getattr(norm, name) != value for name, value in values.items()):
        yield FieldError("version", "norm_issued", {"version": norm.version})


NORMS: Register[NormInput, Norm] = Register(
    body=NormInput,
    table=Norm,
    key=lambda given: given.version,
    wanted=lambda _given: Wanted(),
    flaws=lambda _given, _known: (),
    event=lambda norm: NormIssued(
        version=norm.version,
        title=norm.title,
        effective_from=norm.effective_from,
        checklist=norm.checklist,
    ),
    subject=lambda norm: f"norm:{norm.version}",
    region=lambda _norm, _known: PROVINCE_REGION,
    refuse_change=_reissued,
)


def _item_flaws(given: ItemInput, known: Known) -> Iterable[FieldError]:
    if given.item_type not in ITEM_TYPES:
        yield FieldError("item_type", "item_type_unknown", {"code": given.item_type})
    flaw = code_flaw(given.code_scheme, given.code)
    if flaw is not None:
        yield FieldError("code", flaw)
    yield from known.organisation("department", given.department)


ITEMS: Register[ItemInput, Item] = Register(
    body=ItemInput,
    table=Item,
    key=lambda given: given.code,
    wanted=lambda given: Wanted(organisations=(given.department,)),
    flaws=_item_flaws,
    event=lambda item: ItemRegistered(
        item_code=item.code,
        name=item.name,
        item_type=item.item_type,
        level=item.level,
        department=item.department,
        active=item.active,
    ),
    subject=lambda item: f"item:{item.code}",
    region=lambda item, known: known.organisations[item.department].region,
    revived={"active": True},
)


async def register_hall(tx: Transaction, given: HallInput) -> Hall:
    return await add(tx, HALLS, given)


async def register_zone(tx: Transaction, given: ZoneInput) -> Zone:
    return await add(tx, ZONES, given)


async def issue_norm(tx: Transaction, given: NormInput) -> Norm:
    """Issue a version of a norm; what is issued does not change (A10.1)."""
    return await add(tx, NORMS, given)


async def update_hall(tx: Transaction, hall_id: str, given: HallUpdate) -> Hall:
    """Change a hall or lead it into another; `hall_holds_listings` (409) in use (A5.3)."""
    hall = await tx.session.scalar(select(Hall).where(Hall.id == hall_id).with_for_update())
    if hall is None:
        raise HallNotFound(id=hall_id)
    tx.expect(hall.version)
    known = await load_known(
        tx, [Wanted(organisations=(given.organisation_id,), halls=(given.merged_into,))]
    )
    refuse(
        [
            *known.organisation("organisation_id", given.organisation_id),
            *_merging_flaws(hall, given, known),
        ]
    )
    if given.state != hall.state:
        HALL.after(HallState(hall.state), HALL_ACTION[given.state], tx.actor.role)
        if given.state is HallState.MERGED:
            await _refuse_in_use(tx, hall_id)
    change(tx, HALLS, hall, given.model_dump(), known)
    return hall


def _merging_flaws(hall: Hall, given: HallUpdate, known: Known) -> Iterable[FieldError]:
    if given.merged_into is None:
        if given.state is HallState.MERGED:
            yield FieldError("merged_into", "merged_into_missing")
    elif given.state is not HallState.MERGED or given.merged_into == hall.id:
        yield FieldError("merged_into", "merged_into_unfit")
    else:
        yield from known.hall("merged_into", given.merged_into)
        into = known.halls.get(given.merged_into)
        if into is not None and into.state != HallState.ACTIVE:
            yield FieldError("merged_into", "merged_into_unfit")


async def _refuse_in_use(tx: Transaction, hall_id: str) -> None:
    held = await tx.session.scalar(
        select(func.count())
        .select_from(Listing)
        .where(Listing.hall_id == hall_id, Listing.state.in_(LIVE))
    )
    if held:
        raise HallHoldsListings(clause="A5.3", id=hall_id, count=held)
