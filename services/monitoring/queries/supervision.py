"""Samples as supervisors see them, and checks as their units see them too (A24.1)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from services.monitoring.errors import CheckNotFound, SampleNotFound
from services.monitoring.rules.sampling import draw, population_digest
from services.monitoring.rules.supervision import Method
from services.monitoring.schemas.supervision import CheckView, Member, SampleView
from services.monitoring.tables import SupervisionCheck, SupervisionSample
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.identity import Role, scope_prefix
from shared.security.scope import visible


def _drawn(tx: Transaction) -> ColumnElement[bool]:
    """By one's own authority, or by any for the province: who will be checked does not read it."""
    if tx.actor.role is Role.PROVINCE:
        return true()
    return SupervisionSample.organisation_id == tx.actor.organisation


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return visible(
        tx.actor,
        region=SupervisionCheck.region.expression,
        organisation=SupervisionCheck.organisation_id.expression,
    )


async def list_samples(
    tx: Transaction, page: PageRequest
) -> tuple[Sequence[SampleView], str | None]:
    """The newest first."""
    rows = await tx.session.scalars(
        keyset(
            select(SupervisionSample).where(_drawn(tx)),
            page,
            columns=[SupervisionSample.drawn_at.expression, SupervisionSample.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.drawn_at, row.id))
    return [view_sample(row) for row in shown], cursor


async def show_sample(tx: Transaction, sample_id: UUID) -> SampleView:
    """`sample_not_found` (404)."""
    return view_sample(await _sample(tx, sample_id))


async def list_population(
    tx: Transaction, page: PageRequest, sample_id: UUID
) -> tuple[Sequence[Member], str | None]:
    """What a sample was drawn from, in the order of its digest."""
    after = page.after(UUID)
    members = [
        Member(listing_id=each)
        for each in sorted((await _sample(tx, sample_id)).population)
        if after is None or each > after[0]
    ]
    return cut(members, page, lambda member: (member.listing_id,))


async def list_checks(
    tx: Transaction,
    page: PageRequest,
    *,
    organisation: str,
    region: str,
    listing: UUID | None,
    sample: UUID | None,
    method: Method | None,
    passed: bool | None,
) -> tuple[Sequence[CheckView], str | None]:
    """The newest first."""
    found = [_seen(tx)]
    if organisation:
        found.append(SupervisionCheck.organisation_id == organisation)
    if region:
        prefix = scope_prefix(region)
        found.append(SupervisionCheck.region.startswith(prefix, autoescape=True))
    if listing is not None:
        found.append(SupervisionCheck.listing_id == listing)
    if sample is not None:
        found.append(SupervisionCheck.sample_id == sample)
    if method is not None:
        found.append(SupervisionCheck.method == method)
    if passed is not None:
        found.append(SupervisionCheck.passed.is_(passed))
    rows = await tx.session.scalars(
        keyset(
            select(SupervisionCheck).where(*found),
            page,
            columns=[SupervisionCheck.checked_at.expression, SupervisionCheck.id.expression],
            kinds=[datetime.fromisoformat, UUID],
            descending=True,
        )
    )
    shown, cursor = cut(rows.all(), page, lambda row: (row.checked_at, row.id))
    return [CheckView.model_validate(row) for row in shown], cursor


async def show_check(tx: Transaction, check_id: UUID) -> CheckView:
    """`check_not_found` (404)."""
    row = await tx.session.scalar(
        select(SupervisionCheck).where(SupervisionCheck.id == check_id, _seen(tx))
    )
    if row is None:
        raise CheckNotFound(check_id=check_id)
    return CheckView.model_validate(row)


async def _sample(tx: Transaction, sample_id: UUID) -> SupervisionSample:
    row = await tx.session.scalar(
        select(SupervisionSample).where(SupervisionSample.id == sample_id, _drawn(tx))
    )
    if row is None:
        raise SampleNotFound(sample_id=sample_id)
    return row


def view_sample(row: SupervisionSample) -> SampleView:
    """With a second drawing from what is stored, so that nobody need believe the first."""
    again = draw(row.population, seed=row.seed, day=row.drawn_on, size=row.size)
    same = population_digest(row.population) == row.population_digest
    return SampleView(
        id=row.id,
        organisation_id=row.organisation_id,
        region=row.region,
        of_organisation=row.of_organisation,
        seed=row.seed,
        drawn_on=row.drawn_on,
        algorithm=row.algorithm,
        algorithm_version=row.algorithm_version,
        size=row.size,
        population_size=len(row.population),
        population_digest=row.population_digest,
        listing_ids=row.listing_ids,
        verified=same and again == row.listing_ids,
        drawn_by=row.drawn_by,
        drawn_at=row.drawn_at,
    )
