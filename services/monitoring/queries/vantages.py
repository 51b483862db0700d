"""What single vantage points see of a probe (M5)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select

from services.monitoring.queries.probes import show_probe
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.schemas.vantages import AdvisoryView, VantageView
from services.monitoring.tables import Advisory, Probe, ShardLease, VantageStanding
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible


async def list_vantages(
    tx: Transaction, page: PageRequest, probe_id: UUID
) -> tuple[Sequence[VantageView], str | None]:
    """By their names, those that once looked too; `probe_not_found` (404)."""
    await show_probe(tx, probe_id)
    watching = func.coalesce(
        tx.now - ShardLease.watched_until
        <= func.make_interval(0, 0, 0, 0, 0, 0, 2 * Probe.interval_seconds),
        False,
    )
    statement = (
        select(
            ShardLease.vantage,
            watching.label("watching"),
            case(
                (watching, func.coalesce(VantageStanding.state, ProbeState.UNKNOWN.value)),
                else_=ProbeState.UNKNOWN.value,
            ).label("state"),
            VantageStanding.since,
            VantageStanding.failure,
        )
        .select_from(Probe)
        .join(ShardLease, ShardLease.shard == Probe.shard)
        .outerjoin(
            VantageStanding,
            and_(
                VantageStanding.probe_id == Probe.id,
                VantageStanding.vantage == ShardLease.vantage,
            ),
        )
        .where(
            Probe.id == probe_id,
            or_(ShardLease.watched_until.is_not(None), VantageStanding.seen),
        )
    )
    rows = await tx.session.execute(
        keyset(statement, page, columns=[ShardLease.vantage.expression], kinds=[str])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.vantage,))
    return [VantageView.model_validate(row) for row in shown], cursor


async def list_advisories(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    probe: UUID | None,
    is_open: bool | None,
) -> tuple[Sequence[AdvisoryView], str | None]:
    """The newest first."""
    statement = select(Advisory).where(
        visible(
            tx.actor,
            region=Advisory.region.expression,
            organisation=Advisory.organisation_id.expression,
        )
    )
    if organisation:
        statement = statement.where(Advisory.organisation_id == organisation)
    if region:
        statement = statement.where(
            Advisory.region.startswith(scope_prefix(region), autoescape=True)
        )
    if probe is not None:
        statement = statement.where(Advisory.probe_id == probe)
    if is_open is not None:
        closed = Advisory.closed_at
        statement = statement.where(closed.is_(None) if is_open else closed.is_not(None))
    rows = await tx.session.scalars(
        keyset(
            statement,
            page,
            columns=[Advisory.opened_at.expression, Advisory.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.opened_at, row.id))
    return [AdvisoryView.model_validate(row) for row in shown], cursor
