"""`make run`: servers, services and the demo province, from nothing to a page on the terminal."""

import asyncio
import http.client
import importlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp

from deploy.local import expired, officers, province, servers, stand_in
from deploy.local.clock import clock_of
from deploy.local.demo import CONSOLE, demonstrate
from deploy.local.nats import console_name
from deploy.local.place import (
    BOOTSTRAP_CLIENT,
    COMPONENTS,
    HOST,
    SERVICES,
    Place,
    other_data,
    record_client,
    settle,
)
from deploy.local.progress import Progress
from deploy.local.servers import Servers
from deploy.local.state import hold, open_state, readable_errors, write_private
from deploy.local.supervisor import Child, supervise
from shared.events.envelope import STREAM
from shared.messaging.permissions import inbox_prefix
from shared.security.encryption import Keyring
from shared.settings import Profile

PATIENCE = 120.0  # seconds until everything must be ready; a first start migrates in them
DRAIN = 2  # seconds for requests in hand when it stops


def run(environ: Mapping[str, str] = os.environ) -> int:
    """Start, show the page, and serve until Ctrl-C; the exit code is 0 after that."""
    progress = Progress(steps=3)
    wanted = province.limit(environ)
    state = open_state(environ=environ)
    with hold(state):
        place = settle(state, environ=environ)
        progress.step(1, "启动 PostgreSQL 与 NATS · starting the servers")
        running = servers.start(state, environ=environ)
        try:
            if not place.bootstrap_secret_file.exists():
                asyncio.run(_refuse_other_data(running))
            make_secrets(place, running)
            progress.step(2, "迁移数据库，启动服务 · migrating, starting the services")
            return _serve(place, running, progress, wanted=wanted, environ=environ)
        finally:
            running.stop()
            print("\n已停止 / stopped", flush=True)


def _serve(
    place: Place,
    running: Servers,
    progress: Progress,
    *,
    wanted: int,
    environ: Mapping[str, str],
) -> int:
    targets = [*_surroundings(place), *_components(place, running, environ)]
    children = [Child(target.name, partial(_listen, target)) for target in targets]
    show = partial(demonstrate, place, progress, wanted=wanted, nats_url=_shown_nats(running))
    code = supervise(
        [*children, Child("demo", show, task=True)],
        ready=partial(_is_ready, {target.name: target for target in targets}),
        patience=PATIENCE,
    )
    if code:
        _point_to_logs(place, [target.name for target in targets])
    return code


def _point_to_logs(place: Place, names: Sequence[str]) -> None:
    """After a failure: the last word of each that did not end in an ordinary log line."""
    for name in names:
        written = place.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        if written and not written[-1].startswith("{"):
            print(f"{name}: {written[-1]}", flush=True)
    print(f"日志 / logs: {place.log('gateway').parent}", flush=True)


# --- what is started ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """One listener: its app, its port, its own environment, and the owner's URL if it migrates."""

    name: str
    app: ASGIApp
    port: int
    log: Path
    environ: Mapping[str, str]
    ready_path: str = "/livez"
    owner_url: str | None = None


def _surroundings(place: Place) -> list[Target]:
    """What a real province has outside of the platform: department systems, an OIDC issuer."""
    titles = {row.entry_path: row.title for row in province.read().listings}
    issuer = officers.build(
        issuer=place.officers,
        keys=officers.signing_keys(place.state),
        known=officers.officer_secrets(place.state),
        clock=clock_of(place.state),
        profile=Profile.DEMO,
    )
    listen = partial(expired.serving, place.ports["stand-in-expired"])

    @asynccontextmanager
    async def beside(_app: Starlette) -> AsyncIterator[None]:
        async with listen(expired.expired_file(place.state)):
            yield

    apps: dict[str, ASGIApp] = {
        "stand-in": stand_in.build(titles, province.behaviours(), lifespan=beside),
        "officers": issuer,
    }
    return [Target(name, app, place.ports[name], place.log(name), {}) for name, app in apps.items()]


def _components(place: Place, running: Servers, environ: Mapping[str, str]) -> list[Target]:
    """Gateway and services, imported here once: their processes share what was read."""
    found = []
    for name in COMPONENTS:
        package = name if name == "gateway" else f"services.{name}"
        found.append(
            Target(
                name=name,
                app=importlib.import_module(f"{package}.app").build(),
                port=place.ports[name],
                log=place.log(name),
                environ=settings_of(name, place, running, environ),
                ready_path="/readyz",
                owner_url=running.database_urls[f"{name}_owner"],
            )
        )
    return found


def settings_of(
    component: str, place: Place, running: Servers, environ: Mapping[str, str]
) -> dict[str, str]:
    """The `GFT_…` variables of one component: its own users, its own keyring, nobody else's."""
    issuer = {"issuer": place.officers, "jwks_url": f"{place.officers}/jwks"}
    settings = {
        "PROFILE": Profile.DEMO.value,
        "DATABASE_URL": running.database_urls[f"{component}_app"],
        "RELAY_DATABASE_URL": running.database_urls[f"{component}_relay"],
        "NATS_URL": running.nats_urls[component],
        "NATS_INBOX_PREFIX": running.inbox_prefixes.get(component),
        "NATS_MONITOR_URL": running.nats_monitor_url,
        "TOKEN_ISSUER": place.gateway,
        "EXTERNAL_ISSUERS": json.dumps([issuer]),
        "JWKS_URL": f"{place.gateway}/oauth2/jwks",
        "KEYRING_FILE": str(place.keyring_file(component)),
        "RECORD_URL": place.gateway,
        "RECORD_CLIENT_ID": record_client(component),
        "RECORD_SECRET_FILE": str(place.record_secret_file(component)),
        "CLOCK_FILE": str(place.state.root / "clock"),
        "LOG_LEVEL": environ.get("GFT_LOG_LEVEL"),
    }
    if component == "gateway":
        settings |= {
            "UPSTREAMS": json.dumps({name: place.url(name) for name in SERVICES}),
            "ENTRY_HOSTS": json.dumps([f"{HOST}:{place.ports['stand-in']}"]),
            "BOOTSTRAP_CLIENT": BOOTSTRAP_CLIENT,
            "BOOTSTRAP_SECRET_FILE": str(place.bootstrap_secret_file),
        }
    if component == "monitoring":
        ports = (place.ports["stand-in"], place.ports["stand-in-expired"])
        settings["PROBE_NETWORKS"] = json.dumps([f"{HOST}:{port}" for port in ports])
        settings["PROBE_AUTHORITIES"] = str(expired.authority_file(place.state))
    return {f"GFT_{name}": value for name, value in settings.items() if value is not None}


async def _refuse_other_data(running: Servers) -> None:
    """New secrets cannot open what others have sealed in a database of one's own."""
    connection = await asyncpg.connect(running.database_urls["gateway_owner"])
    try:
        if await connection.fetchval("select to_regclass('gateway.signing_keys')") is not None:
            raise other_data()
    finally:
        await connection.close()


def make_secrets(place: Place, running: Servers) -> None:
    """Keyrings, the first client's secret and the demo console's user, made once (0600)."""
    with readable_errors(place.state.root):
        place.log("gateway").parent.mkdir(mode=0o700, exist_ok=True)
        for component in COMPONENTS:
            if not place.keyring_file(component).exists():
                document = json.dumps(Keyring.generate().document())
                write_private(place.keyring_file(component), document)
        expired.make_certificates(place.state)
        if not place.bootstrap_secret_file.exists():
            write_private(place.bootstrap_secret_file, secrets.token_urlsafe(32))
        write_private(place.console_file, json.dumps(_console(running), indent=1))


def _console(running: Servers) -> dict[str, str | None]:
    """What the demo's console connects with: a NATS user of its own where the server is ours."""
    consumer = console_name(CONSOLE)
    connection: dict[str, str | None] = {
        "url": running.nats_urls["operator"],
        "user": None,
        "password": None,
    }
    if running.nats is not None:
        user = running.nats.users.get(consumer) or running.nats.add_console(CONSOLE)
        connection = {
            "url": f"nats://{HOST}:{running.nats.port}",
            "user": user.user,
            "password": user.password,
        }
    return {
        **connection,
        "inbox_prefix": inbox_prefix(consumer),
        "stream": STREAM,
        "consumer": consumer,
    }


def _shown_nats(running: Servers) -> str:
    if running.nats is not None:
        return f"nats://{HOST}:{running.nats.port}"
    return "nats://" + running.nats_urls["operator"].rpartition("@")[2].removeprefix("nats://")


# --- in a child -----------------------------------------------------------------------------------


def _listen(target: Target) -> None:
    """Migrate if that is asked for, then serve until SIGTERM; everything said goes to the log."""
    import uvicorn

    from shared import serve
    from shared.http.edge import EdgePolicy, edge_config
    from shared.migrations.run import upgrade

    _speak_to(target.log)
    for name in [name for name in os.environ if name.startswith("GFT_")]:
        del os.environ[name]
    os.environ.update(target.environ)
    if target.owner_url is not None:
        asyncio.run(upgrade(target.name, target.owner_url))
    listen: dict[str, Any] = {"host": HOST, "port": target.port, "drain_seconds": DRAIN}
    if isinstance(target.app, FastAPI) and target.owner_url is not None:
        config = serve.config(target.app, target.app.state.settings_class(), **listen)
    else:
        config = edge_config(target.app, EdgePolicy(), **listen)
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise SystemExit(3)


def _speak_to(log: Path) -> None:
    """Standard output and error go to the log; that of the run before stays beside it."""
    if log.exists():
        log.replace(log.with_suffix(".old.log"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def _is_ready(targets: Mapping[str, Target], name: str) -> bool:
    target = targets[name]
    connection = http.client.HTTPConnection(HOST, target.port, timeout=2)
    try:
        connection.request("GET", target.ready_path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
