"""One way to make a service: its router, its handlers and its schedule, on the same ground.

`create_app` opens nothing; connections, relay, consumer and schedule live between start and stop.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import toolbox_api
from shared.database import Database, DatabaseUnavailable
from shared.errors import DomainError
from shared.http import openapi, problems
from shared.http.context import InContext
from shared.http.dispatch import Dispatch
from shared.http.edge import edge
from shared.http.idempotency import forget_old
from shared.http.messages import Messages, load_messages
from shared.logging import configure_logging, get_logger
from shared.messaging.api import event_routes
from shared.messaging.inbox import Handlers
from shared.messaging.service import Messaging
from shared.metrics import Measured, metrics_endpoint
from shared.migrations.head import at_head
from shared.policies import load_defaults, read_defaults
from shared.scheduling import Every, run_schedule
from shared.sealing import Sealer
from shared.security.access import body_limit
from shared.security.field_classes import read_fields
from shared.security.identity import system
from shared.security.markers import refuse_markers
from shared.security.verifier import Verifier
from shared.settings import Profile, Settings
from shared.tracing import traced

Start = Callable[[FastAPI, AsyncExitStack], Any]
Endpoint = Callable[[Request], Awaitable[Response]]


HOUR = 3600.0


class Layer(Protocol):
    """An ASGI layer around the application below it."""

    def __init__(self, app: ASGIApp) -> None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


def create_app(
    name: str,
    *,
    package: ModuleType | str,
    router: APIRouter,
    handlers: Handlers | None = None,
    schedule: Sequence[Every] = (),
    on_start: Start | None = None,
    settings: type[Settings] = Settings,
    layers: Sequence[type[Layer]] = (),
) -> FastAPI:
    """Wire a service; `package` is where its messages.toml and policies.toml lie.

    `layers` are ASGI layers of its own, inside the edge; the first is the innermost.

    `app.state.settings` may be set before the start (tests); otherwise the environment is read.
    """
    app = FastAPI(
        title=f"赣服通运行管理 · {name}",
        openapi_url=None,
        lifespan=_lifespan,
        telemetry={"metrics": False, "logs": False},  # both are ours (metrics.py, logging.py)
    )
    app.state.name = name
    app.state.settings_class = settings
    app.state.handlers = handlers or {}
    app.state.schedule = (*schedule, Every(HOUR, forget_old))
    app.state.on_start = on_start
    app.state.draining = False
    app.state.messages = Messages(load_messages("shared"), load_messages(_package_name(package)))
    app.state.policy_defaults = load_defaults(read_defaults(_package_name(package)))
    app.state.fields = read_fields("shared", _package_name(package))
    app.state.previewed_units = frozenset()
    app.state.refuse_classified = refuse_markers
    app.add_exception_handler(DomainError, problems.on_domain_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(Exception, problems.on_unforeseen)
    app.include_router(router)
    app.include_router(event_routes(name))
    app.include_router(toolbox_api.routes(name))
    app.add_route("/livez", _for_operators(_live))
    app.add_route("/readyz", _for_operators(_ready))
    app.add_route("/metrics", _for_operators(metrics_endpoint))
    app.add_route("/openapi.json", _openapi)
    app.add_middleware(Dispatch, routes=app.routes)
    for layer in layers:
        app.add_middleware(layer)
    app.add_middleware(Measured, service=name)
    app.add_middleware(InContext)
    app.add_middleware(edge, body_limit=body_limit)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = getattr(app.state, "settings", None) or app.state.settings_class()
    name: str = app.state.name
    configure_logging(settings.log_level)
    log = get_logger(name)
    app.state.log = log
    async with AsyncExitStack() as stack:
        app.state.settings = settings
        app.state.clock = settings.clock
        database = Database(
            settings.database_url.get_secret_value(),
            schema=name,
            clock=settings.clock,
            pool_size=settings.pool_size,
            algorithm=settings.digest_profile,
        )
        stack.push_async_callback(database.close)
        app.state.database = database
        app.state.authenticate = Verifier(settings).authenticate
        messaging = Messaging(name, settings, database, app.state.handlers, log)
        app.state.messaging = messaging
        await _begin(app, stack)
        await stack.enter_async_context(messaging.running())
        ticking = asyncio.create_task(run_schedule(database, name, app.state.schedule, log))
        stack.push_async_callback(_stop, ticking)
        sealer = Sealer(database, log)
        app.state.sealer = sealer
        database.acted = sealer.nudge
        stack.push_async_callback(_stop, asyncio.create_task(sealer.run()))
        stack.enter_context(traced(name, settings, database.engine))
        if settings.profile is not Profile.TEST:
            gc.collect()
            gc.freeze()  # what stands now stays: later collections need not walk it
            gc.set_threshold(10_000, 20, 20)  # a few requests in hand are no garbage yet
        log.info("started")
        yield
        app.state.draining = True
        log.info("stopping")


async def _begin(app: FastAPI, stack: AsyncExitStack) -> None:
    """What a component does at its start, again from the beginning when Postgres goes away.

    Nothing is served until then. Its end would leave the same to a supervisor, who waits longer
    each time.
    """
    while True:
        try:
            async with AsyncExitStack() as attempt:
                async with app.state.database.transaction(system(app.state.name)):
                    pass
                if app.state.on_start is not None:
                    await app.state.on_start(app, attempt)
                stack.push_async_exit(attempt.pop_all())
                return
        except DatabaseUnavailable:
            app.state.log.warning("waiting for the database")
            await asyncio.sleep(0.2)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _package_name(package: ModuleType | str) -> str:
    return package if isinstance(package, str) else package.__name__


def _for_operators(endpoint: Endpoint) -> Endpoint:
    """Where a management port is set, callers of the other one find nothing here."""

    async def guarded(request: Request) -> Response:
        port = request.app.state.settings.management_port
        if port is not None and request.scope["server"][1] != port:
            raise HTTPException(404)
        return await endpoint(request)

    return guarded


async def _live(_request: Request) -> Response:
    """Alive: the process answers. Dependencies are readiness's matter (OPS4)."""
    return JSONResponse({"status": "live"})


async def _ready(request: Request) -> Response:
    """Ready: Postgres answers, the schema is at its migration head, and no stop has begun."""
    state = request.app.state
    if state.draining or not await at_head(state.database):
        return JSONResponse({"status": "not ready"}, status_code=503)
    return JSONResponse({"status": "ready"})


async def _openapi(request: Request) -> Response:
    whole = getattr(request.app.state, "whole_openapi", None)
    return JSONResponse(whole or openapi.document(request.app))
