"""A replica's part in the probing without its probes: the test says what each came to, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.monitoring.commands.limits import limits_now
from services.monitoring.commands.results import Result, keep_days, store_results
from services.monitoring.commands.shards import Lease, Watched, hold_shards, load_probes
from services.monitoring.rules.hysteresis import Thresholds
from shared.security.identity import system
from tests.monitoring.world import World

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
MINUTE = timedelta(minutes=1)
REFUSED = "connection_refused"


@dataclass
class Eye:
    """Holds the shards of a vantage point by the world's clock; `see` stores one round."""

    world: World
    vantage: str = "default"
    name: str = field(default_factory=lambda: uuid4().hex)
    leases: dict[int, Lease] = field(default_factory=dict)
    watched: dict[UUID, Watched] = field(default_factory=dict)
    days: set[datetime] = field(default_factory=set)
    thresholds: Thresholds | None = None

    @property
    def now(self) -> datetime:
        return self.world.suite.clock.now()

    async def hold(self) -> None:
        """Take what is free, renew what is held, and read what has changed."""
        database = self.world.suite.apps["monitoring"].state.database
        async with database.transaction(system("monitoring")) as tx:
            limits = await limits_now(tx)
            self.thresholds = limits.thresholds
            held, taken = await hold_shards(
                tx, self.name, vantage=self.vantage, lease=limits.lease, idle=set(self.leases)
            )
            self.leases = {each.shard: each for each in held}
            found = await load_probes(tx, list(self.leases), vantage=self.vantage, since=LONG_AGO)
            today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
            if today not in self.days:
                days = {today, today + timedelta(days=1)}
                await keep_days(tx, days, oldest=today - timedelta(days=9))
                self.days = days
        for probe in found:
            known = self.watched.get(probe.id)
            if known is None or probe.shard in taken or known.changed_at != probe.changed_at:
                self.watched[probe.id] = probe

    async def see(self, passed: Mapping[UUID, bool], *, at: datetime | None = None) -> None:
        """One round of results, each at this instant."""
        assert self.thresholds is not None
        database = self.world.suite.apps["monitoring"].state.database
        at = at or self.now
        results = [self._result(id_, ok, at) for id_, ok in passed.items()]
        async with database.transaction(system("monitoring")) as tx:
            changed = await store_results(
                tx,
                results,
                holder=self.name,
                vantage=self.vantage,
                leases=self.leases,
                watched=self.watched,
                thresholds=self.thresholds,
            )
        self.watched |= changed

    def _result(self, probe_id: UUID, ok: bool, at: datetime) -> Result:
        probe = self.watched[probe_id]
        return Result(
            probe_id=probe_id,
            shard=probe.shard,
            version=probe.changed_at,
            at=at,
            ok=ok,
            evidence=True,
            reused=False,
            lag=0.0,
            total=1.0,
            phases=(None, None, None, None, None),
            status=200 if ok else None,
            error=None if ok else REFUSED,
            failure=None,
        )


async def look(rows: Sequence[tuple[Eye, str]], probe: UUID) -> None:
    """Results a minute apart as each eye sees them: `.` passed, `x` failed, a blank is none."""
    for place in range(max(len(row) for _, row in rows)):
        for eye, row in rows:
            if row[place : place + 1].strip():
                await eye.hold()
                await eye.see({probe: row[place] == "."})
        rows[0][0].world.suite.clock.advance(MINUTE)
