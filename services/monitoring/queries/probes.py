"""Probes as their owners and the authorities see them (A17.3)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, case, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from services.monitoring.errors import PeriodInvalid, ProbeNotFound
from services.monitoring.rules.accounting import Account, Change, Span, account, seen_until
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.windows import WITHOUT_EFFECT, WindowState
from services.monitoring.schemas.probes import (
    AvailabilityView,
    HealthView,
    ProbeView,
    SampleView,
)
from services.monitoring.tables import (
    LAST_WATCHED,
    Incident,
    KnownWindow,
    Probe,
    ProbeParent,
    ProbeStanding,
    StateChange,
    samples,
)
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible

SAMPLES_SHOWN = timedelta(hours=1)
_LONGEST = timedelta(days=366)


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Probe.region.expression,
        organisation=Probe.organisation_id.expression,
    )


def running() -> ColumnElement[bool]:
    return Probe.listed & ~Probe.paused


def state_now(tx: Transaction) -> ColumnElement[str]:
    """What is known now: nothing, where nobody has looked for two intervals."""
    unwatched = or_(
        LAST_WATCHED.c.watched_until.is_(None),
        tx.now - LAST_WATCHED.c.watched_until
        > func.make_interval(0, 0, 0, 0, 0, 0, 2 * Probe.interval_seconds),
    )
    return case((unwatched, ProbeState.UNKNOWN.value), else_=ProbeStanding.state)


def open_incident() -> ColumnElement[bool]:
    """A fault within a window is a suppressed alert, not yet an incident (M8)."""
    return (
        ProbeStanding.incident_open
        & (Incident.id == ProbeStanding.incident_id)
        & Incident.closed_at.is_(None)
    )


def shown_probes(tx: Transaction) -> Select[Any]:
    """Probes that the actor sees, each with where it stands."""
    parents = (
        select(ProbeParent.parent_id)
        .where(ProbeParent.probe_id == Probe.id)
        .order_by(ProbeParent.parent_id)
        .correlate(Probe)
        .scalar_subquery()
    )
    columns: list[Any] = [
        Probe,
        running().label("running"),
        state_now(tx).label("state"),
        ProbeStanding.since,
        ProbeStanding.failure,
        Incident.id.label("incident_id"),
        func.array(parents, type_=ARRAY(Uuid)).label("parents"),
    ]
    return (
        select(*columns)
        .join(ProbeStanding, ProbeStanding.probe_id == Probe.id)
        .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
        .outerjoin(Incident, open_incident())
        .where(_seen(tx))
    )


def _view(row: Any) -> ProbeView:
    probe: Probe = row.Probe
    return ProbeView(
        id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        purpose=probe.purpose,
        name=probe.name,
        url=probe.url,
        method=probe.method,
        conditions=probe.conditions,
        interval_seconds=probe.interval_seconds,
        timeout_seconds=probe.timeout_seconds,
        redirects=probe.redirects,
        vantages=probe.vantages,
        parents=row.parents,
        paused=probe.paused,
        running=row.running,
        state=row.state,
        since=row.since,
        failure=row.failure,
        incident_id=row.incident_id,
        version=probe.version,
    )


async def list_probes(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    state: ProbeState | None,
) -> tuple[Sequence[ProbeView], str | None]:
    """By their id; `region` finds all below it."""
    statement = shown_probes(tx)
    if organisation:
        statement = statement.where(Probe.organisation_id == organisation)
    if region:
        statement = statement.where(Probe.region.startswith(scope_prefix(region), autoescape=True))
    if listing is not None:
        statement = statement.where(Probe.listing_id == listing)
    if state is not None:
        statement = statement.where(state_now(tx) == state.value)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Probe.id.expression], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.Probe.id,))
    return [_view(row) for row in shown], cursor


async def show_probe(tx: Transaction, probe_id: UUID) -> ProbeView:
    """`probe_not_found` (404)."""
    await tx.session.flush()
    row = (await tx.session.execute(shown_probes(tx).where(Probe.id == probe_id))).first()
    if row is None:
        raise ProbeNotFound(probe_id=probe_id)
    return _view(row)


async def list_samples(
    tx: Transaction, page: PageRequest, probe_id: UUID, *, until: datetime | None
) -> tuple[Sequence[SampleView], str | None]:
    """Those of the hour before `until`, the newest first."""
    await show_probe(tx, probe_id)
    end = until or tx.now
    statement = select(samples).where(
        samples.c.probe_id == probe_id,
        samples.c.at <= end,
        samples.c.at > end - SAMPLES_SHOWN,
    )
    rows = await tx.session.execute(
        keyset(
            statement,
            page,
            columns=[samples.c.at],
            kinds=[datetime.fromisoformat],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.at,))
    return [SampleView.model_validate(row) for row in shown], cursor


async def show_availability(
    tx: Transaction, probe_id: UUID, *, since: datetime | None, until: datetime | None
) -> AvailabilityView:
    """Of the last day unless another period of at most a year is named; `period_invalid` (422)."""
    end = min(until or tx.now, tx.now)
    start = since or end - timedelta(days=1)
    if not start < end or end - start > _LONGEST:
        raise PeriodInvalid
    row = (
        await tx.session.execute(
            select(Probe, LAST_WATCHED.c.watched_until)
            .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
            .where(Probe.id == probe_id, _seen(tx))
        )
    ).first()
    if row is None:
        raise ProbeNotFound(probe_id=probe_id)
    probe: Probe = row.Probe
    found = account(
        await _changes(tx, probe_id, start, end),
        windows=await _windows(tx, probe, start, end),
        period=Span(start, end),
        watched_until=seen_until(row.watched_until, now=tx.now, interval=probe.interval_seconds),
    )
    return _availability(probe_id, Span(start, end), found)


async def _changes(tx: Transaction, probe_id: UUID, start: datetime, end: datetime) -> list[Change]:
    """Those of the period, after the last one before it."""
    of_probe = select(StateChange).where(StateChange.probe_id == probe_id)
    order = (StateChange.at, StateChange.number)
    before = await tx.session.scalar(
        of_probe.where(StateChange.at <= start)
        .order_by(StateChange.at.desc(), StateChange.number.desc())
        .limit(1)
    )
    within = await tx.session.scalars(
        of_probe.where(StateChange.at > start, StateChange.at < end).order_by(*order)
    )
    rows = [*([before] if before is not None else []), *within]
    return [Change(row.at, ProbeState(row.state)) for row in rows]


async def _windows(tx: Transaction, probe: Probe, start: datetime, end: datetime) -> list[Span]:
    rows = await tx.session.scalars(
        select(KnownWindow).where(
            KnownWindow.organisation_id == probe.organisation_id,
            KnownWindow.starts_at < end,
            KnownWindow.ends_at > start,
            KnownWindow.impact != WITHOUT_EFFECT,
            KnownWindow.state != WindowState.CANCELLED,
            or_(
                func.cardinality(KnownWindow.listing_ids) == 0,
                KnownWindow.listing_ids.contains([probe.listing_id]),
            ),
        )
    )
    return [Span(row.starts_at, row.ends_at) for row in rows]


def _availability(probe_id: UUID, period: Span, found: Account) -> AvailabilityView:
    return AvailabilityView(
        probe_id=probe_id,
        since=period.start,
        until=period.end,
        up=found.up.total_seconds(),
        down=found.down.total_seconds(),
        maintenance=found.maintenance.total_seconds(),
        unknown=found.unknown.total_seconds(),
        raw_availability=found.raw_availability,
        adjusted_availability=found.adjusted_availability,
    )


async def list_health(
    tx: Transaction, page: PageRequest, *, region: str, organisation: str
) -> tuple[Sequence[HealthView], str | None]:
    """One row for each unit of a region, by both; probes that do not run are left out."""
    state = state_now(tx)

    def counted(value: ProbeState) -> ColumnElement[int]:
        return func.count().filter(state == value.value).label(value.value.lower())

    columns: list[Any] = [
        Probe.region,
        Probe.organisation_id,
        *(counted(each) for each in ProbeState),
        func.count(Incident.id).label("open_incidents"),
    ]
    statement = (
        select(*columns)
        .join(ProbeStanding, ProbeStanding.probe_id == Probe.id)
        .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
        .outerjoin(Incident, open_incident())
        .where(_seen(tx), running())
        .group_by(Probe.region, Probe.organisation_id)
    )
    if region:
        statement = statement.where(Probe.region.startswith(scope_prefix(region), autoescape=True))
    if organisation:
        statement = statement.where(Probe.organisation_id == organisation)
    rows = await tx.session.execute(
        keyset(
            statement,
            page,
            columns=[Probe.region.expression, Probe.organisation_id.expression],
            kinds=[str, str],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.region, row.organisation_id))
    return [HealthView.model_validate(row) for row in shown], cursor
