"""Everything that the ledger compares: what was answered, and what every part says afterwards."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import nats as nats_client

from deploy.local.nats import OPERATOR
from shared.events.envelope import STREAM
from tests.chaos import reader
from tests.chaos.clients import Attempt, key_of
from tests.chaos.world import COMPONENTS, World

SCHEMAS: Final = (*COMPONENTS, reader.SCHEMA)
CONSUMERS: Final = SCHEMAS
_SETTLED: Final = 2  # looks in a row


@dataclass
class Answers:
    """The clients' side: attempts by key, in the order of their answers."""

    creations: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    acceptances: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, file: Path) -> "Answers":
        answers = cls()
        for line in file.read_text(encoding="utf-8").splitlines():
            attempt = Attempt(**json.loads(line))
            kept = answers.creations if attempt.operation == "create" else answers.acceptances
            kept[attempt.key].append(attempt)
        return answers

    @property
    def all(self) -> Iterable[list[Attempt]]:
        return (*self.creations.values(), *self.acceptances.values())

    @property
    def acknowledged(self) -> dict[str, set[str]]:
        """The ids that were returned for each filing that was acknowledged: one, if all is well."""
        return {
            key: {str(each.id) for each in attempts if each.acknowledged}
            for key, attempts in self.creations.items()
            if any(each.acknowledged for each in attempts)
        }

    @property
    def accepted(self) -> set[str]:
        """The ids of the filings whose acceptance was acknowledged."""
        return {
            str(each.id)
            for attempts in self.acceptances.values()
            for each in attempts
            if each.acknowledged
        }

    @property
    def refused(self) -> list[Attempt]:
        return [each for attempts in self.all for each in attempts if each.refused]

    @property
    def seconds_to_answer(self) -> list[float]:
        """From the first attempt to the first 2xx, for each request that got one."""
        return [
            next(each.sent + each.took for each in attempts if each.acknowledged) - attempts[0].sent
            for attempts in self.all
            if any(each.acknowledged for each in attempts)
        ]


@dataclass(frozen=True)
class Books:
    """What the platform says: rows of every schema, read at one time after quiescence."""

    filings: Mapping[str, list[tuple[str, str]]]  # key -> (id, state)
    history: Mapping[tuple[str, str], int]  # (filing id, action) -> entries
    catalog_filings: Mapping[str, str]  # filing id -> state in catalog
    versions: Mapping[str, list[tuple[str, str]]]  # filing id -> (listing id, listing's state)
    live_in_filing: frozenset[str]  # listing ids
    entry_points: frozenset[str]  # listing ids
    facts: list[asyncpg.Record]
    counters: Mapping[str, int]
    epochs: tuple[int, int]  # changes to what the public sees: counted, and told
    outboxes: Mapping[str, list[asyncpg.Record]]
    aggregates: Mapping[str, Mapping[str, int]]
    gates: Mapping[tuple[str, str], Mapping[str, int]]  # (consumer, source) -> subject -> sequence
    dead_letters: Mapping[str, int]
    audits: Mapping[str, list[asyncpg.Record]]

    @property
    def ids(self) -> dict[str, str]:
        """The state of every filing by its id."""
        return {id_: state for rows in self.filings.values() for id_, state in rows}


async def read_books(world: World) -> Books:
    """Read past every role, as an auditor does."""
    connection = await asyncpg.connect(world.superuser_dsn)

    async def rows(statement: str) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await connection.fetch(statement)
        return found

    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            filings: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for row in await rows(
                "select id, state, content->>'title' as title from filing.filings"
                " where type = 'LISTING'"
            ):
                filings[key_of(row["title"])].append((str(row["id"]), row["state"]))
            versions: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for row in await rows(
                "select v.filing_id, v.listing_id, l.state from catalog.listing_versions v"
                " join catalog.listings l on l.id = v.listing_id"
            ):
                versions[str(row["filing_id"])].append((str(row["listing_id"]), row["state"]))
            gates: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
            for schema in SCHEMAS:
                for row in await rows(f"select * from {schema}.sequence_gate"):  # noqa: S608 fixed names
                    gates[schema, row["source"]][row["subject"]] = row["sequence"]
            return Books(
                filings=filings,
                history={
                    (str(row["filing_id"]), row["action"]): row["entries"]
                    for row in await rows(
                        "select filing_id, action, count(*) as entries"
                        " from filing.filing_history group by filing_id, action"
                    )
                },
                catalog_filings={
                    str(row["filing_id"]): row["state"]
                    for row in await rows("select filing_id, state from catalog.listing_filings")
                },
                versions=versions,
                live_in_filing=frozenset(
                    str(row["id"]) for row in await rows("select id from filing.live_listings")
                ),
                entry_points=frozenset(
                    row["listing_id"]
                    for row in await rows("select listing_id from gateway.entry_points")
                ),
                facts=await rows(f"select * from {reader.SCHEMA}.facts order by number"),  # noqa: S608 fixed name
                counters={
                    row["type"]: row["count"]
                    for row in await rows(f"select * from {reader.SCHEMA}.counters")  # noqa: S608 fixed name
                },
                epochs=await _epochs(connection),
                outboxes={
                    each: await rows(
                        "select type, subject, sequence, position, sent_at is null as unsent"  # noqa: S608 fixed names
                        f" from {each}.outbox order by subject, sequence"
                    )
                    for each in COMPONENTS
                },
                aggregates={
                    each: {
                        row["subject"]: row["sequence"]
                        for row in await rows(
                            f"select subject, sequence from {each}.aggregates"  # noqa: S608 fixed names
                            " where subject not like 'audit:%'"
                        )
                    }
                    for each in COMPONENTS
                },
                gates=gates,
                dead_letters={
                    each: await connection.fetchval(f"select count(*) from {each}.dead_letters")  # noqa: S608 fixed names
                    for each in SCHEMAS
                },
                audits={
                    each: await rows(f"select * from {each}.audit_log order by number")  # noqa: S608 fixed names
                    for each in COMPONENTS
                },
            )
    finally:
        await connection.close()


async def _epochs(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, int]:
    counted = await connection.fetchval("select epoch from catalog.search_epoch")
    told = await connection.fetchval(
        "select count(*) from catalog.outbox where type = 'catalog.listing_published.v1'"
    )
    return counted, told


# --- quiescence -----------------------------------------------------------------------------------


async def quiet_within(world: World, seconds: float) -> float | None:
    """Seconds until nothing is unsent, pending or unacknowledged; None when it stays so."""
    began = time.monotonic()
    looks = 0
    while (passed := time.monotonic() - began) < seconds:
        world.revive()
        looks = looks + 1 if await _is_quiet(world) else 0
        if looks == _SETTLED:
            return passed
        await asyncio.sleep(0.1)
    return None


async def _is_quiet(world: World) -> bool:
    try:
        return await _unsent(world) == 0 and await _pending(world) == 0
    except (OSError, TimeoutError, asyncpg.PostgresError, nats_client.errors.Error):
        return False


async def _unsent(world: World) -> int:
    """Events that are not in the stream yet, and audit entries that are not sealed."""
    connection = await asyncpg.connect(world.superuser_dsn)
    try:
        counts = [
            await connection.fetchval(
                f"select (select count(*) from {each}.outbox where sent_at is null)"  # noqa: S608 fixed names
                f" + (select count(*) from {each}.audit_pending)"
            )
            for each in COMPONENTS
        ]
        return sum(counts)
    finally:
        await connection.close()


async def _pending(world: World) -> int:
    user = world.nats.users[OPERATOR]
    client = await nats_client.connect(
        user.url, inbox_prefix=user.inbox_prefix.encode(), allow_reconnect=False, connect_timeout=2
    )
    try:
        infos = [await client.jetstream().consumer_info(STREAM, each) for each in CONSUMERS]
        return sum((each.num_pending or 0) + (each.num_ack_pending or 0) for each in infos)
    finally:
        await client.close()
