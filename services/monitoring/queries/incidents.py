"""Incidents, their timelines, and findings, as their units and the authorities see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, select

from services.monitoring.errors import IncidentNotFound
from services.monitoring.schemas.incidents import FindingView, IncidentView, TimelineEntry
from services.monitoring.tables import Finding, Incident, IncidentEntry
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible

OPEN, CLOSED = "OPEN", "CLOSED"


def _seen(tx: Transaction, table: type[Incident] | type[Finding]) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=table.region.expression,
        organisation=table.organisation_id.expression,
    )


def _found(
    tx: Transaction,
    table: type[Incident] | type[Finding],
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    is_open: bool | None,
) -> list[ColumnElement[bool]]:
    found = [_seen(tx, table)]
    if organisation:
        found.append(table.organisation_id == organisation)
    if region:
        found.append(table.region.startswith(scope_prefix(region), autoescape=True))
    if listing is not None:
        found.append(table.listing_id == listing)
    if is_open is not None:
        found.append(table.closed_at.is_(None) if is_open else table.closed_at.is_not(None))
    return found


async def list_incidents(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    is_open: bool | None,
) -> tuple[Sequence[IncidentView], str | None]:
    """The newest first."""
    conditions = _found(
        tx, Incident, organisation=organisation, region=region, listing=listing, is_open=is_open
    )
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
    row = (
        await tx.session.execute(
            select(Incident, _state()).where(Incident.id == incident_id, _seen(tx, Incident))
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


async def list_findings(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    is_open: bool | None,
) -> tuple[Sequence[FindingView], str | None]:
    """The newest first."""
    conditions = _found(
        tx, Finding, organisation=organisation, region=region, listing=listing, is_open=is_open
    )
    rows = await tx.session.scalars(
        keyset(
            select(Finding).where(*conditions),
            page,
            columns=[Finding.raised_at.expression, Finding.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.raised_at, row.id))
    return [FindingView.model_validate(row) for row in shown], cursor


def _state() -> ColumnElement[str]:
    return case((Incident.closed_at.is_(None), OPEN), else_=CLOSED).label("state")


def _view(row: Any) -> IncidentView:
    incident: Incident = row.Incident
    return IncidentView(
        id=incident.id,
        probe_id=incident.probe_id,
        listing_id=incident.listing_id,
        organisation_id=incident.organisation_id,
        region=incident.region,
        state=row.state,
        cause=incident.cause,
        started_at=incident.started_at,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        reopened=incident.reopened,
        window_id=incident.window_id,
        filing_id=incident.filing_id,
        version=incident.version,
    )
