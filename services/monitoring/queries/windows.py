"""Windows as monitoring knows them, the alerts they held back, and what they corrected (M8)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from services.monitoring.errors import WindowUnknown
from services.monitoring.queries.scoping import scoped
from services.monitoring.rules.windows import WindowStanding, WindowState
from services.monitoring.schemas.windows import (
    CorrectionView,
    KnownWindowView,
    SuppressedAlertView,
)
from services.monitoring.tables import AvailabilityCorrection, KnownWindow, SuppressedAlert
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset

_Scoped = type[KnownWindow] | type[SuppressedAlert] | type[AvailabilityCorrection]


def _found(
    tx: Transaction, table: _Scoped, *, organisation: str, region: str
) -> list[ColumnElement[bool]]:
    return scoped(
        tx,
        of_organisation=table.organisation_id,
        of_region=table.region,
        organisation=organisation,
        region=region,
    )


def _standing(tx: Transaction) -> ColumnElement[str]:
    return case(
        (KnownWindow.state == WindowState.CANCELLED, WindowStanding.CANCELLED.value),
        (KnownWindow.ends_at <= tx.now, WindowStanding.OVER.value),
        (KnownWindow.starts_at > tx.now, WindowStanding.UPCOMING.value),
        else_=WindowStanding.RUNNING.value,
    )


def _windows(tx: Transaction) -> Select[Any]:
    late = func.coalesce(KnownWindow.accepted_at > KnownWindow.starts_at, False)
    columns: list[Any] = [
        *KnownWindow.__table__.columns,
        _standing(tx).label("standing"),
        late.label("late"),
    ]
    return select(*columns)


async def list_known_windows(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    standing: WindowStanding | None,
) -> tuple[Sequence[KnownWindowView], str | None]:
    """The one that begins last first."""
    found = _found(tx, KnownWindow, organisation=organisation, region=region)
    if listing is not None:
        found.append(
            or_(
                func.cardinality(KnownWindow.listing_ids) == 0,
                KnownWindow.listing_ids.contains([listing]),
            )
        )
    if standing is not None:
        found.append(_standing(tx) == standing.value)
    rows = await tx.session.execute(
        keyset(
            _windows(tx).where(*found),
            page,
            columns=[KnownWindow.starts_at.expression, KnownWindow.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.starts_at, row.id))
    return [KnownWindowView.model_validate(row) for row in shown], cursor


async def show_known_window(tx: Transaction, window_id: UUID) -> KnownWindowView:
    """`window_unknown` (404)."""
    found = _found(tx, KnownWindow, organisation="", region="")
    row = (
        await tx.session.execute(_windows(tx).where(KnownWindow.id == window_id, *found))
    ).first()
    if row is None:
        raise WindowUnknown(window_id=window_id)
    return KnownWindowView.model_validate(row)


async def list_suppressed_alerts(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    window: UUID | None,
    is_open: bool | None,
) -> tuple[Sequence[SuppressedAlertView], str | None]:
    """The newest first."""
    found = _found(tx, SuppressedAlert, organisation=organisation, region=region)
    if listing is not None:
        found.append(SuppressedAlert.listing_id == listing)
    if window is not None:
        found.append(SuppressedAlert.window_id == window)
    if is_open is not None:
        ended = SuppressedAlert.ended_at
        found.append(ended.is_(None) if is_open else ended.is_not(None))
    rows = await tx.session.scalars(
        keyset(
            select(SuppressedAlert).where(*found),
            page,
            columns=[SuppressedAlert.suppressed_at.expression, SuppressedAlert.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.suppressed_at, row.id))
    return [SuppressedAlertView.model_validate(row) for row in shown], cursor


async def list_corrections(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    probe: UUID | None,
    window: UUID | None,
) -> tuple[Sequence[CorrectionView], str | None]:
    """The newest first."""
    found = _found(tx, AvailabilityCorrection, organisation=organisation, region=region)
    if probe is not None:
        found.append(AvailabilityCorrection.probe_id == probe)
    if window is not None:
        found.append(AvailabilityCorrection.window_id == window)
    columns: list[Any] = [
        AvailabilityCorrection.corrected_at.expression,
        AvailabilityCorrection.id.expression,
    ]
    rows = await tx.session.scalars(
        keyset(
            select(AvailabilityCorrection).where(*found),
            page,
            columns=columns,
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.corrected_at, row.id))
    return [CorrectionView.model_validate(row) for row in shown], cursor
