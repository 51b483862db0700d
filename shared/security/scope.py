"""Which rows an actor sees: the filter of every query over scoped rows (A4.1).

Row-level security in Postgres repeats it as a second layer; see `Transaction`.
"""

from sqlalchemy import ColumnElement, SQLColumnExpression, false, literal, true

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
    values = scope_values(actor)
    return visible_to(
        actor.role,
        region=region,
        organisation=organisation,
        named=named,
        own=literal(values["own"]),
        within=literal(values["within"]),
    )


def visible_to(
    role: Role,
    *,
    region: SQLColumnExpression[str],
    organisation: SQLColumnExpression[str],
    named: ColumnElement[bool] | None = None,
    own: ColumnElement[str],
    within: ColumnElement[str],
) -> ColumnElement[bool]:
    """The same for any actor of this role, whose `scope_values` are given with each call."""
    match role:
        case Role.PROVINCE | Role.OPERATOR | Role.CONSOLE:
            return true()
        case Role.APP:
            return false()
        case Role.CITY:
            return (organisation == own) | region.like(within, escape="/")
        case Role.DEPARTMENT if named is not None:
            return (organisation == own) | named
        case _:
            return organisation == own


def scope_values(actor: Actor) -> dict[str, str]:
    """`own` unit and the pattern of the regions `within` reach, as `visible_to` compares them."""
    prefix = row_scope(actor)
    for special in "/%_":
        prefix = prefix.replace(special, f"/{special}")
    return {"own": actor.organisation, "within": f"{prefix}%" if prefix else ""}
