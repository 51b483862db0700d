"""What the gateway holds between start and stop beside the toolbox."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import select

from gateway import bootstrap, documents, entries, route_versions
from gateway.oauth.keys import RELOAD_SECONDS, KeyHolder
from gateway.settings import GatewaySettings
from gateway.tables import ApiClient
from shared.database import Database
from shared.errors import DomainError
from shared.policy_rows import policy_now
from shared.security.encryption import Keyring
from shared.security.identity import system
from shared.security.tokens import Issuer, TokenCache
from shared.security.verifier import Verifier

REFRESH_SECONDS: Final = 0.5
DOCUMENT_SECONDS: Final = 5.0


async def on_start(app: FastAPI, stack: AsyncExitStack) -> None:
    """Make what the data path needs, then keep it fresh until the stop."""
    settings: GatewaySettings = app.state.settings
    database: Database = app.state.database
    if settings.keyring_file is None:
        raise ValueError("keyring_file: the gateway encrypts its signing keys")
    keyring = await asyncio.to_thread(Keyring.load, settings.keyring_file)
    app.state.keyring = keyring
    app.state.key_holder = KeyHolder(database, keyring)
    app.state.entries = entries.Entries(database)
    await app.state.key_holder.load()
    await route_versions.seed(database)
    await bootstrap.ensure_first_client(database, settings, pepper=keyring.index_key)
    verifier = _verifier(settings, app.state.key_holder)
    app.state.verifier = verifier
    app.state.authenticate = verifier.authenticate
    app.state.suspensions = Suspensions(database, verifier.cache)
    await app.state.suspensions.refresh()
    await app.state.entries.refresh()
    for work in (_refresh(app), _keep_keys(app), _collect_documents(app)):
        task = asyncio.create_task(work)
        stack.push_async_callback(_cancelled, task)


class Suspensions:
    """Revokes the tokens of suspended clients in this process, whoever suspended them."""

    def __init__(self, database: Database, cache: TokenCache) -> None:
        self._database = database
        self._cache = cache
        self._known: dict[str, datetime] = {}

    async def refresh(self) -> None:
        async with self._database.transaction(system("gateway")) as tx:
            rows = await tx.session.execute(
                select(ApiClient.id, ApiClient.suspended_at).where(ApiClient.state == "SUSPENDED")
            )
            for client_id, at in rows:
                if at is not None:
                    self._known[client_id] = at
                    self._cache.revoke_client(client_id, now=tx.now)


def _verifier(settings: GatewaySettings, holder: KeyHolder) -> Verifier:
    return Verifier(settings, own=Issuer(settings.token_issuer, holder))


async def _refresh(app: FastAPI) -> None:
    """Entries and suspensions, twice a second; the last state stays while Postgres is away."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await _quietly(app, app.state.entries.refresh())
        await _quietly(app, app.state.suspensions.refresh())


async def _keep_keys(app: FastAPI) -> None:
    """Rotate the signing keys when the policy says so; follow a rotation of another replica."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        await _quietly(app, _rotate_when_due(app))
        await _quietly(app, app.state.key_holder.load())


async def _rotate_when_due(app: FastAPI) -> None:
    async with app.state.database.transaction(system("gateway")) as tx:
        policy = await policy_now(tx, app.state.policy_defaults, "signing_key_days")
        await app.state.key_holder.rotate(tx, older_than=timedelta(days=int(policy.value)))


async def _collect_documents(app: FastAPI) -> None:
    """Join the services' OpenAPI documents; the ones that were away are asked again."""
    while True:
        away = await documents.aggregate(app, app.state.settings.upstreams)
        await asyncio.sleep(DOCUMENT_SECONDS if away else 12 * DOCUMENT_SECONDS)


async def _quietly(app: FastAPI, work: Any) -> None:
    try:
        await work
    except DomainError as error:
        app.state.log.debug("not refreshed", error=error.code)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
