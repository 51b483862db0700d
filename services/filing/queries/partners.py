"""Partners as province, supervising unit and partner see them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select

from services.filing.errors import PartnerNotFound
from services.filing.schemas import ForcedExitView, PartnerView
from services.filing.tables import ForcedExit, Partner
from shared.database import Transaction
from shared.http.pagination import PageRequest, cut, keyset
from shared.security.scope import visible


def _seen(tx: Transaction) -> ColumnElement[bool]:
    return or_(
        visible(
            tx.actor,
            region=Partner.region.expression,
            organisation=Partner.organisation_id.expression,
        ),
        Partner.supervising_organisation == tx.actor.organisation,
    )


async def list_partners(
    tx: Transaction, page: PageRequest, *, state: str | None, supervising: str | None
) -> tuple[Sequence[PartnerView], str | None]:
    """By their organisation's id, without the decisions' text."""
    found = [_seen(tx)]
    if state is not None:
        found.append(Partner.state == state)
    if supervising is not None:
        found.append(Partner.supervising_organisation == supervising)
    statement = keyset(
        select(Partner).where(*found),
        page,
        columns=[Partner.organisation_id.expression],
        kinds=[str],
    )
    rows, cursor = cut(
        (await tx.session.scalars(statement)).all(), page, lambda row: (row.organisation_id,)
    )
    return [PartnerView.model_validate(row) for row in rows], cursor


async def show_partner(tx: Transaction, partner_id: str) -> PartnerView:
    """With the decision that forced it out, if one did; `partner_not_found` (404)."""
    await tx.session.flush()
    row = await tx.session.scalar(
        select(Partner).where(Partner.organisation_id == partner_id, _seen(tx))
    )
    if row is None:
        raise PartnerNotFound(partner_id=partner_id)
    decision = await tx.session.scalar(
        select(ForcedExit).where(ForcedExit.partner_id == partner_id)
    )
    view = PartnerView.model_validate(row)
    if decision is not None:
        view.forced_exit = ForcedExitView.model_validate(decision)
    return view
