"""Start real services inside a test: own database, own stream, real tokens, a clock to set."""

import asyncio
import importlib
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx
import nats as nats_client
import uvicorn
from fastapi import FastAPI
from nats.js.errors import NotFoundError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deploy.local import nats, postgres, roles
from deploy.local.state import free_port
from shared import serve
from shared.clock import SettableClock
from shared.events.envelope import STREAM
from shared.migrations.run import upgrade
from shared.scheduling import run_once
from shared.security.access import ENTRY, OPERATIONS
from shared.security.encryption import Keyring
from shared.security.groups import Group
from shared.security.identity import Actor, Role
from shared.security.tokens import SigningKeys, issue

ISSUER = "https://ganfutong.test"
OFFICERS = "https://officers.test"
COMPONENTS = tuple(
    filter(
        None, os.environ.get("GFT_TEST_COMPONENTS", "catalog,filing,monitoring,gateway").split(",")
    )
)
TEMPLATE = "gft_template"
ALL_SCOPES = frozenset(op.scope for op in (*OPERATIONS.values(), ENTRY) if op.scope is not None)


@dataclass(frozen=True)
class Servers:
    """What a test process owns: a Postgres, a NATS, and the passwords of their users."""

    postgres: postgres.RunningPostgres
    nats: nats.RunningNats
    passwords: Mapping[str, str]

    def dsn(self, role: str, database: str) -> str:
        return roles.role_dsn(self.postgres.dsn, role, self.passwords[role], database=database)


@contextmanager
def open_servers(folder: Path) -> Iterator[Servers]:
    """Start both servers, make roles and the migrated template database."""
    with tempfile.TemporaryDirectory(prefix="gft-pg-") as data:
        Path(data).chmod(0o755)  # Postgres runs as another user when we are root
        running = postgres.start(Path(data) / "postgres", settings={"fsync": "off"})
        broker = nats.start(folder / "nats")
        try:
            passwords = roles.role_passwords(folder / "passwords.json")
            made = Servers(running, broker, passwords)
            asyncio.run(_make_template(made))
            yield made
        finally:
            broker.stop()
            running.stop()


async def _make_template(servers: Servers) -> None:
    await roles.ensure_roles(servers.postgres.dsn, passwords=servers.passwords, database=TEMPLATE)
    for component in COMPONENTS:
        await upgrade(component, servers.dsn(f"{component}_owner", TEMPLATE))


@dataclass
class Suite:
    """One module's suite: `async with Suite(...)`, then `await suite.start("filing")`."""

    servers: Servers
    folder: Path
    database: str = field(default_factory=lambda: f"t_{uuid.uuid4().hex[:12]}")
    keys: SigningKeys = field(default_factory=SigningKeys.generate)
    officers: SigningKeys | None = None
    officers_jwks: str = ""
    apps: dict[str, FastAPI] = field(default_factory=dict)
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self.clock = SettableClock(self.folder / "clock")
        self._use_keys(self.keys)
        (self.folder / "keyring.json").write_text(json.dumps(Keyring.generate().document()))
        admin = await asyncpg.connect(self.servers.postgres.dsn)
        try:
            await admin.execute(
                f'create database "{self.database}" template {TEMPLATE} strategy file_copy'
            )
        finally:
            await admin.close()
        await self.empty_stream()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        admin = await asyncpg.connect(self.servers.postgres.dsn)
        try:
            await admin.execute(f'drop database "{self.database}" with (force)')
        finally:
            await admin.close()

    # --- services ---------------------------------------------------------------------------------

    def values(self, component: str, **changes: Any) -> dict[str, Any]:
        """The settings of a component on this suite's database and stream."""
        user = self.servers.nats.users[component]
        values: dict[str, Any] = {
            "profile": "test",
            "database_url": self.servers.dsn(f"{component}_app", self.database),
            "relay_database_url": self.servers.dsn(f"{component}_relay", self.database),
            "nats_url": user.url,
            "nats_inbox_prefix": user.inbox_prefix,
            "token_issuer": ISSUER,
            "jwks_file": self.folder / "jwks.json",
            "keyring_file": self.folder / "keyring.json",
            "clock_file": self.folder / "clock",
            "log_level": os.environ.get("GFT_TEST_LOG", "CRITICAL"),
        }
        if self.officers is not None:
            values["external_issuers"] = [{"issuer": OFFICERS, "jwks_url": self.officers_jwks}]
        if component == "gateway":
            values["access_log"] = False
        if component == "monitoring":
            values["probing"] = False  # entries of tests lead nowhere; tests/monitoring has its own
        return {**values, **changes}

    async def start(self, component: str, **changes: Any) -> httpx.AsyncClient:
        """Start a service in this process and give a client that speaks to it."""
        package = component if component == "gateway" else f"services.{component}"
        if component == "gateway":
            await self._lift_limits()
        app: FastAPI = importlib.import_module(f"{package}.app").build()
        app.state.settings = app.state.settings_class(**self.values(component, **changes))
        await self._stack.enter_async_context(_lifespan(app))
        client = await self._stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://ganfutong.test"
            )
        )
        if component == "gateway":  # from now on tokens are the gateway's own
            self._use_keys(app.state.key_holder.signing)
        self.apps[component] = app
        self.clients[component] = client
        return client

    async def _lift_limits(self) -> None:
        """A test's callers all come from one address: the limits have tests of their own."""
        await self.sql(
            "gateway",
            "insert into policies select key, 2, '1000000000'::jsonb, 'count', 'test', 'A4.1',"
            " '2025-08-04', 'test', now() from unnest($1::text[]) as key on conflict do nothing",
            [
                f"{who}_{name}"
                for who in ("client", "stranger")
                for name in ("burst", "per_minute", "per_month")
            ],
        )

    def _use_keys(self, keys: SigningKeys) -> None:
        self.keys = keys
        (self.folder / "jwks.json").write_text(json.dumps(keys.jwks()))

    async def serve(self, component: str, **changes: Any) -> str:
        """Start a service and listen on a free port, behind its real edge; gives the URL."""
        await self.start(component, **changes)
        app, port = self.apps[component], free_port()
        listener = _Listener(
            serve.config(app, app.state.settings, host="127.0.0.1", port=port, lifespan="off")
        )
        await self._listen(listener)
        self.urls[component] = f"http://127.0.0.1:{port}"
        return self.urls[component]

    async def _listen(self, listener: uvicorn.Server) -> None:
        task = asyncio.create_task(listener.serve())
        self._stack.push_async_callback(_ended, listener, task)
        async with asyncio.timeout(10):
            while not listener.started:  # noqa: ASYNC110 uvicorn tells by a flag
                await asyncio.sleep(0.01)

    async def name_officers(self) -> None:
        """Start an issuer of person tokens; services that start later know it."""
        self.officers = keys = SigningKeys.generate()

        async def jwks(_request: Request) -> JSONResponse:
            return JSONResponse(keys.jwks())

        port = free_port()
        listener = _Listener(
            uvicorn.Config(
                Starlette(routes=[Route("/jwks", jwks)]),
                host="127.0.0.1",
                port=port,
                lifespan="off",
                log_level="critical",
            )
        )
        await self._listen(listener)
        self.officers_jwks = f"http://127.0.0.1:{port}/jwks"

    def upstreams(self) -> dict[str, str]:
        """Where a gateway finds the services that listen."""
        return {name: url for name, url in self.urls.items() if name != "gateway"}

    async def serve_all(self, **gateway: Any) -> httpx.AsyncClient:
        """The whole platform over real HTTP, and a client of its gateway."""
        for component in ("catalog", "filing", "monitoring"):
            await self.serve(component)
        await self.serve("gateway", upstreams=self.upstreams(), **gateway)
        client = httpx.AsyncClient(base_url=self.urls["gateway"], timeout=15)
        return await self._stack.enter_async_context(client)

    async def empty_stream(self) -> None:
        """Delete the stream: the next service that starts makes it again."""
        operator = self.servers.nats.users[nats.OPERATOR]
        connection = await nats_client.connect(
            operator.url, inbox_prefix=operator.inbox_prefix.encode()
        )
        try:
            await connection.jetstream().delete_stream(STREAM)
        except NotFoundError:
            pass
        finally:
            await connection.close()

    # --- callers ----------------------------------------------------------------------------------

    def token(self, actor: Actor, *, lifetime: timedelta = timedelta(minutes=10)) -> str:
        keys, issuer = self.keys, ISSUER
        if actor.person and self.officers is not None:
            keys, issuer = self.officers, OFFICERS
        return issue(
            keys,
            issuer=issuer,
            actor=actor,
            now=self.clock.now(),
            jti=str(uuid.uuid4()),
            lifetime=lifetime,
        )

    def headers(self, actor: Actor, **more: str) -> dict[str, str]:
        """Authorization and a fresh Idempotency-Key; `if_match="*"` becomes If-Match."""
        return {
            "Authorization": f"Bearer {self.token(actor)}",
            "Idempotency-Key": str(uuid.uuid4()),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    async def tick(self, component: str, name: str) -> None:
        """Do one round of an entry of the schedule, after any that the service has in hand."""
        schedule = importlib.import_module(f"services.{component}.schedule").SCHEDULE
        (entry,) = (each for each in schedule if each.name.endswith(f".{name}"))
        database = self.apps[component].state.database
        await eventually(lambda: run_once(database, component, entry))

    async def sql(self, component: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Look into a schema as its owner, past row-level security: for assertions only."""
        connection = await asyncpg.connect(
            self.servers.postgres.dsn,
            database=self.database,
            server_settings={"search_path": f"{component}, extensions"},
        )
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()


class _Listener(uvicorn.Server):
    """A server inside the test's own loop: signals stay pytest's, the lifespan the suite's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _ended(listener: uvicorn.Server, task: asyncio.Task[None]) -> None:
    listener.should_exit = True
    await task


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.router.lifespan_context(app):
        yield


def actor(role: Role, organisation: str, region: str, **more: Any) -> Actor:
    """An actor with every scope and, of the operator, every group; `more` takes them away."""
    values: dict[str, Any] = {
        "subject": f"{organisation}-system",
        "client_id": f"{organisation}-client",
        "scopes": ALL_SCOPES,
        "groups": frozenset(Group) if role is Role.OPERATOR else frozenset(),
        **more,
    }
    return Actor(organisation=organisation, role=role, region=region, **values)


def officer(colleagues: Actor, name: str, **more: Any) -> Actor:
    """A person of that organisation, who comes through the officers' one client."""
    return replace(colleagues, subject=name, client_id="officers", person=True, **more)


PROVINCE = actor(Role.PROVINCE, "jx-zwfw", "36")
OPERATOR = actor(Role.OPERATOR, "operator", "36")
NANCHANG = actor(Role.CITY, "city-360100", "360100")
JIUJIANG = actor(Role.CITY, "city-360400", "360400")
DONGHU = actor(Role.COUNTY, "county-360102", "360102")
GANJIANG = actor(Role.CITY, "city-36gj00", "36GJ00")
LABOUR = actor(Role.DEPARTMENT, "jx-rst", "36")
HEALTH_INSURANCE = actor(Role.DEPARTMENT, "jx-ybj", "36")
MINI_APP = actor(Role.APP, "operator", "36")
ACTORS = (
    PROVINCE,
    OPERATOR,
    NANCHANG,
    JIUJIANG,
    DONGHU,
    GANJIANG,
    LABOUR,
    HEALTH_INSURANCE,
    MINI_APP,
)


async def eventually(
    condition: Callable[[], Awaitable[Any]], *, within: float = 15.0, pause: float = 0.05
) -> Any:
    """Wait until the condition gives something true, and give it; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(pause)
