"""The live picture: probe state, incidents, windows and alerts of a listing, joined (A17.4)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select

from services.monitoring.errors import ListingUnwatched
from services.monitoring.queries.probes import open_incident, running, state_now
from services.monitoring.queries.scoping import scoped
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.incidents import IncidentState
from services.monitoring.rules.windows import WITHOUT_EFFECT, WindowState
from services.monitoring.schemas.live import (
    LiveIncident,
    LiveListingView,
    LiveProbe,
    LiveWindow,
    RegionHealthView,
)
from services.monitoring.tables import (
    LAST_WATCHED,
    Incident,
    KnownListing,
    KnownWindow,
    Probe,
    ProbeStanding,
    SuppressedAlert,
)
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset

_WORST = (ProbeState.DOWN, ProbeState.UNKNOWN, ProbeState.UP)


def _found(
    tx: Transaction, *, organisation: str = "", region: str = ""
) -> list[ColumnElement[bool]]:
    return scoped(
        tx,
        of_organisation=KnownListing.organisation_id,
        of_region=KnownListing.region,
        organisation=organisation,
        region=region,
    )


async def list_live_listings(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    troubled: bool | None,
) -> tuple[Sequence[LiveListingView], str | None]:
    """By their id; `troubled` are those with an open incident or a fault within a window."""
    found = _found(tx, organisation=organisation, region=region)
    if troubled is not None:
        trouble = or_(
            select(Incident.id)
            .where(Incident.listing_id == KnownListing.id, Incident.closed_at.is_(None))
            .exists(),
            select(SuppressedAlert.id)
            .where(
                SuppressedAlert.listing_id == KnownListing.id, SuppressedAlert.ended_at.is_(None)
            )
            .exists(),
        )
        found.append(trouble if troubled else ~trouble)
    rows = await tx.session.scalars(
        keyset(
            select(KnownListing).where(*found),
            page,
            columns=[KnownListing.id.expression],
            kinds=[UUID],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return await _pictures(tx, shown), cursor


async def show_live_listing(tx: Transaction, listing_id: UUID) -> LiveListingView:
    """`listing_unwatched` (404)."""
    row = await tx.session.scalar(
        select(KnownListing).where(KnownListing.id == listing_id, *_found(tx))
    )
    if row is None:
        raise ListingUnwatched(listing_id=listing_id)
    [picture] = await _pictures(tx, [row])
    return picture


async def _pictures(tx: Transaction, listings: Sequence[KnownListing]) -> list[LiveListingView]:
    """As many queries for a page as for one listing."""
    ids = [each.id for each in listings]
    probes = await _probes(tx, ids)
    incidents = await _incidents(tx, ids)
    windows = await _windows(tx, {each.organisation_id for each in listings})
    held = await _held(tx, ids)
    return [
        LiveListingView(
            listing_id=each.id,
            title=each.title,
            organisation_id=each.organisation_id,
            region=each.region,
            listing_state=each.state,
            state=_worst(probe.state for probe in probes[each.id]),
            probes=probes[each.id],
            incidents=incidents[each.id],
            windows=[
                LiveWindow.model_validate(window)
                for window in windows[each.organisation_id]
                if not window.listing_ids or each.id in window.listing_ids
            ],
            suppressed_alerts=held.get(each.id, 0),
            open_complaints=None,
        )
        for each in listings
    ]


async def _probes(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[LiveProbe]]:
    """Those that run."""
    columns: list[Any] = [
        Probe.listing_id,
        Probe.id,
        Probe.name,
        state_now(tx).label("state"),
        ProbeStanding.since,
        ProbeStanding.failure,
    ]
    rows = await tx.session.execute(
        select(*columns)
        .join(ProbeStanding, ProbeStanding.probe_id == Probe.id)
        .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
        .where(Probe.listing_id.in_(ids), running())
        .order_by(Probe.id)
    )
    found: dict[UUID, list[LiveProbe]] = defaultdict(list)
    for row in rows:
        found[row.listing_id].append(LiveProbe.model_validate(row))
    return found


async def _incidents(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[LiveIncident]]:
    rows = await tx.session.scalars(
        select(Incident)
        .where(Incident.listing_id.in_(ids), Incident.closed_at.is_(None))
        .order_by(Incident.opened_at, Incident.id)
    )
    found: dict[UUID, list[LiveIncident]] = defaultdict(list)
    for row in rows:
        if row.listing_id is not None:
            over = row.resolved_at is not None
            found[row.listing_id].append(
                LiveIncident(
                    id=row.id,
                    state=IncidentState.RECOVERED if over else IncidentState.OPEN,
                    severity=row.severity,
                    opened_at=row.opened_at,
                    acknowledged_at=row.acknowledged_at,
                )
            )
    return found


async def _windows(tx: Transaction, units: Iterable[str]) -> dict[str, list[KnownWindow]]:
    """Those that run now and have an effect."""
    rows = await tx.session.scalars(
        select(KnownWindow)
        .where(
            KnownWindow.organisation_id.in_(list(units)),
            KnownWindow.starts_at <= tx.now,
            KnownWindow.ends_at > tx.now,
            KnownWindow.state != WindowState.CANCELLED,
            KnownWindow.impact != WITHOUT_EFFECT,
        )
        .order_by(KnownWindow.starts_at, KnownWindow.id)
    )
    found: dict[str, list[KnownWindow]] = defaultdict(list)
    for row in rows:
        found[row.organisation_id].append(row)
    return found


async def _held(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await tx.session.execute(
        select(SuppressedAlert.listing_id, func.count())
        .where(SuppressedAlert.listing_id.in_(ids), SuppressedAlert.ended_at.is_(None))
        .group_by(SuppressedAlert.listing_id)
    )
    return {row[0]: row[1] for row in rows}


def _worst(states: Iterable[str]) -> str:
    """DOWN before UNKNOWN before UP; nothing known where nothing runs."""
    found = set(states)
    return next((each for each in _WORST if each in found), ProbeState.UNKNOWN)


async def list_region_health(
    tx: Transaction, page: PageRequest
) -> tuple[Sequence[RegionHealthView], str | None]:
    """One row for each city with all below it, and one for the province's departments."""
    county = func.length(Probe.region) == 6
    region = case((county, func.concat(func.substr(Probe.region, 1, 4), "00")), else_=Probe.region)
    state = state_now(tx)

    def counted(value: ProbeState) -> ColumnElement[int]:
        return func.count().filter(state == value.value).label(value.value.lower())

    counts: list[Any] = [
        region.label("region"),
        func.count(Probe.organisation_id.distinct()).label("units"),
        *(counted(each) for each in ProbeState),
        func.count(Incident.id).label("open_incidents"),
    ]
    seen = scoped(tx, of_organisation=Probe.organisation_id, of_region=Probe.region)
    totals = (
        select(*counts)
        .join(ProbeStanding, ProbeStanding.probe_id == Probe.id)
        .join(LAST_WATCHED, LAST_WATCHED.c.shard == Probe.shard)
        .outerjoin(Incident, open_incident())
        .where(*seen, running())
        .group_by(region)
        .subquery()
    )
    rows = await tx.session.execute(
        keyset(select(totals), page, columns=[totals.c.region], kinds=[str])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.region,))
    return [RegionHealthView.model_validate(row) for row in shown], cursor
