"""Walks and their runs, as their units and the authorities see them (M2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.monitoring.errors import WalkNotFound, WalkRunNotFound
from services.monitoring.queries.probes import shown_probes
from services.monitoring.rules.probing import Purpose
from services.monitoring.schemas.walks import StepView, WalkRunView, WalkView
from services.monitoring.tables import Probe, WalkRun
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


async def list_walks(
    tx: Transaction, page: PageRequest, *, organisation: str, listing: UUID | None
) -> tuple[Sequence[WalkView], str | None]:
    """By their id."""
    statement = shown_probes(tx).where(Probe.purpose == Purpose.WALK)
    if organisation:
        statement = statement.where(Probe.organisation_id == organisation)
    if listing is not None:
        statement = statement.where(Probe.listing_id == listing)
    rows = await tx.session.execute(
        keyset(statement, page, columns=[Probe.id.expression], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.Probe.id,))
    return [_view(row) for row in shown], cursor


async def show_walk(tx: Transaction, walk_id: UUID) -> WalkView:
    """`walk_not_found` (404)."""
    await tx.session.flush()
    found = await tx.session.execute(
        shown_probes(tx).where(Probe.id == walk_id, Probe.purpose == Purpose.WALK)
    )
    row = found.first()
    if row is None:
        raise WalkNotFound(walk_id=walk_id)
    return _view(row)


async def list_runs(
    tx: Transaction, page: PageRequest, walk_id: UUID
) -> tuple[Sequence[WalkRunView], str | None]:
    """The newest first; `walk_not_found` (404)."""
    await show_walk(tx, walk_id)
    rows = await tx.session.scalars(
        keyset(
            select(WalkRun).where(WalkRun.walk_id == walk_id),
            page,
            columns=[WalkRun.at.expression, WalkRun.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.at, row.id))
    return [WalkRunView.model_validate(row) for row in shown], cursor


async def show_run(tx: Transaction, run_id: UUID) -> WalkRunView:
    """`walk_run_not_found` (404)."""
    await tx.session.flush()
    run = await tx.session.scalar(select(WalkRun).where(WalkRun.id == run_id, _seen(tx)))
    if run is None:
        raise WalkRunNotFound(run_id=run_id)
    return WalkRunView.model_validate(run)


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=WalkRun.region.expression,
        organisation=WalkRun.organisation_id.expression,
    )


def _view(row: Any) -> WalkView:
    probe: Probe = row.Probe
    kept = probe.walk or {"steps": [], "cleanup": [], "secrets": []}
    return WalkView(
        id=probe.id,
        listing_id=probe.listing_id,
        organisation_id=probe.organisation_id,
        region=probe.region,
        name=probe.name,
        steps=[StepView.model_validate(each) for each in kept["steps"]],
        cleanup=[StepView.model_validate(each) for each in kept["cleanup"]],
        secrets=kept["secrets"],
        interval_seconds=probe.interval_seconds,
        timeout_seconds=probe.timeout_seconds,
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
