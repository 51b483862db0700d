"""Clearances and the field registry, as their unit, its city and the province see them."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, select

from services.filing import rules
from services.filing.errors import ClearanceNotFound
from services.filing.rules import TermKind
from services.filing.schemas import ClassifiedFieldView, ClearanceView
from services.filing.tables import ClassifiedFieldRow, GrantedTerm
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


def _clearances(tx: Transaction) -> list[ColumnElement[bool]]:
    return [
        GrantedTerm.kind == TermKind.CLEARANCE,
        visible(
            tx.actor,
            region=GrantedTerm.region.expression,
            organisation=GrantedTerm.organisation_id.expression,
        ),
    ]


async def list_clearances(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str | None,
    subject_ref: str | None,
    ended: bool | None,
) -> tuple[Sequence[ClearanceView], str | None]:
    """By the day on which they run out."""
    found = _clearances(tx)
    if organisation is not None:
        found.append(GrantedTerm.organisation_id == organisation)
    if subject_ref is not None:
        found.append(GrantedTerm.subject.endswith(f":{subject_ref}", autoescape=True))
    if ended is not None:
        open_ = GrantedTerm.ended_at.is_(None)
        found.append(~open_ if ended else open_)
    statement = keyset(
        select(GrantedTerm).where(*found),
        page,
        columns=[GrantedTerm.until.expression, GrantedTerm.id.expression],
        kinds=[date.fromisoformat, UUID],
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.until, row.id)
    )
    return [clearance_view(tx, row) for row in rows], cursor


async def show_clearance(tx: Transaction, clearance_id: UUID) -> ClearanceView:
    """`clearance_not_found` (404)."""
    await tx.session.flush()
    row = await tx.session.scalar(
        select(GrantedTerm).where(GrantedTerm.id == clearance_id, *_clearances(tx))
    )
    if row is None:
        raise ClearanceNotFound(clearance_id=clearance_id)
    return clearance_view(tx, row)


def clearance_view(tx: Transaction, row: GrantedTerm) -> ClearanceView:
    day = tx.now.astimezone(SHANGHAI).date()
    return ClearanceView(
        id=row.id,
        organisation_id=row.organisation_id,
        subject_ref=rules.clearance_reference(row.subject),
        since=row.since,
        until=row.until,
        in_force=row.ended_at is None and row.since <= day <= row.until,
        ended_at=row.ended_at,
        version=rules.term_version(row.ended_at),
    )


async def list_classified_fields(
    tx: Transaction, page: PageRequest, *, organisation: str | None, level: str | None
) -> tuple[Sequence[ClassifiedFieldView], str | None]:
    """The registries in force, by unit, system and field."""
    found = [
        visible(
            tx.actor,
            region=ClassifiedFieldRow.region.expression,
            organisation=ClassifiedFieldRow.organisation_id.expression,
        )
    ]
    if organisation is not None:
        found.append(ClassifiedFieldRow.organisation_id == organisation)
    if level is not None:
        found.append(ClassifiedFieldRow.level == level)
    statement = keyset(
        select(ClassifiedFieldRow).where(*found),
        page,
        columns=[
            ClassifiedFieldRow.organisation_id.expression,
            ClassifiedFieldRow.system.expression,
            ClassifiedFieldRow.field.expression,
            ClassifiedFieldRow.id.expression,
        ],
        kinds=[str, str, str, UUID],
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(),
        page,
        lambda row: (row.organisation_id, row.system, row.field, row.id),
    )
    return [ClassifiedFieldView.model_validate(row) for row in rows], cursor
