"""Windows as their unit, its city, the province and the operator see them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.filing.errors import WindowNotFound
from services.filing.schemas import WindowView
from services.filing.tables import Window
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=Window.region.expression,
        organisation=Window.organisation_id.expression,
    )


async def list_windows(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str | None,
    state: str | None,
    short_notice: bool | None,
    ends_after: datetime | None,
) -> tuple[Sequence[WindowView], str | None]:
    """By their start."""
    found = [_seen(tx)]
    if organisation is not None:
        found.append(Window.organisation_id == organisation)
    if state is not None:
        found.append(Window.state == state)
    if short_notice is not None:
        found.append(Window.short_notice == short_notice)
    if ends_after is not None:
        found.append(Window.ends_at > ends_after)
    statement = keyset(
        select(Window).where(*found),
        page,
        columns=[Window.starts_at.expression, Window.id.expression],
        kinds=[datetime.fromisoformat, UUID],
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.starts_at, row.id)
    )
    return [WindowView.model_validate(row) for row in rows], cursor


async def show_window(tx: Transaction, window_id: UUID) -> WindowView:
    """`window_not_found` (404)."""
    row = await tx.session.scalar(select(Window).where(Window.id == window_id, _seen(tx)))
    if row is None:
        raise WindowNotFound(window_id=window_id)
    return WindowView.model_validate(row)
