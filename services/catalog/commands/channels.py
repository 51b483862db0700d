"""Channels: registered, excepted by filing, planned, moved in, retired (A5.1, A5.2)."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import select

from services.catalog.commands.limits import limit
from services.catalog.commands.register import Wanted, load_known, refuse
from services.catalog.errors import (
    ChannelExceptionMissing,
    ChannelNotFound,
    OrganisationUnknown,
    Registered,
)
from services.catalog.rules.channels import (
    CHANNEL,
    CHANNEL_ACTION,
    ChannelState,
    Overdue,
    due_dates,
    name_key,
)
from services.catalog.schemas.channels import ChannelInput, ChannelUpdate, MigrationPlan
from services.catalog.tables import Channel, Organisation
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.catalog import ChannelOverdue, ChannelRegistered
from shared.events.filing import ChannelExceptionGranted
from shared.lifecycle import IllegalStep
from shared.security.access import Relation, check_relation

_BATCH = 100


async def register_channel(tx: Transaction, given: ChannelInput, *, relation: Relation) -> Channel:
    """Enter a channel that is there; `channel_exception_missing` (409) for a new one (A5.1)."""
    known = await load_known(tx, [Wanted(organisations=(given.organisation_id,))])
    refuse(list(known.organisation("organisation_id", given.organisation_id)))
    owner = known.organisations[given.organisation_id]
    check_relation(relation, tx.actor, organisation=owner.id, region=owner.region, clause="A5.2")
    frozen = date.fromisoformat(str(await limit(tx, "new_channels_need_exception_from")))
    if given.independent and given.in_service_since >= frozen:
        raise ChannelExceptionMissing(clause="A5.1", name=given.name, frozen=frozen)
    channel = await _of_name(tx, given.organisation_id, given.kind, given.name)
    if channel is not None:
        raise Registered(id=channel.id)
    channel = _new(owner, **given.model_dump(exclude={"organisation_id"}))
    tx.session.add(channel)
    await tx.session.flush()
    _tell(tx, channel)
    return channel


async def update_channel(
    tx: Transaction, channel_id: UUID, given: ChannelUpdate, *, relation: Relation
) -> Channel:
    """Plan a channel's moving in, or take it one step on (A5.2)."""
    channel = await tx.session.scalar(
        select(Channel).where(Channel.id == channel_id).with_for_update()
    )
    if channel is None:
        raise ChannelNotFound(id=channel_id)
    check_relation(
        relation,
        tx.actor,
        organisation=channel.organisation_id,
        region=channel.region,
        clause="A5.2",
    )
    tx.expect(channel.version)
    into = given.plan.into if given.plan is not None else None
    known = await load_known(tx, [Wanted(halls=(into,))])
    flaws = list(known.open_hall("plan/into", into))
    if given.state is not ChannelState.EXISTING and given.plan is None and not channel.plan_steps:
        flaws.append(FieldError("plan", "plan_missing"))
    refuse(flaws)
    _move(tx, channel, given.state)
    taken = await _of_name(tx, channel.organisation_id, channel.kind, given.name)
    if taken is not None and taken.id != channel.id:
        raise Registered(id=taken.id)
    channel.name, channel.name_key = given.name, name_key(given.name)
    if given.plan is not None:
        _plan(channel, given.plan)
    _changed(tx, channel)
    return channel


async def grant_exception(tx: Transaction, event: ChannelExceptionGranted, *, region: str) -> None:
    """Enter the new independent channel that an accepted filing allows, flagged (A5.1)."""
    owner = await tx.session.get(Organisation, event.organisation_id)
    if owner is None:
        raise OrganisationUnknown(event.organisation_id)
    channel = await _of_name(tx, event.organisation_id, event.channel_kind, event.channel_name)
    if channel is not None and channel.exception_filing_id == event.filing_id:
        return
    if channel is None:
        channel = _new(
            owner,
            name=event.channel_name,
            kind=event.channel_kind,
            independent=True,
            in_service_since=tx.now.astimezone(SHANGHAI).date(),
        )
        channel.region = region
        channel.version = 0  # counted up by the one way to change a channel
        tx.session.add(channel)
        await tx.session.flush()
    channel.exception_filing_id, channel.exception_until = event.filing_id, event.until
    channel.overdue = [each for each in channel.overdue if each != Overdue.EXCEPTION]
    _changed(tx, channel)


async def tell_overdue(tx: Transaction) -> None:
    """The clock's part: an exception that is over, a migration that is late, each told once."""
    today = tx.now.astimezone(SHANGHAI).date()
    late = await tx.session.scalars(
        select(Channel)
        .where(Channel.next_due_on < today)
        .order_by(Channel.next_due_on)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    for channel in late.all():
        for what, day in _due(channel).items():
            if day < today and what not in channel.overdue:
                channel.overdue = [*channel.overdue, what]
                tx.emit(
                    ChannelOverdue(
                        channel_id=channel.id,
                        organisation_id=channel.organisation_id,
                        what=what,
                        due_on=day,
                    ),
                    subject=f"channel:{channel.id}",
                    region=channel.region,
                )
        _changed(tx, channel)


def _new(owner: Organisation, *, name: str, **values: object) -> Channel:
    return Channel(
        id=uuid4(),
        name=name,
        name_key=name_key(name),
        organisation_id=owner.id,
        region=owner.region,
        state=ChannelState.EXISTING,
        plan_steps=[],
        overdue=[],
        version=1,
        **values,
    )


async def _of_name(tx: Transaction, organisation: str, kind: str, name: str) -> Channel | None:
    # One at a time in each unit's register: of two who enter the same, the later sees the earlier.
    await tx.session.execute(
        select(Organisation.id)
        .where(Organisation.id == organisation)
        .with_for_update(key_share=True)
    )
    channel: Channel | None = await tx.session.scalar(
        select(Channel)
        .where(
            Channel.organisation_id == organisation,
            Channel.kind == kind,
            Channel.name_key == name_key(name),
        )
        .with_for_update()
    )
    return channel


def _move(tx: Transaction, channel: Channel, wanted: ChannelState) -> None:
    state = ChannelState(channel.state)
    if wanted is state and state is not ChannelState.RETIRED:
        return
    action = CHANNEL_ACTION.get(wanted)
    if action is None or wanted is state:
        raise IllegalStep(
            lifecycle=CHANNEL.name,
            state=state,
            action=wanted,
            allowed=CHANNEL.actions(state, tx.actor.role),
        )
    channel.state = CHANNEL.after(state, action, tx.actor.role)


def _plan(channel: Channel, plan: MigrationPlan) -> None:
    channel.plan_into, channel.plan_steps = plan.into, plan.steps
    channel.plan_starts_on, channel.plan_due_on = plan.starts_on, plan.due_on
    channel.overdue = [each for each in channel.overdue if each != Overdue.MIGRATION]


def _due(channel: Channel) -> dict[Overdue, date]:
    return due_dates(
        ChannelState(channel.state),
        exception_until=channel.exception_until,
        migration_due=channel.plan_due_on,
    )


def _changed(tx: Transaction, channel: Channel) -> None:
    """Count the version up, find the next day it is late after, tell."""
    due = _due(channel)
    channel.overdue = [each for each in channel.overdue if each in due]
    channel.next_due_on = min(
        (day for what, day in due.items() if what not in channel.overdue), default=None
    )
    channel.version += 1
    _tell(tx, channel)


def _tell(tx: Transaction, channel: Channel) -> None:
    tx.emit(
        ChannelRegistered(
            channel_id=channel.id,
            name=channel.name,
            kind=channel.kind,
            organisation_id=channel.organisation_id,
            independent=channel.independent,
            state=channel.state,
            exception_filing_id=channel.exception_filing_id,
            exception_until=channel.exception_until,
            due_on=channel.plan_due_on,
        ),
        subject=f"channel:{channel.id}",
        region=channel.region,
    )
