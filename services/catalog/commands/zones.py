"""A department's zone: changed, opened, suspended, closed (A8.2)."""

from sqlalchemy import func, select

from services.catalog.commands.halls import ZONES
from services.catalog.commands.register import Wanted, change, load_known, refuse
from services.catalog.errors import ZoneHoldsListings, ZoneNotFound
from services.catalog.rules.halls import ZONE, ZoneState, zone_action
from services.catalog.rules.listings import LIVE
from services.catalog.schemas.register import ZoneUpdate
from services.catalog.tables import Listing, Zone
from shared.database import Transaction
from shared.lifecycle import IllegalStep
from shared.security.access import Relation, check_relation


async def update_zone(
    tx: Transaction, zone_id: str, given: ZoneUpdate, *, relation: Relation
) -> Zone:
    """Change a zone or move it on; `zone_holds_listings` (409), `outside_remit` (403)."""
    zone = await tx.session.scalar(select(Zone).where(Zone.id == zone_id).with_for_update())
    if zone is None:
        raise ZoneNotFound(id=zone_id)
    known = await load_known(
        tx, [Wanted(organisations=(given.operated_by,), halls=(zone.hall_id,))]
    )
    check_relation(
        relation,
        tx.actor,
        organisation=zone.department,
        region=known.halls[zone.hall_id].region,
        clause="A8.2",
    )
    tx.expect(zone.version)
    refuse(list(known.organisation("operated_by", given.operated_by)))
    if given.state != zone.state:
        state = ZoneState(zone.state)
        action = zone_action(state, given.state)
        if action is None:
            raise IllegalStep(
                lifecycle=ZONE.name,
                state=state,
                action=given.state,
                allowed=ZONE.actions(state, tx.actor.role),
            )
        ZONE.after(state, action, tx.actor.role)
        if given.state is ZoneState.DELISTED:
            await _refuse_in_use(tx, zone_id)
    change(tx, ZONES, zone, given.model_dump(), known)
    return zone


async def _refuse_in_use(tx: Transaction, zone_id: str) -> None:
    held = await tx.session.scalar(
        select(func.count())
        .select_from(Listing)
        .where(Listing.zone_id == zone_id, Listing.state.in_(LIVE))
    )
    if held:
        raise ZoneHoldsListings(clause="A8.2", id=zone_id, count=held)
