"""`python -m shared.messaging.rebuild SERVICE`: empty its read model and fill it from the records.

SERVICE is a service's name, or gateway.

For when a projection is doubted or its handler was corrected. The service goes on meanwhile: it
reads the old rows until the new ones commit with one transaction, and what arrives in that moment
waits for it. The whole history of the publishers is read before, outside of any transaction, and
applied exactly as far as the service had come: what is parked or was discarded stays away.
"""

import asyncio
import importlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from shared.database import Database, DatabaseUnavailable, Transaction
from shared.messaging.handling import Arrival, ReadModel, apply, read_arrival
from shared.messaging.record import Record
from shared.migrations.lineage import package_of
from shared.security.identity import system
from shared.settings import Settings

_BATCH: Final = 256
_TRIES: Final = 20
_PAUSE: Final = 0.5  # seconds for an event that was applied to stand in its publisher's record too


class NotYetRecorded(Exception):
    """The service has applied an event that its publisher's record does not show yet."""


@dataclass(slots=True)
class _History:
    """The publishers' events on disk, a line each, and how far each record was read."""

    file: Any
    positions: dict[str, int] = field(default_factory=dict)
    reached: dict[tuple[str, str], int] = field(default_factory=dict)

    async def read_on(self, record: Record, sources: Iterable[str]) -> None:
        self.file.seek(0, 2)
        for source in sources:
            ended = False
            while not ended:
                page = await record.read(source, after=self.positions.get(source, 0))
                for envelope in page.envelopes:
                    each = read_arrival(envelope, 0, 1)
                    self.reached[each.aggregate] = each.sequence
                    self.file.write(envelope + b"\n")
                self.positions[source], ended = page.next_after, page.is_last

    def __iter__(self) -> Iterator[Arrival]:
        self.file.seek(0)
        return (read_arrival(line.rstrip(b"\n"), 0, 1) for line in self.file)


async def rebuild(database: Database, record: Record, model: ReadModel, *, service: str) -> int:
    """Rebuild a read model; how many events it stands on.

    Raises `RECORD_ERRORS`, `NotYetRecorded` when a record lacks what the service has applied, and
    `DatabaseUnavailable`; nothing has changed then.
    """
    with tempfile.TemporaryFile() as file:
        history = _History(file)
        tries = 0
        while True:
            await history.read_on(record, model.sources)
            try:
                return await _replace(database, history, model, service=service)
            except (NotYetRecorded, DatabaseUnavailable):  # or a handler holds the tables
                tries += 1
                if tries == _TRIES:
                    raise
                await asyncio.sleep(_PAUSE)


async def _replace(database: Database, history: _History, model: ReadModel, *, service: str) -> int:
    count = 0
    async with database.transaction(system(service), whole_province=True) as tx:
        connection = await tx.raw()
        for table in model.tables:  # readers go on, handlers wait
            await connection.execute(f"lock table {table} in share row exclusive mode")
        gate = await _gate(tx, model, service=service)
        if any(number > history.reached.get(key, 0) for key, number in gate.items()):
            raise NotYetRecorded
        given_up = await _given_up(tx, service=service)
        for table in reversed(model.tables):
            await connection.execute(f"delete from {table}")  # noqa: S608 the service's own names
        applied = (
            each
            for each in history
            if each.sequence <= gate.get(each.aggregate, 0) and each.id not in given_up
        )
        while some := list(islice(applied, _BATCH)):
            await apply(tx, some, model.handlers)
            count += len(some)
        tx.audit("read_model.rebuilt", subject=service, details={"events": count})
    return count


async def _gate(
    tx: Transaction, model: ReadModel, *, service: str
) -> Mapping[tuple[str, str], int]:
    rows = await (await tx.raw()).fetch(
        "select source, subject, sequence from sequence_gate"
        " where consumer = $1 and source = any($2) and sequence > 0",
        service,
        model.sources,
    )
    return {(row["source"], row["subject"]): row["sequence"] for row in rows}


async def _given_up(tx: Transaction, *, service: str) -> frozenset[Any]:
    rows = await (await tx.raw()).fetch(
        "select event_id from dead_letters where consumer = $1 and state = 'DISCARDED'", service
    )
    return frozenset(row["event_id"] for row in rows)


async def _main(service: str) -> None:
    package = package_of(service)
    settings: Settings = importlib.import_module(f"{package}.app").build().state.settings_class()
    model: ReadModel = importlib.import_module(f"{package}.event_handlers").READ_MODEL
    record = Record.of(settings)
    if record is None:
        sys.exit("GFT_RECORD_URL: name the gateway that serves the records")
    database = Database(
        settings.database_url.get_secret_value(),
        schema=service,
        clock=settings.clock,
        algorithm=settings.digest_profile,
    )
    try:
        count = await rebuild(database, record, model, service=service)
    finally:
        await record.close()
        await database.close()
    sys.stdout.write(f"{service}: {', '.join(model.tables)} rebuilt from {count} events\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
