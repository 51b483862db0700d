"""The third door of a service: what the clock causes, by one replica at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from shared.database import Database, Transaction
from shared.errors import DomainError
from shared.security.identity import system


@dataclass(frozen=True, slots=True)
class Every:
    """Run `work` in a transaction of its own each `seconds`, on whichever replica gets the lock."""

    seconds: float
    work: Callable[[Transaction], Awaitable[Any]]

    @property
    def name(self) -> str:
        return f"{self.work.__module__}.{self.work.__name__}"


async def run_schedule(
    database: Database, service: str, schedule: tuple[Every, ...], log: Any
) -> None:
    """Run every entry until cancelled; a failed round is logged and tried again at the next."""
    async with asyncio.TaskGroup() as group:
        for entry in schedule:
            group.create_task(_repeat(database, service, entry, log))


async def _repeat(database: Database, service: str, entry: Every, log: Any) -> None:
    while True:
        await asyncio.sleep(entry.seconds)
        try:
            await run_once(database, service, entry)
        except DomainError as error:
            log.warning("schedule round refused", name=entry.name, error=error.code)
        except Exception as error:  # noqa: BLE001 the next round tries again; the log tells
            log.error(  # noqa: TRY400 a trace could carry a row's values
                "schedule round failed", name=entry.name, error_type=type(error).__name__
            )


async def run_once(database: Database, service: str, entry: Every) -> bool:
    """One round; False when another replica holds the lock."""
    async with database.transaction(system(service)) as tx:
        held = await tx.session.scalar(
            text("select pg_try_advisory_xact_lock(hashtextextended(:name, 1))"),
            {"name": f"{service}|{entry.name}"},
        )
        if held:
            await entry.work(tx)
        return bool(held)
