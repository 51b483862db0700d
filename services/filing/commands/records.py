"""Fetching what a command decides on, and keeping what it did."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy import any_, func, literal, select, update

from services.filing import rules
from services.filing.errors import FilingNotFound, OrganisationUnknown
from services.filing.rules import Action, Flow, State
from services.filing.tables import (
    Confirmation,
    Delegation,
    Filing,
    HistoryEntry,
    Line,
    LiveListing,
)
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import ListingContent
from shared.policies import Policy, Unit, effective, parse_value
from shared.security.access import Relation, check_relation
from shared.security.scope import visible


def today(tx: Transaction) -> date:
    return tx.now.astimezone(SHANGHAI).date()


async def load_filing(tx: Transaction, filing_id: UUID, relation: Relation) -> Filing:
    """Lock a filing that the actor sees, may act on, and has read in this version."""
    filing = await tx.session.scalar(
        select(Filing)
        .where(
            Filing.id == filing_id,
            visible(
                tx.actor,
                region=Filing.region.expression,
                organisation=Filing.organisation_id.expression,
                named=literal(tx.actor.organisation) == any_(Filing.departments.expression),
            ),
        )
        .with_for_update()
    )
    if filing is None:
        raise FilingNotFound(filing_id=filing_id)
    check_relation(
        relation,
        tx.actor,
        organisation=filing.organisation_id,
        region=filing.region,
        named=filing.departments,
    )
    tx.expect(filing.version)
    return filing


@dataclass(frozen=True, slots=True)
class Ground:
    """What most commands stand on: types, policies, the norm in force, the actor's organisation.

    `item`, `hall` and `zone` are those that a document names, where one was given.
    """

    types: tuple[rules.FilingType, ...]
    policies: Mapping[str, Policy]
    norm: str | None
    organisation: rules.Organisation | None
    names: tuple[str | None, ...]
    item: rules.Item | None
    hall: rules.Hall | None
    zone: rules.Zone | None


_NAMES: Final = ("item_code", "hall_id", "zone_id")
_GROUND = """
    select o.id as organisation, o.kind, o.region,
        (select json_agg(t)::text from filing_type_versions t) as types,
        (select json_agg(p)::text from policies p) as policies,
        (select version from known_norms where effective_from <= $2
            order by effective_from desc, version desc limit 1) as norm,
        i.code as item, i.department, i.active,
        h.id as hall, h.region as hall_region,
        z.id as zone, z.hall_id as zone_hall, z.department as zone_department
    from (select) as one
        left join known_organisations o on o.id = $1 and o.active
        left join known_items i on i.code = $3
        left join known_halls h on h.id = $4
        left join known_zones z on z.id = $5
"""


async def ground(tx: Transaction, document: Mapping[str, Any] | None = None) -> Ground:
    """Read once a transaction, in one statement, with what the document names if one is given."""
    kept = tx.kept.get("ground")
    names = tuple(map(document.get, _NAMES)) if document is not None else (None, None, None)
    if isinstance(kept, Ground) and (document is None or kept.names == names):
        return kept
    day = today(tx)
    row = await tx.look(_GROUND, tx.actor.organisation, day, *names)
    found = Ground(
        types=_types(row["types"]),
        policies=_policies(row["policies"], day),
        norm=row["norm"],
        organisation=_organisation(row),
        names=names,
        item=_item(row),
        hall=_hall(row),
        zone=_zone(row),
    )
    tx.kept["ground"] = found
    return found


@lru_cache(maxsize=4)
def _types(issued: str | None) -> tuple[rules.FilingType, ...]:
    return (*rules.TYPES, *map(_issued_type, json.loads(issued or "[]")))


@lru_cache(maxsize=4)
def _policies(later: str | None, day: date) -> Mapping[str, Policy]:
    """Each policy in the version of that day, read again only when a row or the day has changed."""
    versions = (*rules.DEFAULTS, *map(_set_policy, json.loads(later or "[]")))
    keys = {policy.key for policy in rules.DEFAULTS}
    return MappingProxyType({key: effective(versions, key, day) for key in keys})


def _issued_type(row: dict[str, Any]) -> rules.FilingType:
    return rules.read_type(
        {**row["definition"], "effective_from": date.fromisoformat(row["effective_from"])}
    )


def _set_policy(row: dict[str, Any]) -> Policy:
    unit = Unit(row["unit"])
    return Policy(
        key=row["key"],
        value=parse_value(row["value"], unit),
        unit=unit,
        source=row["source"],
        clause=row["clause"],
        effective_from=date.fromisoformat(row["effective_from"]),
        version=row["version"],
    )


def _organisation(row: asyncpg.Record) -> rules.Organisation | None:
    if row["organisation"] is None:
        return None
    return rules.Organisation(row["organisation"], row["kind"], row["region"])


def _item(row: asyncpg.Record) -> rules.Item | None:
    return rules.Item(row["item"], row["department"], row["active"]) if row["item"] else None


def _hall(row: asyncpg.Record) -> rules.Hall | None:
    return rules.Hall(row["hall"], row["hall_region"]) if row["hall"] else None


def _zone(row: asyncpg.Record) -> rules.Zone | None:
    return (
        rules.Zone(row["zone"], row["zone_hall"], row["zone_department"]) if row["zone"] else None
    )


async def filing_types(tx: Transaction) -> tuple[rules.FilingType, ...]:
    """The types of types.toml and the versions that the province issued beside them."""
    return (await ground(tx)).types


async def type_of(tx: Transaction, filing: Filing) -> rules.FilingType:
    return rules.version_of(await filing_types(tx), filing.type, filing.type_version)


async def policies_now(tx: Transaction) -> Mapping[str, Policy]:
    """Every policy of this service in the version that is in force today."""
    return (await ground(tx)).policies


async def owner(tx: Transaction) -> rules.Organisation:
    """The actor's organisation as catalog told it; `organisation_unknown` (422) before it did."""
    organisation = (await ground(tx)).organisation
    if organisation is None:
        raise OrganisationUnknown(
            clause="A4.1",
            organisation=tx.actor.organisation,
            errors=[FieldError("", OrganisationUnknown.code)],
        )
    return organisation


async def current_norm(tx: Transaction) -> str | None:
    """The version of the technical norm in force today (A10.1), or None before the first."""
    return (await ground(tx)).norm


async def listing_facts(
    tx: Transaction, content: ListingContent, organisation: rules.Organisation
) -> rules.ListingFacts:
    found = await ground(tx, dict(content))
    return rules.ListingFacts(
        organisation=organisation,
        item=found.item,
        hall=found.hall,
        zone=found.zone,
        norm_version=found.norm,
        plain_http_hosts=frozenset(str(found.policies["plain_http_hosts"].value).split()),
    )


async def live_listing(tx: Transaction, listing_id: UUID) -> LiveListing | None:
    return await tx.session.get(LiveListing, listing_id)


async def lock_names(tx: Transaction, *names: str) -> None:
    """Make writers of one thing that is no row yet wait for each other, until the commit."""
    await (await tx.raw()).execute(
        "select pg_advisory_xact_lock(hashtextextended(n, 3)) from unnest($1::text[]) as n",
        sorted(names),
    )


async def pending_of(
    tx: Transaction, listing_id: UUID, *, except_for: UUID | None = None
) -> Sequence[Filing]:
    """The pending filings of a listing, locked; call under `lock_names` of the listing."""
    found = await tx.session.scalars(
        select(Filing)
        .where(
            Filing.listing_id == listing_id,
            Filing.state.in_(rules.PENDING),
            Filing.id != except_for if except_for else literal(True),
        )
        .order_by(Filing.id)
        .with_for_update()
    )
    return found.all()


async def next_number(tx: Transaction) -> str:
    number = await tx.session.scalar(select(func.nextval("filing.receipt_number")))
    return rules.receipt_number(today(tx).year, int(number or 0))


def advance(tx: Transaction, filing: Filing, action: Action, *, platform: bool = False) -> State:
    """The state after this actor's action, or the refusal that names what may be done."""
    who = (
        frozenset({rules.Party.PLATFORM})
        if platform
        else rules.parties(
            tx.actor, organisation=filing.organisation_id, departments=filing.departments
        )
    )
    return rules.advance(Flow(filing.flow), State(filing.state), action, who)


def keep(
    tx: Transaction,
    filing: Filing,
    action: Action | str,
    *,
    clause: str | None = None,
    opinion: str = "",
    evidence: Sequence[Mapping[str, Any]] = (),
    by: Confirmation | None = None,
    mandate: Delegation | None = None,
) -> None:
    """One more version of the filing, and one line of its history.

    `by` is a confirmation that was given before; `mandate` the delegation under which one acts.
    """
    filing.version += 1
    filing.updated_at = tx.now
    tx.add(
        HistoryEntry(
            filing_id=filing.id,
            round=filing.round,
            at=by.given_at if by else tx.now,
            actor=by.given_by if by else tx.actor.subject,
            client_id=by.client_id if by else tx.actor.client_id,
            person=by.person if by else tx.actor.person,
            acting_for=mandate.delegator if mandate else None,
            delegation_id=mandate.id if mandate else None,
            organisation=by.department if by else tx.actor.organisation,
            action=str(action),
            state=filing.state,
            clause=clause,
            opinion=opinion,
            evidence=[dict(each) for each in evidence],
            digest=filing.digest,
        )
    )


async def drop_filed_lines(tx: Transaction, filing: Filing) -> None:
    """The lines of a list that ended without acceptance are no longer filed."""
    if filing.type == rules.FilingKind.LISTING_PLAN:
        await tx.session.execute(
            update(Line)
            .where(Line.filing_id == filing.id, Line.state == "FILED")
            .values(state="WITHDRAWN")
        )
