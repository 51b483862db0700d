"""When a probe begins to run and ends, and that it must be seen (A17.3, M9)."""

from datetime import timedelta

from services.monitoring.commands.limits import ProbeLimits
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.rules.probing import shard_of
from services.monitoring.rules.targets import TargetUnreadable, host_of
from services.monitoring.tables import KnownListing, Probe, ProbeStanding, StateChange
from shared.database import Transaction
from shared.events.monitoring import ProbeSet

_ANEW = """
    update vantage_standings set seen = false, failures = 0, successes = 0, run_since = null
    where probe_id = $1
"""
_UNSEEN = "update vantage_standings set state = 'UNKNOWN', since = $2 where probe_id = $1"


def nothing_seen(probe: Probe) -> ProbeStanding:
    """How a new probe stands."""
    return ProbeStanding(
        probe_id=probe.id,
        state=ProbeState.UNKNOWN,
        failures=0,
        successes=0,
        incident_open=False,
        seen=False,
    )


async def begin_probe(tx: Transaction, probe: Probe) -> None:
    """It is to be seen anew: what was seen before was of another target, or of another question."""
    try:
        probe.shard = shard_of(host_of(probe.url))
    except TargetUnreadable:
        probe.shard = 0  # it is told of as missing, because no probe of it ever comes about
    standing = await tx.session.get_one(ProbeStanding, probe.id, with_for_update=True)
    standing.seen = False
    await (await tx.raw()).execute(_ANEW, probe.id)
    _tell(tx, probe)


async def end_probe(tx: Transaction, probe: Probe) -> None:
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


def await_probe(tx: Transaction, listing: KnownListing, limits: ProbeLimits) -> None:
    """A live probe must have been seen in a while from now, or it is missing."""
    listing.probe_due_at = tx.now + timedelta(seconds=limits.missing_after)
