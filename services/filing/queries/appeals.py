"""Appeals of the filings that one sees."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.filing.errors import AppealNotFound
from services.filing.queries.filings import seen
from services.filing.schemas import AppealView
from services.filing.tables import Appeal, Filing
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset


async def list_appeals(
    tx: Transaction, page: PageRequest, *, state: str | None, filing_id: UUID | None
) -> tuple[Sequence[AppealView], str | None]:
    """The newest first."""
    statement = select(Appeal).join(Filing, Filing.id == Appeal.filing_id).where(seen(tx))
    if state is not None:
        statement = statement.where(Appeal.state == state)
    if filing_id is not None:
        statement = statement.where(Appeal.filing_id == filing_id)
    ordered = keyset(
        statement,
        page,
        columns=[Appeal.filed_at.expression, Appeal.id.expression],
        kinds=[datetime.fromisoformat, UUID],
        descending=True,
    )
    rows, cursor = cut(
        (await tx.session.scalars(ordered)).all(), page, lambda row: (row.filed_at, row.id)
    )
    return [AppealView.model_validate(row) for row in rows], cursor


async def show_appeal(tx: Transaction, appeal_id: UUID) -> AppealView:
    """`appeal_not_found` (404)."""
    row = await tx.session.scalar(
        select(Appeal)
        .join(Filing, Filing.id == Appeal.filing_id)
        .where(Appeal.id == appeal_id, seen(tx))
    )
    if row is None:
        raise AppealNotFound(appeal_id=appeal_id)
    return AppealView.model_validate(row)
