"""Which rows an actor sees: the filter of every query over scoped rows (A4.1).

Row-level security in Postgres repeats it as a second layer; see `Transaction`.
"""

from sqlalchemy import ColumnElement, SQLColumnExpression, false, or_, true

from shared.security.identity import PROVINCE_REGION, Actor, Role, scope_prefix


def row_scope(actor: Actor) -> str:
    """The region prefix whose rows this actor sees; empty when only its own unit's (A4.1)."""
    match actor.role:
        case Role.PROVINCE | Role.OPERATOR | Role.CONSOLE:
            return PROVINCE_REGION
        case Role.CITY:
            return scope_prefix(actor.region)
        case _:
            return ""


def visible(
    actor: Actor,
    *,
    region: SQLColumnExpression[str],
    organisation: SQLColumnExpression[str],
    named: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """The filter that every query over scoped rows carries; row-level security repeats it."""
    prefix = row_scope(actor)
    if prefix == PROVINCE_REGION:
        return true()
    if actor.role is Role.APP:
        return false()
    own: list[ColumnElement[bool]] = [organisation == actor.organisation]
    if prefix:
        own.append(region.startswith(prefix, autoescape=True))
    if named is not None and actor.role is Role.DEPARTMENT:
        own.append(named)
    return or_(*own)
