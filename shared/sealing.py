"""The audit's one chain (E6), linked behind the writers' backs.

A transaction leaves its entries in `audit_pending`, each with its own digest and its number within
its subject; whoever seals gives them their numbers in the chain and moves them to `audit_log`, in
the order in which their commits became visible. No writer waits for another, and the gap between
an answer and the seal stays below a second (ADR 0014).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

import asyncpg
from sqlalchemy import text

from shared.database import Database, Transaction
from shared.errors import DomainError
from shared.security.audit import Entry, Fault, Head, Verdict, entry_hash, verify_chain
from shared.security.canonical import Algorithm
from shared.security.identity import system
from shared.telling import entry_digest

BATCH: Final = 1000
_LINGER: Final = 0.1  # seconds after a nudge, so that a busy service seals many at once
_PATIENCE: Final = 60  # seconds for a look at every entry at once
_POLL: Final = 1.0  # seconds, where a nudge was lost or another process wrote

_COLUMNS = (
    "at, actor, client_id, organisation, operation, action, subject, subject_number, request_id,"
    " details"
)
_SEAL = f"""
    with link as (
        select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])
            as rows(id, number, previous, hash)
    ), moved as (
        delete from audit_pending where id = any($1) returning *
    ), head as (
        update audit_head set number = $5, hash = $6, algorithm = $7
    )
    insert into audit_log (number, {_COLUMNS}, previous, hash)
    select number, {_COLUMNS}, previous, hash from moved join link using (id)
"""  # noqa: S608 fixed names
# Of each subject, what was ever numbered against what is there; an entry that was taken away, from
# before or after its seal, leaves a gap here.
_GAP = """
    with entries as (
        select subject, subject_number, number from audit_log
        union all select subject, subject_number, null from audit_pending
    ), found as (
        select subject, count(*) as there, max(subject_number) as last from entries group by subject
    )
    select coalesce(found.subject, substr(aggregates.subject, 7)) as subject from found
        full join (select * from aggregates where subject like 'audit:%') as aggregates
        on aggregates.subject = 'audit:' || found.subject
    where there is distinct from sequence or last is distinct from sequence limit 1
"""
_BEHIND_GAP = """
    select min(number) from (
        select number, subject_number, row_number() over (order by subject_number) as place
        from audit_log where subject = $1
    ) as entries where subject_number <> place
"""


async def seal(tx: Transaction) -> int:
    """Link what waits, at most `BATCH` entries; how many."""
    connection = await tx.raw()
    if not await connection.fetchval("select exists (select from audit_pending)"):
        return 0  # without a lock: an idle service writes nothing
    head = await connection.fetchrow("select number, hash from audit_head for update")
    if head is None:
        raise LookupError("the audit chain has no head: the schema was not migrated")
    waiting = await connection.fetch(
        "select id, subject_number, digest from audit_pending order by id limit $1", BATCH
    )
    if not waiting:
        return 0
    number, previous = head["number"], head["hash"]
    links: list[tuple[int, int, str, str]] = []
    for row in waiting:
        number += 1
        hash_ = entry_hash(previous, link(number, dict(row)), algorithm=tx.algorithm)
        links.append((row["id"], number, previous, hash_))
        previous = hash_
    columns = (list(column) for column in zip(*links, strict=True))
    await connection.execute(_SEAL, *columns, number, previous, tx.algorithm)
    return len(links)


def link(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the hash of one link covers, beside the hash before it."""
    return {
        "number": number,
        "subject_number": row["subject_number"],
        "digest": row["digest"],
    }


def digest_of(row: Mapping[str, Any], *, algorithm: Algorithm) -> str:
    """The digest that an entry must have by its columns."""
    plain = (
        "actor", "client_id", "organisation", "operation", "action", "subject", "request_id",
        "details",
    )  # fmt: skip
    body = {"at": row["at"].isoformat(), **{name: row[name] for name in plain}}
    return entry_digest(body, algorithm=algorithm)


def entry_of(row: Mapping[str, Any]) -> Entry:
    """A sealed row as a link of the chain."""
    algorithm: Algorithm = "sm3" if row["hash"].startswith("sm3:") else "sha-256"
    found = {**row, "digest": digest_of(row, algorithm=algorithm)}
    return Entry(row["number"], row["previous"], link(row["number"], found), row["hash"])


async def verify(tx: Transaction, *, expected_head: Head | None) -> tuple[Verdict, int]:
    """Walk the whole chain and what waits behind it; the verdict, and how many wait."""
    verdict = await verify_chain(_sealed(tx), expected_head=expected_head)
    waiting = await (await tx.raw()).fetch("select * from audit_pending order by id")
    if verdict.intact:
        next_number = verdict.head.sequence + 1
        for row in waiting:
            algorithm: Algorithm = "sm3" if row["digest"].startswith("sm3:") else "sha-256"
            if digest_of(dict(row), algorithm=algorithm) != row["digest"]:
                verdict = Verdict(verdict.checked, verdict.head, next_number, Fault.EDITED)
    if verdict.intact and (gap := await _gap(tx, verdict.head.sequence + 1)) is not None:
        verdict = Verdict(verdict.checked, verdict.head, gap, Fault.ENTRY_MISSING)
    return verdict, len(waiting)


async def _sealed(tx: Transaction) -> AsyncIterator[Entry]:
    result = await tx.session.stream(text("select * from audit_log order by number"))
    async for row in result.mappings():
        yield entry_of(dict(row))


async def _gap(tx: Transaction, at_the_end: int) -> int | None:
    """The number from which an entry is missed, or None when all of every subject are there."""
    connection = await tx.raw()
    await connection.execute(f"set local statement_timeout = {_PATIENCE * 1000}")
    subject = await connection.fetchval(_GAP, timeout=_PATIENCE)
    if subject is None:
        return None
    behind: int | None = await connection.fetchval(_BEHIND_GAP, subject)
    return behind or at_the_end


class Sealer:
    """Seals what is committed here soon after it is told, and what others left, each second."""

    def __init__(self, database: Database, log: Any) -> None:
        self._database = database
        self._log = log
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._nudged.clear()
            try:
                await self.catch_up()
            except DomainError as error:
                self._log.warning("audit not sealed", error=error.code)
            except Exception as error:  # noqa: BLE001 the next round tries again; the log tells
                self._log.error("audit not sealed", error_type=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL):  # wait_for could swallow the cancellation
                    await self._nudged.wait()
                await asyncio.sleep(_LINGER)

    async def catch_up(self) -> None:
        """Seal all that is committed, in transactions of their own."""
        while await self._once() == BATCH:
            pass

    async def _once(self) -> int:
        try:
            async with self._database.transaction(system(self._database.schema)) as tx:
                return await seal(tx)
        except asyncpg.UniqueViolationError:
            # Somebody wrote a row where the next one belongs: what waits goes on waiting, and who
            # asks is answered, for `verify` names that row.
            self._log.error("audit not sealed", reason="the next number is taken")
            return 0
