"""Reviews that one sees, and the bulletins that name one's unit (A14.2, A20.3)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, any_, literal, or_, select

from services.monitoring.errors import BulletinNotFound, ReviewNotFound
from services.monitoring.rules.reviews import ReviewKind
from services.monitoring.schemas.reviews import BulletinView, ReviewView
from services.monitoring.tables import Bulletin, Review
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import scope_prefix
from shared.security.scope import visible


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor, region=Review.region.expression, organisation=Review.organisation_id.expression
    )


def _concerns(tx: Transaction) -> ColumnElement[bool]:
    """A bulletin is read by whom it names, by who published it, and above."""
    return or_(
        visible(
            tx.actor,
            region=Bulletin.region.expression,
            organisation=Bulletin.organisation_id.expression,
        ),
        literal(tx.actor.organisation) == any_(Bulletin.units.expression),
    )


async def list_reviews(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    kind: ReviewKind | None,
    period: str,
) -> tuple[Sequence[ReviewView], str | None]:
    """The newest first."""
    found = [_seen(tx)]
    if organisation:
        found.append(Review.organisation_id == organisation)
    if region:
        found.append(Review.region.startswith(scope_prefix(region), autoescape=True))
    if kind is not None:
        found.append(Review.kind == kind)
    if period:
        found.append(Review.period == period)
    rows = await tx.session.scalars(
        keyset(
            select(Review).where(*found),
            page,
            columns=[Review.recorded_at.expression, Review.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.recorded_at, row.id))
    return [ReviewView.model_validate(row) for row in shown], cursor


async def show_review(tx: Transaction, review_id: UUID) -> ReviewView:
    """`review_not_found` (404)."""
    row = await tx.session.scalar(select(Review).where(Review.id == review_id, _seen(tx)))
    if row is None:
        raise ReviewNotFound(review_id=review_id)
    return ReviewView.model_validate(row)


async def list_bulletins(
    tx: Transaction, page: PageRequest, *, period: str
) -> tuple[Sequence[BulletinView], str | None]:
    """The newest first."""
    statement = select(Bulletin).where(_concerns(tx))
    if period:
        statement = statement.where(Bulletin.period == period)
    rows = await tx.session.scalars(
        keyset(
            statement,
            page,
            columns=[Bulletin.published_at.expression, Bulletin.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.published_at, row.id))
    return [BulletinView.model_validate(row) for row in shown], cursor


async def show_bulletin(tx: Transaction, bulletin_id: UUID) -> BulletinView:
    """`bulletin_not_found` (404)."""
    row = await tx.session.scalar(select(Bulletin).where(Bulletin.id == bulletin_id, _concerns(tx)))
    if row is None:
        raise BulletinNotFound(bulletin_id=bulletin_id)
    return BulletinView.model_validate(row)
