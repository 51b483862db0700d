"""Incidents and their timelines, as their units and the authorities see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, select

from services.monitoring.errors import IncidentNotFound
from services.monitoring.rules.incidents import IncidentKind, IncidentState, Severity, seconds
from services.monitoring.schemas.incidents import (
    HandlerView,
    IncidentClockView,
    IncidentView,
    TimelineEntry,
)
from services.monitoring.tables import Incident, IncidentClock, IncidentEntry
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible

_COLUMNS = tuple(Incident.__table__.columns.keys() & IncidentView.model_fields.keys())


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Incident.region.expression,
        organisation=Incident.organisation_id.expression,
    )


def _found(
    tx: Transaction,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    is_open: bool | None,
) -> list[ColumnElement[bool]]:
    found = [_seen(tx)]
    if organisation:
        found.append(Incident.organisation_id == organisation)
    if region:
        found.append(Incident.region.startswith(scope_prefix(region), autoescape=True))
    if listing is not None:
        found.append(Incident.listing_id == listing)
    if is_open is not None:
        found.append(Incident.closed_at.is_(None) if is_open else Incident.closed_at.is_not(None))
    return found


async def list_incidents(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    is_open: bool | None,
    kind: IncidentKind | None,
    severity: Severity | None,
) -> tuple[Sequence[IncidentView], str | None]:
    """The newest first."""
    conditions = _found(
        tx, organisation=organisation, region=region, listing=listing, is_open=is_open
    )
    if kind is not None:
        conditions.append(Incident.kind == kind)
    if severity is not None:
        conditions.append(Incident.severity == severity)
    columns: list[Any] = [Incident, _state()]
    rows = await tx.session.execute(
        keyset(
            select(*columns).where(*conditions),
            page,
            columns=[Incident.opened_at.expression, Incident.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.Incident.opened_at, row.Incident.id))
    return [_view(row) for row in shown], cursor


async def show_incident(tx: Transaction, incident_id: UUID) -> IncidentView:
    """`incident_not_found` (404)."""
    await tx.session.flush()
    row = (
        await tx.session.execute(
            select(Incident, _state()).where(Incident.id == incident_id, _seen(tx))
        )
    ).first()
    if row is None:
        raise IncidentNotFound(incident_id=incident_id)
    return _view(row)


async def list_timeline(
    tx: Transaction, page: PageRequest, incident_id: UUID
) -> tuple[Sequence[TimelineEntry], str | None]:
    """What happened to an incident, in its order."""
    await show_incident(tx, incident_id)
    rows = await tx.session.scalars(
        keyset(
            select(IncidentEntry).where(IncidentEntry.incident_id == incident_id),
            page,
            columns=[IncidentEntry.number.expression],
            kinds=[int],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.number,))
    return [TimelineEntry.model_validate(row) for row in shown], cursor


async def list_clocks(
    tx: Transaction, page: PageRequest, incident_id: UUID
) -> tuple[Sequence[IncidentClockView], str | None]:
    """The reports that an incident is owed, by their id."""
    await show_incident(tx, incident_id)
    rows = await tx.session.scalars(
        keyset(
            select(IncidentClock).where(IncidentClock.incident_id == incident_id),
            page,
            columns=[IncidentClock.id.expression],
            kinds=[UUID],
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [_clock(row) for row in shown], cursor


def _clock(row: IncidentClock) -> IncidentClockView:
    return IncidentClockView(
        report=row.kind,
        state=row.state,
        outcome=row.outcome,
        policy=row.policy,
        policy_version=row.policy_version,
        amount=row.amount,
        unit=row.unit,
        due_at=row.due_at,
        late=row.overdue_at is not None,
        fired=row.fired,
    )


def _state() -> ColumnElement[str]:
    return case(
        (Incident.closed_at.is_not(None), IncidentState.CLOSED.value),
        (Incident.resolved_at.is_not(None), IncidentState.RECOVERED.value),
        else_=IncidentState.OPEN.value,
    ).label("state")


def _view(row: Any) -> IncidentView:
    incident: Incident = row.Incident
    columns = {name: getattr(incident, name) for name in _COLUMNS}
    handler = incident.handler_organisation and HandlerView(
        organisation_id=incident.handler_organisation,
        domain=incident.handler_domain or "",
        post=incident.handler_post or "",
    )
    return IncidentView(
        **columns,
        state=row.state,
        handler=handler or None,
        seconds_to_acknowledge=seconds(incident.opened_at, incident.acknowledged_at),
        seconds_to_resolve=seconds(incident.opened_at, incident.resolved_at),
    )
