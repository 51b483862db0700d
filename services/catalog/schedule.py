"""Door 3: what the clock causes: planned publications, nightly checks, and imports that wait."""

import asyncio
from datetime import datetime
from typing import Any

from prometheus_client import Gauge

from services.catalog.commands import (
    calendar,
    channels,
    imports,
    listings,
    merging,
    nightly,
    notices,
)
from services.catalog.commands.limits import limit
from services.catalog.queries.calendar import is_official
from services.catalog.queries.coverage import orphans
from shared.clock import SHANGHAI
from shared.database import Database, Transaction
from shared.errors import Unavailable
from shared.logging import get_logger
from shared.metrics import REGISTRY
from shared.scheduling import Every
from shared.security.encryption import Keyring
from shared.security.identity import system

ORPHANS = Gauge(
    "gft_catalog_orphans",
    "Vacancies of responsible persons in units with live listings, at the last nightly check",
    registry=REGISTRY,
)
CALENDAR_MISSING = Gauge(
    "gft_catalog_calendar_missing",
    "1 when next year's official calendar is due and not imported",
    registry=REGISTRY,
)
_RETRY_SECONDS = 2.0


async def check_orphans(tx: Transaction) -> None:
    """Once a night: each vacancy of a unit with live listings raises an event (C5)."""
    local = tx.now.astimezone(SHANGHAI)
    if not await _is_night_s_turn(tx, "orphans", local):
        return
    found = await orphans(tx)
    for orphan in found:
        nightly.tell_orphan(
            tx,
            organisation_id=orphan.organisation_id,
            region=orphan.region,
            domain=orphan.domain,
            live_listings=orphan.live_listings,
        )
    ORPHANS.set(len(found))


async def check_calendar(tx: Transaction) -> None:
    """From the policy's day on, once a night, until next year's notice is imported (F4)."""
    local = tx.now.astimezone(SHANGHAI)
    if not await _is_night_s_turn(tx, "calendar", local):
        return
    due = f"{local:%m-%d}" >= str(await limit(tx, "calendar_due_from"))
    missing = due and not await is_official(tx, local.year + 1)
    CALENDAR_MISSING.set(missing)
    if missing:
        get_logger("catalog").warning("calendar missing", year=local.year + 1)
        await calendar.tell_missing_year(tx, local.year + 1)


async def _is_night_s_turn(tx: Transaction, name: str, local: datetime) -> bool:
    if local.hour < int(await limit(tx, "nightly_check_at")):
        return False
    return await nightly.claim_night(tx, name, local.date())


SCHEDULE = (
    Every(1, listings.publish_due),
    Every(30, check_orphans),
    Every(30, check_calendar),
    Every(1, notices.follow_time),
    Every(5, listings.flag_rechecks),
    Every(60, listings.archive_old),
    Every(60, merging.end_retentions),
    Every(60, channels.tell_overdue),
)


async def work_imports(
    database: Database, keyring: Keyring, nudge: asyncio.Event, log: Any
) -> None:
    """Work every waiting import until cancelled; a new one nudges, a left-over one is found."""
    while True:
        try:
            while await work_next_import(database, keyring, log):
                pass
        except Exception as error:  # noqa: BLE001 the next round tries again; the log tells
            log.warning("imports interrupted", error_type=type(error).__name__)
        nudge.clear()
        try:
            await asyncio.wait_for(nudge.wait(), _RETRY_SECONDS)
        except TimeoutError:
            continue


async def work_next_import(database: Database, keyring: Keyring, log: Any) -> bool:
    """Work a part of the oldest import as its own caller; False when none waits."""
    async with database.transaction(system("catalog")) as tx:
        waiting = await imports.next_import(tx)
    if waiting is None:
        return False
    import_id, actor = waiting
    try:
        async with database.transaction(actor) as tx:
            await imports.work_import(tx, import_id, keyring=keyring)
    except Unavailable:
        raise  # no fault of the file: it waits
    except Exception as error:
        log.error("import part failed", import_id=str(import_id), error_type=type(error).__name__)  # noqa: TRY400 a traceback may quote personal values
        async with database.transaction(system("catalog")) as tx:
            await imports.note_failure(tx, import_id)
        raise
    return True
