"""What filing's windows change here: when downtime was filed in advance (A16.3, F7)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from services.monitoring.rules.windows import WITHOUT_EFFECT, WindowState
from services.monitoring.tables import KnownWindow
from shared.database import Transaction
from shared.events.filing import WindowPlanned


async def window_was_planned(
    tx: Transaction, told: WindowPlanned, *, region: str, accepted_at: datetime
) -> None:
    """Opened or changed: the newest shape counts."""
    values = {
        **told.model_dump(
            include={
                "filing_id", "filing_type", "kind", "organisation_id", "listing_ids", "impact",
                "starts_at", "ends_at", "change", "short_notice",
            }
        ),
        "region": region,
        "state": WindowState.PLANNED,
    }  # fmt: skip
    await tx.session.execute(
        insert(KnownWindow)
        .values(id=told.window_id, accepted_at=accepted_at, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def window_was_cancelled(tx: Transaction, window_id: UUID, *, filing_id: UUID) -> None:
    """It stays readable, and covers nothing."""
    window = await find_window(tx, window_id)
    if window is not None:
        window.state, window.filing_id = WindowState.CANCELLED, filing_id


async def window_has_ended(
    tx: Transaction, window_id: UUID, *, filing_id: UUID, ended_at: datetime
) -> None:
    """Early: from then on the unit answers for its downtime again."""
    window = await find_window(tx, window_id)
    if window is not None:
        window.state, window.filing_id = WindowState.ENDED, filing_id
        window.ends_at = min(window.ends_at, ended_at)


async def find_window(tx: Transaction, window_id: UUID) -> KnownWindow | None:
    return await tx.session.scalar(
        select(KnownWindow)
        .where(KnownWindow.id == window_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def window_over(
    tx: Transaction, *, organisation_id: str, listing_id: UUID, at: datetime
) -> KnownWindow | None:
    """The window that covers a listing at an instant; of several the one that ends last."""
    return await tx.session.scalar(
        select(KnownWindow)
        .where(covers(organisation_id, listing_id, at))
        .order_by(KnownWindow.ends_at.desc(), KnownWindow.id)
        .limit(1)
    )


def covers(
    organisation: SQLColumnExpression[str] | str,
    listing: SQLColumnExpression[UUID] | UUID,
    at: datetime,
) -> ColumnElement[bool]:
    """Whether a window covers a listing of that unit at an instant, as `rules.windows.cover`."""
    return (
        (KnownWindow.organisation_id == organisation)
        & (KnownWindow.starts_at <= at)
        & (KnownWindow.ends_at > at)
        & (KnownWindow.state != WindowState.CANCELLED)
        & (KnownWindow.impact != WITHOUT_EFFECT)
        & or_(
            func.cardinality(KnownWindow.listing_ids) == 0,
            func.array_position(KnownWindow.listing_ids, listing).is_not(None),
        )
    )
