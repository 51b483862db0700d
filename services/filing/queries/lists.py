"""Confirmations and the lines of yearly lists."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from services.filing.queries.filings import seen
from services.filing.schemas import ConfirmationView, PlanLineView
from services.filing.tables import Confirmation, Filing, Line
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


async def list_confirmations(
    tx: Transaction,
    page: PageRequest,
    *,
    item_code: str | None,
    digest: str | None,
    department: str | None,
) -> tuple[Sequence[ConfirmationView], str | None]:
    """Those that one's own department gave, and those of filings that one sees."""
    found = [
        or_(
            visible(
                tx.actor,
                region=func.coalesce("36"),
                organisation=Confirmation.department.expression,
            ),
            Confirmation.filing_id.in_(select(Filing.id).where(seen(tx))),
        )
    ]
    if item_code is not None:
        found.append(Confirmation.item_code == item_code)
    if digest is not None:
        found.append(Confirmation.digest == digest)
    if department is not None:
        found.append(Confirmation.department == department)
    statement = keyset(
        select(Confirmation).where(*found),
        page,
        columns=[Confirmation.given_at.expression, Confirmation.id.expression],
        kinds=[datetime.fromisoformat, UUID],
        descending=True,
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.given_at, row.id)
    )
    return [ConfirmationView.model_validate(row) for row in rows], cursor


async def list_plan_lines(
    tx: Transaction,
    page: PageRequest,
    *,
    year: int | None,
    organisation: str | None,
    item_code: str | None,
    state: str | None,
    filing_id: UUID | None,
) -> tuple[Sequence[PlanLineView], str | None, int]:
    """The lines, and how many match in all."""
    found = [
        visible(
            tx.actor,
            region=Line.region.expression,
            organisation=Line.organisation_id.expression,
        )
    ]
    if year is not None:
        found.append(Line.year == year)
    if organisation is not None:
        found.append(Line.organisation_id == organisation)
    if item_code is not None:
        found.append(Line.item_code == item_code)
    if state is not None:
        found.append(Line.state == state)
    if filing_id is not None:
        found.append(Line.filing_id == filing_id)
    statement = keyset(
        select(Line).where(*found),
        page,
        columns=[Line.year.expression, Line.item_code.expression, Line.id.expression],
        kinds=[int, str, UUID],
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(),
        page,
        lambda row: (row.year, row.item_code, row.id),
    )
    total = await tx.session.scalar(select(func.count()).select_from(Line).where(*found))
    return [PlanLineView.model_validate(row) for row in rows], cursor, total or 0
