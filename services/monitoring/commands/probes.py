"""Probes: one comes and goes with its listing, others are set by its owner (A17.3, M9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from sqlalchemy import func, select

from services.monitoring.commands.dependencies import depend, lock_dependencies
from services.monitoring.commands.incidents import close_unlisted
from services.monitoring.commands.limits import ProbeLimits, limits_now
from services.monitoring.commands.outages import forget_faults
from services.monitoring.commands.running import (
    await_probe,
    begin_probe,
    end_probe,
    nothing_seen,
)
from services.monitoring.errors import (
    ListingUnwatched,
    ProbeInvalid,
    ProbeNotFound,
    ProbeOfOtherKind,
    TooManyProbes,
)
from services.monitoring.rules.probing import (
    Bounds,
    Purpose,
    entry_conditions,
    flaws,
)
from services.monitoring.tables import KnownListing, Probe
from shared.database import Transaction
from shared.events.catalog import ListingPublished
from shared.security.access import Relation, check_relation
from shared.security.scope import visible

_ENTRY_PROBES = UUID("5a0f7a26-7b54-5f0e-9d27-0d0f1b8c2c36")
LISTED = "LISTED"


@dataclass(frozen=True, slots=True)
class ProbeEntry:
    """What an owner says of a probe."""

    name: str
    url: str
    method: str
    conditions: list[str]
    interval_seconds: int
    timeout_seconds: int
    redirects: int
    vantages: int | None
    parents: list[UUID]
    paused: bool


async def listing_went_live(tx: Transaction, told: ListingPublished, *, region: str) -> None:
    """Keep the listing and probe its entry from now on, as its owner last said or by default."""
    limits = await limits_now(tx)
    listing = await tx.session.get(KnownListing, told.listing_id, with_for_update=True)
    if listing is None:
        listing = KnownListing(id=told.listing_id)
        tx.session.add(listing)
    moved = listing.entry_url != told.entry_url or listing.state != LISTED
    listing.organisation_id, listing.region = told.organisation_id, region
    listing.title, listing.entry_url, listing.state = told.title, told.entry_url, LISTED
    await tx.session.flush()
    entry = await tx.session.get(Probe, uuid5(_ENTRY_PROBES, str(listing.id)))
    if entry is None:
        entry = _entry_probe(tx, listing, limits)
        tx.session.add(entry)
        await tx.session.flush()
        tx.session.add(nothing_seen(entry))
    elif moved:
        entry.url = told.entry_url
    if moved:
        for probe in await _probes_of(tx, listing.id):
            probe.organisation_id, probe.region, probe.listed = told.organisation_id, region, True
            await begin_probe(tx, probe)
        await_probe(tx, listing, limits)


async def listing_went_off(tx: Transaction, listing_id: UUID, *, state: str) -> None:
    """Suspended or delisted: nothing is owed to it, its open incidents end with that."""
    listing = await tx.session.get(KnownListing, listing_id, with_for_update=True)
    if listing is None or listing.state == state:
        return
    listing.state, listing.probe_due_at = state, None
    for probe in await _probes_of(tx, listing_id):
        if probe.listed:
            probe.listed = False
            await end_probe(tx, probe)
    await close_unlisted(tx, listing_id)
    await forget_faults(tx, listing_id)


async def create_probe(
    tx: Transaction, listing_id: UUID, given: ProbeEntry, *, relation: Relation
) -> Probe:
    """Another probe of a listing; `listing_unwatched` (404), `probe_invalid` (422)."""
    await lock_dependencies(tx, given.parents)
    listing = await live_listing(tx, listing_id, relation=relation)
    limits = await limits_now(tx)
    _check(given, limits)
    probe = await new_probe(tx, listing, limits, purpose=Purpose.EXTRA)
    _write(probe, given)
    await add_probe(tx, probe, given.parents)
    return probe


async def live_listing(tx: Transaction, listing_id: UUID, *, relation: Relation) -> KnownListing:
    """The listing that a probe is to be added to, locked; `listing_unwatched` (404)."""
    listing = await tx.session.scalar(
        select(KnownListing)
        .where(
            KnownListing.id == listing_id,
            visible(
                tx.actor,
                region=KnownListing.region.expression,
                organisation=KnownListing.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if listing is None or listing.state != LISTED:
        raise ListingUnwatched(listing_id=listing_id)
    check_relation(
        relation,
        tx.actor,
        organisation=listing.organisation_id,
        region=listing.region,
        clause="A17.3",
    )
    return listing


async def new_probe(
    tx: Transaction, listing: KnownListing, limits: ProbeLimits, *, purpose: Purpose
) -> Probe:
    """One more probe of a listing, which asks nothing yet; `too_many_probes` (409)."""
    there = await tx.session.scalar(
        select(func.count()).select_from(Probe).where(Probe.listing_id == listing.id)
    )
    if (there or 0) >= limits.per_listing:
        raise TooManyProbes(most=limits.per_listing)
    return Probe(
        id=uuid4(),
        listing_id=listing.id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        purpose=purpose,
        listed=True,
        shard=0,
        version=0,
        changed_at=tx.now,
    )


async def add_probe(tx: Transaction, probe: Probe, parents: Sequence[UUID]) -> None:
    """Let a new probe run."""
    tx.session.add(probe)
    await tx.session.flush()
    tx.session.add(nothing_seen(probe))
    await depend(tx, probe, parents)
    await begin_probe(tx, probe)


async def change_probe(
    tx: Transaction, probe_id: UUID, given: ProbeEntry, *, relation: Relation
) -> Probe:
    """Change what a probe asks, or pause it; `probe_not_found` (404) for what is not seen.

    `dependency_circle` (409) where it would come to depend on itself.
    """
    await lock_dependencies(tx, given.parents)
    listing, probe = await own_probe(tx, probe_id, relation=relation)
    if probe.purpose in (Purpose.WALK, Purpose.HEARTBEAT):
        raise ProbeOfOtherKind(probe_id=probe_id)
    tx.expect(probe.version)
    limits = await limits_now(tx)
    _check(given, limits)
    ran = probe.listed and not probe.paused
    _write(probe, given)
    await change_running(tx, listing, probe, limits, ran=ran, parents=given.parents)
    return probe


async def change_running(
    tx: Transaction,
    listing: KnownListing,
    probe: Probe,
    limits: ProbeLimits,
    *,
    ran: bool,
    parents: Sequence[UUID],
) -> None:
    """What follows from a change of a probe that ran before it, or did not."""
    await depend(tx, probe, parents)
    if ran and probe.paused:
        await end_probe(tx, probe)
    else:
        await begin_probe(tx, probe)
    if probe.listed:
        await_probe(tx, listing, limits)


async def own_probe(
    tx: Transaction, probe_id: UUID, *, relation: Relation
) -> tuple[KnownListing, Probe]:
    """A probe that is to be changed, locked with its listing; `probe_not_found` (404)."""
    of_probe = select(Probe.listing_id).where(Probe.id == probe_id).scalar_subquery()
    listing = await tx.session.scalar(  # before the probe, as everywhere: nobody waits in a circle
        select(KnownListing).where(KnownListing.id == of_probe).with_for_update()
    )
    probe = await tx.session.scalar(
        select(Probe)
        .where(
            Probe.id == probe_id,
            visible(
                tx.actor,
                region=Probe.region.expression,
                organisation=Probe.organisation_id.expression,
            ),
        )
        .with_for_update()
    )
    if probe is None or listing is None:
        raise ProbeNotFound(probe_id=probe_id)
    check_relation(
        relation,
        tx.actor,
        organisation=probe.organisation_id,
        region=probe.region,
        clause="A17.3",
    )
    return listing, probe


def _check(given: ProbeEntry, limits: ProbeLimits) -> None:
    found = list(
        flaws(
            url=given.url,
            method=given.method,
            conditions=given.conditions,
            interval=given.interval_seconds,
            timeout=given.timeout_seconds,
            redirects=given.redirects,
            bounds=Bounds(shortest=limits.shortest, longest_timeout=limits.timeout),
        )
    )
    if found:
        raise ProbeInvalid(errors=found, clause="A17.3")


def _write(probe: Probe, given: ProbeEntry) -> None:
    probe.name, probe.url, probe.method = given.name, given.url, given.method
    probe.conditions = given.conditions
    probe.interval_seconds = given.interval_seconds
    probe.timeout_seconds = given.timeout_seconds
    probe.redirects, probe.paused = given.redirects, given.paused
    probe.vantages = given.vantages


def _entry_probe(tx: Transaction, listing: KnownListing, limits: ProbeLimits) -> Probe:
    return Probe(
        id=uuid5(_ENTRY_PROBES, str(listing.id)),
        listing_id=listing.id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        purpose=Purpose.ENTRY,
        name="服务入口",
        url=listing.entry_url,
        method="GET",
        conditions=entry_conditions(listing.entry_url, certificate_days=limits.certificate_days),
        interval_seconds=limits.interval,
        timeout_seconds=limits.timeout,
        redirects=0,
        vantages=None,
        listed=True,
        paused=False,
        shard=0,
        changed_at=tx.now,
        version=0,
    )


async def _probes_of(tx: Transaction, listing_id: UUID) -> list[Probe]:
    found = await tx.session.scalars(
        select(Probe).where(Probe.listing_id == listing_id).order_by(Probe.id).with_for_update()
    )
    return list(found)
