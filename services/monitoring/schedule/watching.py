"""The probes of this replica's shards: begun when they are due, stored in batches (M4)."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import Counter, Histogram

from services.monitoring.clients.outcome import ADDRESS_REFUSED, Limits, Outcome, Phase
from services.monitoring.clients.prober import Prober
from services.monitoring.clients.walker import CLEANUP_SECONDS, walk
from services.monitoring.commands.heartbeats import last_beat
from services.monitoring.commands.hours import Key, keep_hours, sum_up
from services.monitoring.commands.limits import ProbeLimits, limits_now
from services.monitoring.commands.results import Result, keep_days, store_results
from services.monitoring.commands.shards import (
    Lease,
    Watched,
    hold_shards,
    leave,
    load_probes,
)
from services.monitoring.commands.walks import claim_runs, open_secrets
from services.monitoring.rules.conditions import failures, parse
from services.monitoring.rules.hours import Hour, join
from services.monitoring.rules.targets import host_of, read_target
from services.monitoring.rules.walking import Walk
from services.monitoring.schedule.heartbeats import beat_result
from services.monitoring.schedule.turnstile import Turnstile
from services.monitoring.schedule.walks import walk_result
from services.monitoring.schedule.wheel import Wheel
from shared.clock import Clock
from shared.database import Database
from shared.metrics import REGISTRY
from shared.security.encryption import Keyring
from shared.security.identity import system

PROBES = Counter("gft_probes", "Probes that ended", ["passed"], registry=REGISTRY)
LAG = Histogram(
    "gft_probe_lag_seconds",
    "How late a probe began",
    buckets=(0.01, 0.05, 0.2, 1, 5, 30),
    registry=REGISTRY,
)
DROPPED = Counter("gft_results_dropped", "Results that could not be kept", registry=REGISTRY)

_TICK = 0.01
_HOLD = 2.0
_STORE = 0.5
_SUM_UP = 60.0
_BATCH = 5_000
_BUFFERED = 100_000
_OVERLAP = timedelta(seconds=30)  # longer than a transaction may last: none is overlooked
_RELOAD = 30  # rounds of holding after which all is read again
_FAILURE_LETTERS = 500
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Watch:
    """One replica's part in the probing; `run` until it is cancelled, then `end`."""

    database: Database
    prober: Prober
    clock: Clock
    vantage: str
    most: int
    log: Any
    keyring: Keyring | None = None
    name: str = field(default_factory=lambda: uuid4().hex)
    wheel: Wheel = field(default_factory=Wheel)
    leases: dict[int, Lease] = field(default_factory=dict)
    _limits: ProbeLimits | None = None
    _turnstile: Turnstile = field(init=False)
    _results: list[Result] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _asked: dict[UUID, UUID] = field(default_factory=dict)
    _hours: dict[Key, Hour] = field(default_factory=dict)
    _days: set[datetime] = field(default_factory=set)
    _read_until: datetime = _LONG_AGO
    _rounds: int = 0
    _count: int = 0
    _ending: bool = False

    def __post_init__(self) -> None:
        self._turnstile = Turnstile(self.most)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(_HOLD, self.hold))
            group.create_task(self._again(_STORE, self.store))
            group.create_task(self._again(_SUM_UP, self.sum_up))
            group.create_task(self._again(_TICK, self.tick))

    async def end(self) -> None:
        """Hand the shards on, with what was seen."""
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.store()
            await self.sum_up()
            async with self.database.transaction(system("monitoring")) as tx:
                await leave(tx, self.name, list(self.leases))
        except Exception as error:  # noqa: BLE001 the leases end by themselves
            self.log.warning("left without a word", error_type=type(error).__name__)

    async def _again(self, seconds: float, work: Any) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 the next round tries again; the log tells
                self.log.warning(
                    "probing interrupted", work=work.__name__, error_type=type(error).__name__
                )
            await asyncio.sleep(seconds)

    # --- which probes -----------------------------------------------------------------------------

    async def hold(self) -> None:
        """Renew the leases, take and give up shards, and read what has changed."""
        busy = {probe.shard for probe in self._turnstile.running.values()}
        async with self.database.transaction(system("monitoring")) as tx:
            self._limits = await limits_now(tx)
            held, taken = await hold_shards(
                tx,
                self.name,
                vantage=self.vantage,
                lease=self._limits.lease,
                idle=set(self.leases) - busy,
            )
            self._rounds += 1
            whole = self._rounds % _RELOAD == 1
            since = _LONG_AGO if whole else self._read_until - _OVERLAP
            shards = [lease.shard for lease in held]
            changed = await load_probes(tx, shards, vantage=self.vantage, since=since)
            if taken and not whole:
                changed += await load_probes(tx, taken, vantage=self.vantage, since=_LONG_AGO)
            self._read_until = tx.now
            self._asked |= await claim_runs(tx, shards)
        self._turnstile.per_host = self._limits.per_host
        self.leases = {lease.shard: lease for lease in held}
        for probe in [each for each in self.wheel.probes.values() if each.shard in taken]:
            self.wheel.drop(probe.id)  # its standing here may be older than another's
        for probe in [e for e in self.wheel.probes.values() if e.shard not in self.leases]:
            self.wheel.drop(probe.id)
        for probe in changed:
            self.wheel.put(probe, now=self.clock.now().timestamp())
        for walk_id in list(self._asked):
            asked = self.wheel.probes.get(walk_id)
            if asked is not None and walk_id not in self._turnstile.running:
                self._come(asked, self.clock.now().timestamp())

    # --- probing ----------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Begin what is due, unless its lease could end before it does."""
        now = self.clock.now()
        for probe, due in self.wheel.due(now.timestamp()):
            self._come(probe, due)

    def _come(self, probe: Watched, due: float) -> None:
        lease = self.leases.get(probe.shard)
        longest = probe.timeout + (CLEANUP_SECONDS if probe.walk is not None else 0)
        if lease is None or lease.until < self.clock.now() + timedelta(seconds=longest):
            return
        host = host_of(probe.url)
        if self._turnstile.come(probe, host, due):
            self._begin(probe, host, due)

    def _begin(self, probe: Watched, host: str, due: float) -> None:
        if self._ending:
            return
        task = asyncio.create_task(self._probe(probe, host, due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self, probe: Watched, host: str, due: float) -> None:
        try:
            at = self.clock.now()
            if probe.walk is not None:
                self._keep(await self._walk(probe, probe.walk, at=at, lag=at.timestamp() - due))
                return
            if probe.grace is not None:
                self._keep(await self._listen(probe, probe.grace, at=at))
                return
            self._count += 1
            outcome = await self.prober.probe(
                read_target(probe.url),
                method=probe.method,
                limits=Limits(total=probe.timeout, redirects=probe.redirects),
                fresh=self._limits is None or self._count % self._limits.fresh_every == 0,
            )
            self._keep(self._judge(probe, outcome, at=at, lag=at.timestamp() - due))
        finally:
            for waiting, its_host, its_due in self._turnstile.end(probe, host):
                self._begin(waiting, its_host, its_due)

    async def _walk(self, probe: Watched, steps: Walk, *, at: datetime, lag: float) -> Result:
        run_id = self._asked.pop(probe.id, None) or uuid4()
        secrets = {}
        if steps.sealed is not None and self.keyring is not None:
            secrets = open_secrets(self.keyring, probe.id, steps.sealed)
        walked = await walk(
            self.prober, steps.steps, steps.cleanup, secrets=secrets, seconds=probe.timeout
        )
        return walk_result(probe, walked, run_id=run_id, at=at, lag=lag)

    async def _listen(self, probe: Watched, grace: int, *, at: datetime) -> Result:
        async with self.database.transaction(system("monitoring")) as tx:
            last = await last_beat(tx, probe.id)
        return beat_result(probe, last, grace=grace, at=at)

    def _judge(self, probe: Watched, outcome: Outcome, *, at: datetime, lag: float) -> Result:
        told = failures([parse(each) for each in probe.conditions], outcome.seen)
        ok = outcome.error is None and not told
        late = self._limits is not None and lag > self._limits.lag
        PROBES.labels(passed=str(ok).lower()).inc()
        LAG.observe(max(lag, 0))
        return Result(
            probe_id=probe.id,
            shard=probe.shard,
            version=probe.changed_at,
            at=at,
            ok=ok,
            evidence=outcome.error != ADDRESS_REFUSED and (ok or not late),
            reused=outcome.reused,
            lag=lag * 1000,
            total=outcome.seen.response_time or sum(outcome.phases.values()),
            phases=(
                outcome.phases.get(Phase.DNS),
                outcome.phases.get(Phase.CONNECT),
                outcome.phases.get(Phase.TLS),
                outcome.phases.get(Phase.FIRST_BYTE),
                outcome.phases.get(Phase.TRANSFER),
            ),
            status=outcome.seen.status or None,
            error=outcome.error,
            failure="; ".join(told).replace("\0", "")[:_FAILURE_LETTERS] or None,
        )

    def _keep(self, result: Result) -> None:
        if len(self._results) < _BUFFERED:
            self._results.append(result)
        else:
            DROPPED.inc()

    # --- storing ----------------------------------------------------------------------------------

    async def store(self) -> None:
        """Store what has come in; it stays until that has worked."""
        if self._limits is None or not self.leases:
            return
        batch = self._results[:_BATCH]
        async with self.database.transaction(system("monitoring")) as tx:
            days = {each.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                    for each in batch} - self._days  # fmt: skip
            if days:
                oldest = tx.now - timedelta(days=self._limits.kept_days)
                await keep_days(tx, days, oldest=oldest)
            changed = await store_results(
                tx,
                batch,
                holder=self.name,
                vantage=self.vantage,
                leases=self.leases,
                watched=self.wheel.probes,
                thresholds=self._limits.thresholds,
            )
        del self._results[: len(batch)]
        self._hours = sum_up(self._hours, batch)
        self._days |= days
        for id_, probe in changed.items():
            here = self.wheel.probes.get(id_)
            if here is not None and here.changed_at == probe.changed_at:
                self.wheel.probes[id_] = replace(
                    here, standing=probe.standing, seen=True, settled=probe.settled
                )

    async def sum_up(self) -> None:
        """Write what was summed up since the last time."""
        hours, self._hours = self._hours, {}
        try:
            if hours:
                async with self.database.transaction(system("monitoring")) as tx:
                    await keep_hours(tx, hours, vantage=self.vantage)
        except Exception:
            for key, hour in hours.items():
                since = self._hours.get(key)
                self._hours[key] = hour if since is None else join(hour, since)
            raise
