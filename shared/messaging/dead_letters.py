"""Events that could not be applied: kept with their cause, and brought back by hand (E4, CON6).

A poison event parks its aggregate: later events of that aggregate wait behind it, all others flow.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Transaction
from shared.messaging.errors import (
    DeadLetterBeforeItsTurn,
    DeadLetterBehind,
    DeadLetterNotFound,
    DeadLetterResolved,
    RedriveFailed,
)
from shared.messaging.handling import Arrival, Handlers, apply, read_arrival

PARKED, REDRIVEN, DISCARDED = "PARKED", "REDRIVEN", "DISCARDED"
_COLUMNS = (
    "id, consumer, event_id, source, subject, type, sequence, stream_sequence, envelope, cause,"
    " tries, state, version, parked_at, resolved_at, resolved_by"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    id: UUID
    consumer: str
    event_id: UUID
    source: str
    subject: str
    type: str
    sequence: int
    stream_sequence: int
    envelope: str
    cause: str
    tries: int
    state: str
    version: int
    parked_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive applied, in order; `failed` still stands where the aggregate stopped again."""

    letter: DeadLetter
    applied: tuple[UUID, ...]
    failed: UUID | None = None
    cause: str | None = None


async def park(
    connection: Any, arrivals: Sequence[Arrival], *, consumer: str, cause: str, at: datetime
) -> None:
    """Keep events as dead letters; one that is kept already stays as it is."""
    if not arrivals:
        return
    await connection.executemany(
        "insert into dead_letters (consumer, event_id, source, subject, type, sequence,"
        " stream_sequence, envelope, cause, tries, parked_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " on conflict (consumer, event_id) do nothing",
        [
            (
                consumer,
                each.id,
                each.source,
                each.subject,
                each.type,
                each.sequence,
                each.stream_sequence,
                each.text,
                cause,
                each.tries,
                at,
            )
            for each in arrivals
        ],
    )


async def list_dead_letters(
    tx: Transaction,
    *,
    consumer: str,
    states: Collection[str] = (PARKED,),
    after: UUID | None = None,
    limit: int = 20,
) -> list[DeadLetter]:
    """Oldest first, behind the id `after`."""
    rows = await (await tx.raw()).fetch(
        f"select {_COLUMNS} from dead_letters where consumer = $1 and state = any($2)"  # noqa: S608 fixed names
        " and ($3::uuid is null or id > $3) order by id limit $4",
        consumer,
        list(states),
        after,
        limit,
    )
    return [DeadLetter(**row) for row in rows]


async def get_dead_letter(tx: Transaction, dead_letter_id: UUID, *, consumer: str) -> DeadLetter:
    """Raises `dead_letter_not_found` (404)."""
    return await _fetch(tx, dead_letter_id, consumer=consumer)


async def redrive(
    tx: Transaction, dead_letter_id: UUID, *, consumer: str, handlers: Handlers
) -> Redriven:
    """Apply the aggregate's parked events in order, from its first, through the usual handlers.

    It goes on until all are applied, one fails again or one is missing in between. When the first
    itself fails nothing changes and `redrive_failed` (409) tells why; other refusals: 404
    `dead_letter_not_found`, 409 `dead_letter_resolved`, `dead_letter_behind`,
    `dead_letter_before_its_turn`, 412 `stale_version`.
    """
    letter = await _fetch_parked(tx, dead_letter_id, consumer=consumer)
    connection = await tx.raw()
    sequence = await _lock_gate(connection, letter)
    first, *_ = waiting = await _waiting(connection, letter)
    if first.id != letter.id:
        raise DeadLetterBehind(first=str(first.id))
    if not letter.source:
        raise RedriveFailed(cause="unreadable")  # whose turn it is cannot be known: discard it
    if letter.sequence > sequence + 1:
        raise DeadLetterBeforeItsTurn(applied=sequence, sequence=letter.sequence)
    applied: list[UUID] = []
    failed, cause = None, None
    for each in waiting:
        if each.sequence > sequence + 1:
            break
        try:
            async with tx.savepoint():
                arrival = read_arrival(each.envelope.encode(), each.stream_sequence, each.tries)
                await connection.execute(
                    "insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing",
                    consumer,
                    each.event_id,
                )
                await apply(tx, [arrival], handlers)
                await tx.session.flush()
        except Exception as error:
            failed, cause = each, describe(error)
            if not applied:
                raise RedriveFailed(cause=cause) from error
            await connection.execute(
                "update dead_letters set cause = $2, tries = tries + 1, version = version + 1"
                " where id = $1",
                each.id,
                cause,
            )
            break
        sequence = max(sequence, each.sequence)
        applied.append(each.id)
    await _settle(tx, applied, state=REDRIVEN)
    await _set_gate(connection, letter, sequence)
    for each in waiting[: len(applied)]:
        tx.audit("dead_letter.redriven", subject=str(each.id), details=_details(each))
    return Redriven(
        await _fetch(tx, dead_letter_id, consumer=consumer),
        tuple(applied),
        failed.id if failed else None,
        cause,
    )


async def discard(tx: Transaction, dead_letter_id: UUID, *, consumer: str) -> DeadLetter:
    """Give up an aggregate's first parked event, and what is missing before it, for good.

    The events behind it stay parked until they are redriven. Refusals: 404
    `dead_letter_not_found`, 409 `dead_letter_resolved`, `dead_letter_behind`, 412 `stale_version`.
    """
    letter = await _fetch_parked(tx, dead_letter_id, consumer=consumer)
    connection = await tx.raw()
    sequence = await _lock_gate(connection, letter)
    first, *_ = await _waiting(connection, letter)
    if first.id != letter.id:
        raise DeadLetterBehind(first=str(first.id))
    await _settle(tx, [letter.id], state=DISCARDED)
    await _set_gate(connection, letter, max(sequence, letter.sequence))
    tx.audit("dead_letter.discarded", subject=str(letter.id), details=_details(letter))
    return await _fetch(tx, dead_letter_id, consumer=consumer)


def describe(error: BaseException) -> str:
    """The cause as a person may read it, without the values that an event carried."""
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return f"{type(error).__name__}: {code}"
    places = getattr(error, "errors", None)
    if callable(places):  # pydantic's: where and what kind, not the input
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in places())
        return f"{type(error).__name__}: {found}"[:500]
    return f"{type(error).__name__}: {error}"[:500]


async def _fetch(
    tx: Transaction, dead_letter_id: UUID, *, consumer: str, lock: bool = False
) -> DeadLetter:
    row = await (await tx.raw()).fetchrow(
        f"select {_COLUMNS} from dead_letters where id = $1 and consumer = $2"  # noqa: S608 fixed names
        + (" for update" if lock else ""),
        dead_letter_id,
        consumer,
    )
    if row is None:
        raise DeadLetterNotFound(dead_letter_id=str(dead_letter_id))
    return DeadLetter(**row)


async def _fetch_parked(tx: Transaction, dead_letter_id: UUID, *, consumer: str) -> DeadLetter:
    letter = await _fetch(tx, dead_letter_id, consumer=consumer, lock=True)
    tx.expect(letter.version)
    if letter.state != PARKED:
        raise DeadLetterResolved(state=letter.state)
    return letter


async def _waiting(connection: Any, letter: DeadLetter) -> list[DeadLetter]:
    rows = await connection.fetch(
        f"select {_COLUMNS} from dead_letters where consumer = $1 and source = $2"  # noqa: S608 fixed names
        " and subject = $3 and state = 'PARKED' order by sequence for update",
        letter.consumer,
        letter.source,
        letter.subject,
    )
    return [DeadLetter(**row) for row in rows]


async def _lock_gate(connection: Any, letter: DeadLetter) -> int:
    sequence: int = await connection.fetchval(
        "insert into sequence_gate (consumer, source, subject, sequence) values ($1, $2, $3, 0)"
        " on conflict (consumer, source, subject)"
        " do update set sequence = sequence_gate.sequence returning sequence",
        letter.consumer,
        letter.source,
        letter.subject,
    )
    return sequence


async def _set_gate(connection: Any, letter: DeadLetter, sequence: int) -> None:
    await connection.execute(
        "update sequence_gate set sequence = $4"
        " where consumer = $1 and source = $2 and subject = $3",
        letter.consumer,
        letter.source,
        letter.subject,
        sequence,
    )


async def _settle(tx: Transaction, ids: Sequence[UUID], *, state: str) -> None:
    await (await tx.raw()).execute(
        "update dead_letters set state = $2, resolved_at = $3, resolved_by = $4,"
        " version = version + 1 where id = any($1)",
        list(ids),
        state,
        tx.now,
        tx.actor.subject,
    )


def _details(letter: DeadLetter) -> dict[str, Any]:
    return {
        "consumer": letter.consumer,
        "event_id": str(letter.event_id),
        "type": letter.type,
        "aggregate": letter.subject,
        "sequence": letter.sequence,
    }
