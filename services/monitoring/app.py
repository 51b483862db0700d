"""The monitoring service, wired: its three doors, and the probes of this replica."""

import asyncio
from contextlib import AsyncExitStack

from fastapi import FastAPI

from services import monitoring
from services.monitoring.api import router
from services.monitoring.clients.prober import Prober
from services.monitoring.clients.resolving import SystemResolver
from services.monitoring.clients.settings import MonitoringSettings
from services.monitoring.clients.web import client_context
from services.monitoring.event_handlers import HANDLERS
from services.monitoring.schedule import SCHEDULE
from services.monitoring.schedule.watching import Watch
from shared.app import create_app
from shared.logging import get_logger
from shared.security.encryption import Keyring


def build() -> FastAPI:
    """The application; nothing is opened before its start."""
    return create_app(
        "monitoring",
        package=monitoring,
        router=router,
        handlers=HANDLERS,
        schedule=SCHEDULE,
        on_start=start,
        settings=MonitoringSettings,
    )


async def start(app: FastAPI, stack: AsyncExitStack) -> None:
    """Read the keyring, and begin to probe unless this replica only answers."""
    settings: MonitoringSettings = app.state.settings
    if settings.keyring_file is None:
        raise ValueError("keyring_file: secrets of walks cannot be sealed without it")
    app.state.keyring = Keyring.load(settings.keyring_file)
    if not settings.probing:
        return
    resolver = SystemResolver()
    stack.callback(resolver.close)
    authorities = settings.probe_authorities
    tls = client_context(str(authorities) if authorities is not None else None)
    prober = stack.enter_context(Prober(resolver, settings.allowed, tls))
    watch = Watch(
        database=app.state.database,
        prober=prober,
        clock=settings.clock,
        vantage=settings.vantage,
        most=settings.probes_at_once,
        log=get_logger("monitoring"),
        keyring=app.state.keyring,
    )
    stack.push_async_callback(_stop, watch, asyncio.create_task(watch.run()))


async def _stop(watch: Watch, probing: asyncio.Task[None]) -> None:
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    await watch.end()
