"""The register of channels as everyone reads it (A5.1, A5.2)."""

from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from services.catalog.errors import ChannelNotFound
from services.catalog.schemas.channels import ChannelView, MigrationPlan
from services.catalog.tables import Channel
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix


async def list_channels(
    tx: Transaction,
    page: PageRequest,
    *,
    kind: str,
    organisation: str,
    region: str,
    state: str,
    flagged: bool | None,
) -> tuple[list[ChannelView], str | None, int]:
    """One page and the number of all; `region` finds everything below it."""
    conditions: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (Channel.kind, kind),
            (Channel.organisation_id, organisation),
            (Channel.state, state),
        )
        if value
    ]
    if region:
        conditions.append(Channel.region.startswith(scope_prefix(region), autoescape=True))
    if flagged is not None:
        conditions.append(Channel.exception_filing_id.is_not(None) == flagged)
    total = await tx.session.scalar(select(func.count()).select_from(Channel).where(*conditions))
    rows = await tx.session.scalars(
        keyset(select(Channel).where(*conditions), page, columns=[Channel.id], kinds=[UUID])
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.id,))
    return [channel_view(row) for row in shown], cursor, total or 0


async def get_channel(tx: Transaction, channel_id: UUID) -> ChannelView:
    channel = await tx.session.get(Channel, channel_id)
    if channel is None:
        raise ChannelNotFound(id=channel_id)
    return channel_view(channel)


def channel_view(channel: Channel) -> ChannelView:
    plan = None
    if channel.plan_into and channel.plan_starts_on and channel.plan_due_on:
        plan = MigrationPlan(
            into=channel.plan_into,
            steps=channel.plan_steps,
            starts_on=channel.plan_starts_on,
            due_on=channel.plan_due_on,
        )
    fields = {
        name: getattr(channel, name)
        for name in ChannelView.model_fields
        if name not in ("flagged", "plan")
    }
    return ChannelView(**fields, flagged=channel.exception_filing_id is not None, plan=plan)
