"""Seeded bugs that the ledger must find: one that cannot fail proves nothing (reliability §3).

Four are flags of the toolbox's test profile. Two are built into the world's database: an outbox
that is no table but a notification, and a relay that reads by `id > last`.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from shared.messaging.broker import BROKER_ERRORS, Broker
from shared.messaging.publishing import outgoing, publish
from shared.settings import Settings

FLAGS: Final = frozenset({"mark_first", "ack_first", "no_inbox", "no_gate"})


@dataclass(frozen=True, slots=True)
class Control:
    """A bug, the invariants of which one at least must break, and who is killed to provoke it."""

    breaks: frozenset[str]
    victims: frozenset[str] = frozenset()  # everybody


CONTROLS: Final[Mapping[str, Control]] = {
    "no_outbox": Control(frozenset({"I2"})),
    "mark_first": Control(frozenset({"I2"}), victims=frozenset({"filing-1", "filing-2", "nats"})),
    "ack_first": Control(frozenset({"I2"})),
    "no_inbox": Control(frozenset({"I2", "I3"})),
    "id_cursor": Control(frozenset({"I2"})),
    "no_gate": Control(frozenset({"I5"})),
}

_CHANNEL = "told"

# What a rollback takes back is not told; what is told is kept nowhere.
_NO_OUTBOX = f"""
    create function filing.tell() returns trigger language plpgsql as $$
    begin
        perform pg_notify('{_CHANNEL}', row_to_json(new)::text);
        return null;
    end $$;
    create trigger tell before insert on filing.outbox
        for each row execute function filing.tell();
"""

# A cursor on the id passes by what was numbered earlier and commits later.
_ID_CURSOR = """
    create function filing.last_sent() returns bigint language sql stable security definer as
        'select coalesce(max(id), 0) from filing.outbox where sent_at is not null';
    alter table filing.outbox enable row level security;
    create policy all_rows on filing.outbox to filing_app using (true) with check (true);
    create policy marking on filing.outbox for update to filing_relay using (true);
    create policy behind_the_cursor on filing.outbox for select to filing_relay
        using (sent_at is not null or id > filing.last_sent());
"""


async def build_in(superuser_dsn: str, faults: Sequence[str]) -> None:
    """Change the world's database as these faults ask."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        if "no_outbox" in faults:
            await connection.execute(_NO_OUTBOX)
        if "id_cursor" in faults:
            await connection.execute(_ID_CURSOR)
    finally:
        await connection.close()


def bridge(config: Mapping[str, Any]) -> None:
    """Publish what is told after a commit, as one does without an outbox: from memory, once."""
    asyncio.run(_bridge(Settings(**config["settings"])))


async def _bridge(settings: Settings) -> None:
    broker = Broker.of(settings, name="filing")
    await broker.start()
    told: asyncio.Queue[str] = asyncio.Queue()
    url = settings.database_url.get_secret_value()
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(url, timeout=2)
            await connection.add_listener(_CHANNEL, lambda *told_: told.put_nowait(told_[3]))
            while not connection.is_closed():
                with suppress(TimeoutError, *BROKER_ERRORS):
                    row = json.loads(await asyncio.wait_for(told.get(), 0.5))
                    row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
                    await publish(
                        broker.client, [outgoing(row, "filing", base="https://ganfutong.test")]
                    )
        await asyncio.sleep(0.2)
