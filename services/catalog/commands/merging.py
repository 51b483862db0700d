"""A hall's merging into another, and its keeping beside it by filing (A5.3, A5.5)."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, text, update

from services.catalog.commands.halls import HALLS, ZONES
from services.catalog.commands.limits import limit
from services.catalog.commands.listings import move_to_hall
from services.catalog.commands.notices import announce
from services.catalog.commands.register import Known, Wanted, change, load_known, refuse
from services.catalog.errors import (
    HallMerged,
    HallNotFound,
    HallUnknown,
    MergeCircle,
    RetentionMissing,
)
from services.catalog.rules.halls import (
    HALL,
    HALL_ACTION,
    TAKES_IN,
    HallAction,
    HallState,
    RetentionFlaw,
    retention_flaw,
)
from services.catalog.rules.notices import NoticeKind
from services.catalog.rules.register import MERGES_INTO, HallLevel
from services.catalog.schemas.register import HallUpdate
from services.catalog.tables import Hall, HallRetention, Zone
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import HallRetentionRefused
from shared.events.filing import SubhallRetained
from shared.security.identity import scope_prefix

_BATCH = 100


async def update_hall(tx: Transaction, hall_id: str, given: HallUpdate) -> Hall:
    """Change a hall, plan its merging or merge it, with all that is in it (A5.3).

    `merge_circle` (409), `hall_merged` (409); `retention_missing` (409) where only an accepted
    filing leads (A5.5).
    """
    await _hold_the_tree(tx)
    hall = await _lock(tx, hall_id)
    if hall is None:
        raise HallNotFound(id=hall_id)
    tx.expect(hall.version)
    if hall.state == HallState.MERGED:
        raise HallMerged(clause="A5.3", id=hall_id, into=hall.merged_into)
    known = await load_known(
        tx,
        [
            Wanted(
                regions=(hall.region,),
                organisations=(given.organisation_id,),
                halls=(given.merged_into,),
            )
        ],
    )
    refuse(
        [
            *known.organisation("organisation_id", given.organisation_id),
            *_merging_flaws(hall, given, known),
        ]
    )
    if given.state != hall.state:
        action = HALL_ACTION.get(given.state)
        if action is None:
            raise RetentionMissing(clause="A5.5", id=hall_id)
        HALL.after(HallState(hall.state), action, tx.actor.role)
    if given.merged_into is not None:
        await _refuse_circle(tx, hall_id, given.merged_into)
    change(tx, HALLS, hall, given.model_dump(), known)
    if given.merged_into is not None and given.state is HallState.MERGED:
        await _move_contents(tx, hall, known.halls[given.merged_into])
    return hall


async def retain_hall(tx: Transaction, event: SubhallRetained) -> None:
    """Keep a merging hall by its accepted filing, or tell why that cannot hold (A5.5)."""
    if await tx.session.get(HallRetention, event.filing_id) is not None:
        return
    hall = await _lock(tx, event.hall_id)
    if hall is None:
        raise HallUnknown(event.hall_id)
    flaw = retention_flaw(
        HallState(hall.state),
        since=event.since,
        until=event.until,
        retained_until=hall.retained_until,
        today=tx.now.astimezone(SHANGHAI).date(),
    )
    if flaw is not None:
        _refuse_retention(tx, hall, event.filing_id, flaw)
        return
    tx.session.add(
        HallRetention(
            filing_id=event.filing_id, hall_id=hall.id, since=event.since, until=event.until
        )
    )
    values = {"retained_until": event.until, "retention_filing_id": event.filing_id}
    if hall.state == HallState.MERGING:
        state = HALL.after(HallState.MERGING, HallAction.RETAIN, tx.actor.role)
        values |= {"state": state, "merged_into": None}
    change(tx, HALLS, hall, values, Known())


async def end_retentions(tx: Transaction) -> None:
    """The clock's part: a hall whose last day of retention is over goes on merging (A5.5)."""
    today = tx.now.astimezone(SHANGHAI).date()
    over = await tx.session.scalars(
        select(Hall)
        .where(Hall.retained_until < today)
        .order_by(Hall.retained_until)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for hall in over.all():
        values: dict[str, object] = {"retained_until": None, "retention_filing_id": None}
        if hall.state == HallState.RETAINED:
            values["state"] = HALL.after(
                HallState.RETAINED, HallAction.END_RETENTION, tx.actor.role
            )
        change(tx, HALLS, hall, values, Known())


def _refuse_retention(tx: Transaction, hall: Hall, filing_id: UUID, flaw: RetentionFlaw) -> None:
    tx.emit(
        HallRetentionRefused(hall_id=hall.id, filing_id=filing_id, reason=flaw, state=hall.state),
        subject=f"hall:{hall.id}",
        region=hall.region,
    )


async def _hold_the_tree(tx: Transaction) -> None:
    """One change of the tree at a time: two mergings at once could close a circle."""
    await tx.session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('catalog|halls', 1))")
    )


async def _lock(tx: Transaction, hall_id: str) -> Hall | None:
    hall: Hall | None = await tx.session.scalar(
        select(Hall).where(Hall.id == hall_id).with_for_update()
    )
    return hall


def _merging_flaws(hall: Hall, given: HallUpdate, known: Known) -> Iterable[FieldError]:
    if given.merged_into is None:
        if given.state is HallState.MERGED:
            yield FieldError("merged_into", "merged_into_missing")
        return
    yield from known.hall("merged_into", given.merged_into)
    into = known.halls.get(given.merged_into)
    if into is None:
        return
    fits = (
        given.state in HALL_ACTION
        and into.id != hall.id
        and into.level == MERGES_INTO.get(HallLevel(hall.level))
        and (hall.level != HallLevel.COUNTY or hall.region.startswith(scope_prefix(into.region)))
        and (given.state is HallState.MERGING or into.state in TAKES_IN)
    )
    if not fits:
        yield FieldError("merged_into", "merged_into_unfit")


async def _refuse_circle(tx: Transaction, hall_id: str, into: str) -> None:
    """Nothing that the other hall stands under or merges into may be this hall."""
    circle = await tx.session.scalar(
        text(
            "with recursive above(id) as (select cast(:into as text) union"
            " select next from above join halls using (id),"
            " unnest(array[halls.merged_into, halls.parent]) as next where next is not null)"
            " select exists (select from above where id = :hall)"
        ),
        {"into": into, "hall": hall_id},
    )
    if circle:
        raise MergeCircle(clause="A5.3", id=hall_id, into=into)


async def _move_contents(tx: Transaction, hall: Hall, into: Hall) -> None:
    """Halls below, zones and services move to the hall that took this one in (A5.3)."""
    await tx.session.flush()
    below = await tx.session.scalars(
        select(Hall).where(Hall.parent == hall.id).order_by(Hall.id).with_for_update()
    )
    for each in below.all():
        change(tx, HALLS, each, {"parent": into.id}, Known())
    await tx.session.execute(
        update(Hall)
        .where(Hall.merged_into == hall.id, Hall.state == HallState.MERGING)
        .values(merged_into=into.id)
    )
    zones = await tx.session.scalars(
        select(Zone).where(Zone.hall_id == hall.id).order_by(Zone.id).with_for_update()
    )
    for zone in zones.all():
        change(tx, ZONES, zone, {"hall_id": into.id}, Known(halls={into.id: into}))
    await move_to_hall(tx, hall_id=hall.id, into=into.id)
    if await limit(tx, "notice_on_merging"):
        await announce(
            tx,
            NoticeKind.MERGE,
            params={"hall": hall.name, "into": into.name},
            region=hall.region,
            at=tx.now,
        )
