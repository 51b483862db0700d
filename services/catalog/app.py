"""The catalog service, wired: its three doors, its keyring, its search index."""

import asyncio
from contextlib import AsyncExitStack

from fastapi import FastAPI

from services import catalog
from services.catalog.api import router
from services.catalog.event_handlers import HANDLERS
from services.catalog.queries.history import PastTotals
from services.catalog.queries.listings import keep_index
from services.catalog.queries.search_index import SearchIndex
from services.catalog.schedule import SCHEDULE, work_imports
from shared.app import create_app
from shared.logging import get_logger
from shared.security.encryption import Keyring


def build() -> FastAPI:
    """The application; nothing is opened before its start."""
    return create_app(
        "catalog",
        package=catalog,
        router=router,
        handlers=HANDLERS,
        schedule=SCHEDULE,
        on_start=start,
    )


async def start(app: FastAPI, stack: AsyncExitStack) -> None:
    """Read the keyring, begin to fill the index and to work imports."""
    state, log = app.state, get_logger("catalog")
    if state.settings.keyring_file is None:
        raise ValueError("keyring_file: responsible persons cannot be sealed without it")
    state.keyring = Keyring.load(state.settings.keyring_file)
    state.index = SearchIndex()
    state.past_totals = PastTotals()
    state.import_nudge = asyncio.Event()
    for work in (
        keep_index(state.database, state.index, log),
        work_imports(state.database, state.keyring, state.import_nudge, log),
    ):
        stack.push_async_callback(_stop, asyncio.create_task(work))


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
