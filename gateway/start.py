"""What the gateway holds between start and stop beside the toolbox."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Final

from fastapi import FastAPI

from gateway import bootstrap, documents, entries, route_versions
from gateway.access_log import AccessLog
from gateway.cache import ResponseCache
from gateway.entry_calls import EntryCalls
from gateway.invalidation import keep_cache_true
from gateway.limits import Plan, local_limiter, plan_of
from gateway.limits_lease import LeasedLimiter
from gateway.limits_store import PostgresLeaseStore
from gateway.oauth import clients
from gateway.oauth.keys import RELOAD_SECONDS, KeyHolder
from gateway.passage import pass_on
from gateway.protocol import FastPath, KnownCaller
from gateway.routes import RouteTable
from gateway.settings import GatewaySettings
from gateway.standing import Standing
from gateway.tallies import Tallies
from gateway.tools import Service, Tools
from shared.database import Database
from shared.errors import DomainError
from shared.metrics import REQUESTS
from shared.policy_rows import policy_now
from shared.security.encryption import Keyring
from shared.security.identity import system
from shared.security.tokens import Issuer, TokenCache
from shared.security.verifier import Verifier
from shared.settings import plain_url

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
    app.state.tallies = Tallies()
    app.state.key_holder = KeyHolder(database, keyring, used=partial(_key_used, app))
    app.state.entries = entries.Entries(database)
    await app.state.key_holder.load()
    routes = await route_versions.seed(database, enforce_overdue=settings.enforce_overdue)
    defaults = app.state.policy_defaults
    await bootstrap.ensure_first_client(
        database, settings, pepper=keyring.index_key, defaults=defaults
    )
    issuers = frozenset(each.issuer for each in settings.external_issuers)
    app.state.standing = Standing(database, defaults, issuers=issuers)
    await app.state.standing.follow_policy()
    await app.state.standing.refresh()
    verifier = _verifier(settings, app.state.key_holder)
    app.state.verifier = verifier
    app.state.authenticate = verifier.authenticate
    app.state.suspensions = Suspensions(database, verifier.cache)
    await app.state.suspensions.refresh()
    await app.state.entries.refresh()
    stack.push_async_callback(_last_tallies, app)
    app.state.tools = await _tools(app, stack, routes)
    app.state.fast_path = _fast_path(app)
    stack.callback(app.state.tools.log.flush)
    for work in (
        _refresh(app),
        _keep_keys(app),
        _collect_documents(app),
        keep_cache_true(app.state.messaging.broker, app.state.tools.cache, app.state.log),
        app.state.tools.clients.run(),
        app.state.tallies.run(database, app.state.log),
    ):
        task = asyncio.create_task(work)
        stack.push_async_callback(_cancelled, task)


async def _tools(app: FastAPI, stack: AsyncExitStack, routes: RouteTable) -> Tools:
    settings: GatewaySettings = app.state.settings
    store = await PostgresLeaseStore.connect(plain_url(settings.database_url.get_secret_value()))
    stack.push_async_callback(store.close)
    services = {name: Service.at(name, urls) for name, urls in settings.upstreams.items()}
    for service in services.values():
        stack.callback(service.close)
    calls = EntryCalls(
        app.state.entries, allowed=settings.entry_hosts, budget=settings.budget_seconds
    )
    stack.callback(calls.close)
    return Tools(
        routes=routes,
        verifier=app.state.verifier,
        strangers=local_limiter(),
        clients=LeasedLimiter(store, on_error=partial(_limits_away, app)),
        stranger_plan=await _plan(app, "stranger"),
        client_plan=await _plan(app, "client"),
        cache=ResponseCache(now=monotonic),
        services=services,
        entries=calls,
        budget=settings.budget_seconds,
        log=AccessLog(sys.stdout.buffer.write if settings.access_log else _unwritten),
        tallies=app.state.tallies,
        standing=app.state.standing,
    )


def _fast_path(app: FastAPI) -> FastPath:
    """Cached public pages for known callers, before a request object exists."""
    tools: Tools = app.state.tools

    def known(token: bytes) -> KnownCaller | None:
        claims = tools.verifier.cached(token)
        if claims is None:
            return None
        return KnownCaller(claims.actor.client_id, tools.routes.public)

    return FastPath(
        cache=tools.cache,
        lookup_token=known,
        take=lambda client_id: tools.clients.take_one(client_id, tools.client_plan),
        log=tools.log.add,
        observe=REQUESTS.times("gateway", "cached").observe,
        # where spans are exported the app makes them, so every call that is passed on goes there
        pass_on=_by_the_app if app.state.settings.trace_sample else partial(pass_on, tools=tools),
    )


def _by_the_app(*_: Any) -> None:
    """No direct way through."""


async def _plan(app: FastAPI, who: str) -> Plan:
    """The limits of a known client, or of an address that has shown no valid token."""
    async with app.state.database.transaction(system("gateway")) as tx:
        values = {
            name: int((await policy_now(tx, app.state.policy_defaults, f"{who}_{name}")).value)
            for name in ("burst", "per_minute", "per_month")
        }
    return plan_of(**values)


def _unwritten(_lines: bytes) -> None:
    """Where the access log goes when it is switched off."""


def _limits_away(app: FastAPI, error: Exception) -> None:
    app.state.log.warning("limits go on without the store", error_type=type(error).__name__)


class Suspensions:
    """Revokes the tokens of suspended clients in this process, whoever suspended them."""

    def __init__(self, database: Database, cache: TokenCache) -> None:
        self._database = database
        self._cache = cache

    async def refresh(self) -> None:
        async with self._database.transaction(system("gateway")) as tx:
            for client_id, at in await clients.voided(tx):
                self._cache.revoke_client(client_id, now=at)


def _verifier(settings: GatewaySettings, holder: KeyHolder) -> Verifier:
    return Verifier(settings, own=Issuer(settings.token_issuer, holder))


async def _refresh(app: FastAPI) -> None:
    """Entries, suspensions and routes, twice a second.

    The last state stays while Postgres is away, and a table that cannot be read never serves.
    """
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await _quietly(app, app.state.entries.refresh())
        await _quietly(app, app.state.suspensions.refresh())
        await _quietly(app, app.state.standing.refresh())
        await _quietly(app, follow_routes(app))


async def follow_routes(app: FastAPI) -> None:
    """Calls that are under way keep the table that they began with."""
    tools: Tools = app.state.tools
    try:
        tools.routes = await route_versions.follow(app.state.database, tools.routes)
    except (LookupError, ValueError, TypeError) as error:
        app.state.log.error("routes stay as they are", error_type=type(error).__name__)  # noqa: TRY400 the type tells enough


async def _last_tallies(app: FastAPI) -> None:
    await _quietly(app, app.state.tallies.flush(app.state.database))


async def _keep_keys(app: FastAPI) -> None:
    """Rotate the signing keys when the policy says so; follow a rotation of another replica."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        await _quietly(app, _rotate_when_due(app))
        await _quietly(app, _follow_keys(app))
        await _quietly(app, _follow_policies(app))


async def _follow_policies(app: FastAPI) -> None:
    try:
        await app.state.standing.follow_policy()
    except ValueError:
        app.state.log.error("privileged_accounts cannot be read and stays as it was")  # noqa: TRY400 its words tell enough
    app.state.tools.stranger_plan = await _plan(app, "stranger")
    app.state.tools.client_plan = await _plan(app, "client")


async def _rotate_when_due(app: FastAPI) -> None:
    async with app.state.database.transaction(system("gateway")) as tx:
        days = await policy_now(tx, app.state.policy_defaults, "signing_key_days")
        grace = await policy_now(tx, app.state.policy_defaults, "signing_key_grace")
        await app.state.key_holder.rotate_when_due(
            tx,
            older_than=timedelta(days=int(days.value)),
            grace=timedelta(minutes=int(grace.value)),
        )


async def _follow_keys(app: FastAPI) -> None:
    """Tokens of a key that has gone are verified anew, and fall."""
    if await app.state.key_holder.load():
        app.state.verifier.cache.forget_verified()


def _key_used(app: FastAPI, kid: str) -> None:
    app.state.tallies.used("key", kid, app.state.clock.now())


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
