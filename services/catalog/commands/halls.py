"""Halls, zones, norms and items: how the register takes them in (A2.1, A5.3, A6.3, A8.2, A10.1)."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.catalog.commands.register import (
    Known,
    Register,
    Wanted,
    add,
)
from services.catalog.rules.halls import HallState, ZoneState
from services.catalog.rules.items import ITEM_TYPES, code_flaw
from services.catalog.rules.register import (
    HALL_LEVELS,
    PARENT_HALL,
    HallLevel,
    Level,
    OrganisationKind,
)
from services.catalog.schemas.items import ItemInput
from services.catalog.schemas.register import HallInput, NormInput, ZoneInput
from services.catalog.tables import Hall, Item, Norm, Zone
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
        return
    yield from known.open_hall("parent", given.parent)
    parent = known.halls.get(given.parent)
    if parent is not None and (wanted is None or HallLevel(parent.level) is not wanted):
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
        merged_into=hall.merged_into,
        retained_until=hall.retained_until,
    ),
    subject=lambda hall: f"hall:{hall.id}",
    region=lambda hall, _known: hall.region,
)


def _zone_flaws(given: ZoneInput, known: Known) -> Iterable[FieldError]:
    yield from known.open_hall("hall_id", given.hall_id)
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
        zone_id=zone.id,
        name=zone.name,
        hall_id=zone.hall_id,
        department=zone.department,
        state=zone.state or ZoneState.DRAFT,
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
