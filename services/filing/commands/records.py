"""Fetching what a command decides on, and keeping what it did."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import any_, func, literal, select, text, update

from services.filing import rules
from services.filing.errors import FilingNotFound, OrganisationUnknown
from services.filing.rules import Action, Flow, State
from services.filing.tables import (
    Filing,
    FilingTypeVersion,
    HistoryEntry,
    KnownHall,
    KnownItem,
    KnownNorm,
    KnownOrganisation,
    KnownZone,
    Line,
    LiveListing,
)
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import ListingContent
from shared.policies import Policy, effective
from shared.policy_rows import load_policies
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


async def filing_types(tx: Transaction) -> tuple[rules.FilingType, ...]:
    """The types of types.toml and the versions that the province issued beside them."""
    issued = await tx.session.scalars(select(FilingTypeVersion))
    return (*rules.TYPES, *(rules.read_issued(row) for row in issued))


async def type_of(tx: Transaction, filing: Filing) -> rules.FilingType:
    return rules.version_of(await filing_types(tx), filing.type, filing.type_version)


async def policies_now(tx: Transaction) -> Mapping[str, Policy]:
    """Every policy of this service in the version that is in force today."""
    versions = await load_policies(tx, rules.DEFAULTS)
    day = today(tx)
    return {key: effective(versions, key, day) for key in {policy.key for policy in rules.DEFAULTS}}


async def owner(tx: Transaction) -> rules.Organisation:
    """The actor's organisation as catalog told it; `organisation_unknown` (422) before it did."""
    row = await tx.session.get(KnownOrganisation, tx.actor.organisation)
    if row is None or not row.active:
        raise OrganisationUnknown(
            clause="A4.1",
            organisation=tx.actor.organisation,
            errors=[FieldError("", OrganisationUnknown.code)],
        )
    return rules.Organisation(row.id, row.kind, row.region)


async def current_norm(tx: Transaction) -> str | None:
    """The version of the technical norm in force today (A10.1), or None before the first."""
    return await tx.session.scalar(
        select(KnownNorm.version)
        .where(KnownNorm.effective_from <= today(tx))
        .order_by(KnownNorm.effective_from.desc(), KnownNorm.version.desc())
        .limit(1)
    )


async def listing_facts(
    tx: Transaction, content: ListingContent, organisation: rules.Organisation
) -> rules.ListingFacts:
    item = await tx.session.get(KnownItem, content.item_code)
    hall = await tx.session.get(KnownHall, content.hall_id)
    zone = await tx.session.get(KnownZone, content.zone_id) if content.zone_id else None
    hosts = str((await policies_now(tx))["plain_http_hosts"].value).split()
    return rules.ListingFacts(
        organisation=organisation,
        item=rules.Item(item.code, item.department, item.active) if item else None,
        hall=rules.Hall(hall.id, hall.region) if hall else None,
        zone=rules.Zone(zone.id, zone.hall_id, zone.department) if zone else None,
        norm_version=await current_norm(tx),
        plain_http_hosts=frozenset(hosts),
    )


async def live_listing(tx: Transaction, listing_id: UUID) -> LiveListing | None:
    return await tx.session.get(LiveListing, listing_id)


async def lock_name(tx: Transaction, name: str) -> None:
    """Make writers of one thing that is no row yet wait for each other, until the commit."""
    await tx.session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:name, 3))"), {"name": name}
    )


async def pending_of(
    tx: Transaction, listing_id: UUID, *, except_for: UUID | None = None
) -> Sequence[Filing]:
    """The pending filings of a listing, locked; call under `lock_name` of the listing."""
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
    by: str | None = None,
    organisation: str | None = None,
    at: datetime | None = None,
) -> None:
    """One more version of the filing, and one line of its history."""
    filing.version += 1
    filing.updated_at = tx.now
    tx.session.add(
        HistoryEntry(
            filing_id=filing.id,
            round=filing.round,
            at=at or tx.now,
            actor=by or tx.actor.subject,
            organisation=organisation or tx.actor.organisation,
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
