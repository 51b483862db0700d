"""What is counted in memory and written every few seconds: a write for each call would cost more
than the call (G1, G5).
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from prometheus_client import Counter

from shared.database import Database, DatabaseUnavailable
from shared.metrics import REGISTRY
from shared.security.access import Operation
from shared.security.identity import Actor, system

FLUSH_SECONDS: Final = 2.0
WOULD_REFUSE: Final = Counter(
    "gft_gateway_log_only_total",
    "Calls that a log-only rule of their route would have refused",
    ("operation", "reason"),
    registry=REGISTRY,
)
_FINDINGS: Final = (
    "insert into log_only_findings as known"
    " (operation, client_id, reason, organisation_id, role, calls, first_at, last_at)"
    " select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
    " $6::bigint[], $7::timestamptz[], $8::timestamptz[])"
    " on conflict (operation, client_id, reason) do update set calls = known.calls +"
    " excluded.calls, last_at = greatest(known.last_at, excluded.last_at)"
)
_STAMPS: Final[Mapping[str, str]] = {
    "secret": "update client_secrets set last_used_at = greatest(last_used_at, used.at)"
    " from unnest($1::text[], $2::timestamptz[]) as used(id, at) where stored = used.id",
    "key": "insert into signing_key_stamps as known (kid, last_used_at)"
    " select * from unnest($1::text[], $2::timestamptz[]) on conflict (kid)"
    " do update set last_used_at = greatest(known.last_used_at, excluded.last_used_at)",
}


class _Finding(NamedTuple):
    operation: str
    client_id: str
    reason: str
    organisation_id: str
    role: str


class Tallies:
    """Of one process; several add up in the database."""

    def __init__(self) -> None:
        self._used: dict[str, dict[str, datetime]] = {kind: {} for kind in _STAMPS}
        self._findings: dict[_Finding, tuple[int, datetime, datetime]] = {}

    def used(self, kind: str, identifier: str, at: datetime) -> None:
        """Note that a secret or a key was used; the latest time stays."""
        self._used[kind][identifier] = at

    def would_refuse(self, operation: Operation, actor: Actor, reason: str, at: datetime) -> None:
        WOULD_REFUSE.labels(operation.id, reason).inc()
        found = _Finding(operation.id, actor.client_id, reason, actor.organisation, actor.role)
        calls, first, _ = self._findings.get(found, (0, at, at))
        self._findings[found] = (calls + 1, first, at)

    async def flush(self, database: Database) -> None:
        """Write what is there; what could not be written waits for the next time."""
        used, self._used = self._used, {kind: {} for kind in _STAMPS}
        findings, self._findings = self._findings, {}
        if not findings and not any(used.values()):
            return
        try:
            async with database.transaction(system("gateway")) as tx:
                raw = await tx.raw()
                for kind, stamps in used.items():
                    if stamps:
                        rows = sorted(stamps.items())  # one order: two replicas never deadlock
                        await raw.execute(_STAMPS[kind], *_columns(rows))
                if findings:
                    counts = sorted((*key, *counted) for key, counted in findings.items())
                    await raw.execute(_FINDINGS, *_columns(counts))
        except BaseException:
            self._take_back(used, findings)
            raise

    async def run(self, database: Database, log: Any) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush(database)
            except DatabaseUnavailable as error:
                log.debug("tallies wait", error=error.code)

    def _take_back(
        self,
        used: Mapping[str, Mapping[str, datetime]],
        findings: Mapping[_Finding, tuple[int, datetime, datetime]],
    ) -> None:
        for kind, stamps in used.items():
            self._used[kind] = {**stamps, **self._used[kind]}
        for found, (calls, first, last) in findings.items():
            more, _, later = self._findings.get(found, (0, first, last))
            self._findings[found] = (calls + more, first, later)


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
