"""Which rows of a scoped table a list finds: what the actor sees, then what it asked for (A4.1)."""

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from shared.database import Transaction
from shared.security.identity import scope_prefix
from shared.security.scope import visible


def scoped(
    tx: Transaction,
    *,
    of_organisation: InstrumentedAttribute[str],
    of_region: InstrumentedAttribute[str],
    organisation: str = "",
    region: str = "",
) -> list[ColumnElement[bool]]:
    """`region` finds all below it; an empty filter is none."""
    found = [
        visible(tx.actor, region=of_region.expression, organisation=of_organisation.expression)
    ]
    if organisation:
        found.append(of_organisation == organisation)
    if region:
        found.append(of_region.startswith(scope_prefix(region), autoescape=True))
    return found
