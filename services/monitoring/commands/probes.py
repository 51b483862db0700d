"""Probes: one comes and goes with its listing, others are set by its owner (A17.3, M9)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from sqlalchemy import func, select

from services.monitoring.commands.dependencies import depend, lock_dependencies
from services.monitoring.commands.incidents import close_unlisted
from services.monitoring.commands.limits import ProbeLimits, limits_now
from services.monitoring.commands.outages import forget_faults
from services.monitoring.errors import (
    ListingUnwatched,
    ProbeInvalid,
    ProbeNotFound,
    TooManyProbes,
)
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.probing import (
    Bounds,
    Purpose,
    entry_conditions,
    flaws,
    shard_of,
)
from services.monitoring.rules.targets import TargetUnreadable, read_target
from services.monitoring.tables import KnownListing, Probe, ProbeStanding, StateChange
from shared.database import Transaction
from shared.events.catalog import ListingPublished
from shared.events.monitoring import ProbeSet
from shared.security.access import Relation, check_relation
from shared.security.scope import visible

_ENTRY_PROBES = UUID("5a0f7a26-7b54-5f0e-9d27-0d0f1b8c2c36")
LISTED = "LISTED"
_ANEW = """
    update vantage_standings set seen = false, failures = 0, successes = 0, run_since = null
    where probe_id = $1
"""
_UNSEEN = "update vantage_standings set state = 'UNKNOWN', since = $2 where probe_id = $1"


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
        tx.session.add(_nothing_seen(entry))
    elif moved:
        entry.url = told.entry_url
    if moved:
        for probe in await _probes_of(tx, listing.id):
            probe.organisation_id, probe.region, probe.listed = told.organisation_id, region, True
            await _begin(tx, probe)
        _await_probe(tx, listing, limits)


async def listing_went_off(tx: Transaction, listing_id: UUID, *, state: str) -> None:
    """Suspended or delisted: nothing is owed to it, its open incidents end with that."""
    listing = await tx.session.get(KnownListing, listing_id, with_for_update=True)
    if listing is None or listing.state == state:
        return
    listing.state, listing.probe_due_at = state, None
    for probe in await _probes_of(tx, listing_id):
        if probe.listed:
            probe.listed = False
            await _end(tx, probe)
    await close_unlisted(tx, listing_id)
    await forget_faults(tx, listing_id)


async def create_probe(
    tx: Transaction, listing_id: UUID, given: ProbeEntry, *, relation: Relation
) -> Probe:
    """Another probe of a listing; `listing_unwatched` (404), `probe_invalid` (422)."""
    await lock_dependencies(tx, given.parents)
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
    limits = await limits_now(tx)
    _check(given, limits)
    there = await tx.session.scalar(
        select(func.count()).select_from(Probe).where(Probe.listing_id == listing_id)
    )
    if (there or 0) >= limits.per_listing:
        raise TooManyProbes(most=limits.per_listing)
    probe = Probe(
        id=uuid4(),
        listing_id=listing_id,
        organisation_id=listing.organisation_id,
        region=listing.region,
        purpose=Purpose.EXTRA,
        listed=True,
        shard=0,
        version=0,
        changed_at=tx.now,
    )
    _write(probe, given)
    tx.session.add(probe)
    await tx.session.flush()
    tx.session.add(_nothing_seen(probe))
    await depend(tx, probe, given.parents)
    await _begin(tx, probe)
    return probe


async def change_probe(
    tx: Transaction, probe_id: UUID, given: ProbeEntry, *, relation: Relation
) -> Probe:
    """Change what a probe asks, or pause it; `probe_not_found` (404) for what is not seen.

    `dependency_circle` (409) where it would come to depend on itself.
    """
    await lock_dependencies(tx, given.parents)
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
    tx.expect(probe.version)
    limits = await limits_now(tx)
    _check(given, limits)
    ran = probe.listed and not probe.paused
    _write(probe, given)
    await depend(tx, probe, given.parents)
    if ran and probe.paused:
        await _end(tx, probe)
    else:
        await _begin(tx, probe)
    if probe.listed:
        _await_probe(tx, listing, limits)
    return probe


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


def _nothing_seen(probe: Probe) -> ProbeStanding:
    return ProbeStanding(
        probe_id=probe.id,
        state=ProbeState.UNKNOWN,
        failures=0,
        successes=0,
        incident_open=False,
        seen=False,
    )


async def _begin(tx: Transaction, probe: Probe) -> None:
    """It is to be seen anew: what was seen before was of another target, or of another question."""
    try:
        probe.shard = shard_of(read_target(probe.url).host)
    except TargetUnreadable:
        probe.shard = 0  # it is told of as missing, because no probe of it ever comes about
    standing = await tx.session.get_one(ProbeStanding, probe.id, with_for_update=True)
    standing.seen = False
    await (await tx.raw()).execute(_ANEW, probe.id)
    _tell(tx, probe)


async def _end(tx: Transaction, probe: Probe) -> None:
    """From now on nobody looks, so that the state is unknown (M7)."""
    standing = await tx.session.get_one(ProbeStanding, probe.id, with_for_update=True)
    if standing.state != ProbeState.UNKNOWN:
        tx.session.add(StateChange(probe_id=probe.id, at=tx.now, state=ProbeState.UNKNOWN))
    standing.state, standing.since, standing.seen = ProbeState.UNKNOWN, tx.now, False
    await (await tx.raw()).execute(_ANEW, probe.id)
    await (await tx.raw()).execute(_UNSEEN, probe.id, tx.now)
    _tell(tx, probe)


def _tell(tx: Transaction, probe: Probe) -> None:
    probe.version += 1
    probe.changed_at = tx.now
    tx.emit(
        ProbeSet(
            probe_id=probe.id,
            listing_id=probe.listing_id,
            organisation_id=probe.organisation_id,
            interval_seconds=probe.interval_seconds,
            running=probe.listed and not probe.paused,
            version=probe.version,
        ),
        subject=f"probe:{probe.id}",
        region=probe.region,
    )


def _await_probe(tx: Transaction, listing: KnownListing, limits: ProbeLimits) -> None:
    listing.probe_due_at = tx.now + timedelta(seconds=limits.missing_after)


async def _probes_of(tx: Transaction, listing_id: UUID) -> list[Probe]:
    found = await tx.session.scalars(
        select(Probe).where(Probe.listing_id == listing_id).order_by(Probe.id).with_for_update()
    )
    return list(found)
