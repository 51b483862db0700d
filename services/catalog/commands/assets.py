"""The asset ledger: what projects have built, entered and kept true (A6.4)."""

from collections.abc import Collection, Iterable
from uuid import UUID, uuid4

from sqlalchemy import select

from services.catalog.commands.register import Wanted, load_known, refuse
from services.catalog.errors import AssetNotFound, Registered
from services.catalog.rules.channels import name_key
from services.catalog.schemas.assets import AssetInput, AssetUpdate
from services.catalog.tables import Asset, Listing, Organisation, Zone
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import AssetRegistered
from shared.security.access import Relation, check_relation
from shared.security.scope import visible


async def register_asset(tx: Transaction, given: AssetInput, *, relation: Relation) -> Asset:
    """Enter an asset; `already_registered` (409) for the same system under the same contract."""
    known = await load_known(tx, [Wanted(organisations=(given.organisation_id,))])
    refuse(list(known.organisation("organisation_id", given.organisation_id)))
    owner = known.organisations[given.organisation_id]
    check_relation(relation, tx.actor, organisation=owner.id, region=owner.region, clause="A6.4")
    refuse(await _flaws(tx, given))
    asset = Asset(id=uuid4(), organisation_id=owner.id, region=owner.region, version=0)
    await _refuse_taken(tx, asset, given)
    tx.session.add(asset)
    _write(tx, asset, given)
    await tx.session.flush()
    return asset


async def update_asset(
    tx: Transaction, asset_id: UUID, given: AssetUpdate, *, relation: Relation
) -> Asset:
    """Change an asset; `asset_not_found` (404) for what the actor may not see."""
    asset = await tx.session.scalar(
        select(Asset)
        .where(
            Asset.id == asset_id,
            visible(tx.actor, region=Asset.region, organisation=Asset.organisation_id),
        )
        .with_for_update()
    )
    if asset is None:
        raise AssetNotFound(id=asset_id)
    check_relation(
        relation,
        tx.actor,
        organisation=asset.organisation_id,
        region=asset.region,
        clause="A6.4",
    )
    tx.expect(asset.version)
    refuse(await _flaws(tx, given))
    await _refuse_taken(tx, asset, given)
    _write(tx, asset, given)
    return asset


async def _flaws(tx: Transaction, given: AssetUpdate) -> list[FieldError]:
    listings = await tx.session.scalars(select(Listing.id).where(Listing.id.in_(given.listing_ids)))
    zones = await tx.session.scalars(select(Zone.id).where(Zone.id.in_(given.zone_ids)))
    return [
        *_missing("listing_ids", given.listing_ids, set(listings), "listing_unknown"),
        *_missing("zone_ids", given.zone_ids, set(zones), "zone_unknown"),
    ]


def _missing(
    member: str, ids: Iterable[object], there: Collection[object], code: str
) -> Iterable[FieldError]:
    for place, id_ in enumerate(ids):
        if id_ not in there:
            yield FieldError(f"{member}/{place}", code, {"id": str(id_)})


async def _refuse_taken(tx: Transaction, asset: Asset, given: AssetUpdate) -> None:
    # One at a time in each unit's ledger: of two who enter the same, the later sees the earlier.
    await tx.session.execute(
        select(Organisation.id)
        .where(Organisation.id == asset.organisation_id)
        .with_for_update(key_share=True)
    )
    taken = await tx.session.scalar(
        select(Asset.id).where(
            Asset.organisation_id == asset.organisation_id,
            Asset.contract_number == given.contract_number,
            Asset.system_key == name_key(given.system),
            Asset.id != asset.id,
        )
    )
    if taken is not None:
        raise Registered(id=taken)


def _write(tx: Transaction, asset: Asset, given: AssetUpdate) -> None:
    """Write the values, count the version up and tell."""
    for name in AssetUpdate.model_fields:
        setattr(asset, name, getattr(given, name))
    asset.system_key = name_key(given.system)
    asset.version += 1
    tx.emit(
        AssetRegistered(
            asset_id=asset.id,
            organisation_id=asset.organisation_id,
            **given.model_dump(include=set(AssetUpdate.model_fields)),
        ),
        subject=f"asset:{asset.id}",
        region=asset.region,
    )
