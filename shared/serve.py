"""`python -m shared.serve <component> [port]`: one component behind its edge, until SIGTERM.

On SIGTERM readiness fails first, then after `GFT_DRAIN_SECONDS` the listener closes and what is in
hand is finished (O1, OPS4). With `GFT_MANAGEMENT_PORT` probes and figures are served there alone,
under any host name, since a cluster's probes know an address only (OPS8).
"""

import asyncio
import importlib
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.edge import EdgePolicy, EdgeProtocol, edge_config, edge_policy, problem
from shared.http.edge.problem import problem_answer
from shared.settings import Settings, read_settings

HOST: Final = "0.0.0.0"
FOR_OPERATORS: Final = ("/livez", "/readyz", "/metrics")


class Management:
    """Of a component, what its operators ask for and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in FOR_OPERATORS:
            await self._app(scope, receive, send)
            return
        body, headers = problem_answer(problem, "not_found", 404, dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Beside(uvicorn.Server):
    """A second listener; signals are the first one's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class DrainingServer(uvicorn.Server):
    """Turns unready at the signal, and stops listening only after the drain.

    `beside` listens as long, and a little longer.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        *,
        drain_seconds: float,
        beside: uvicorn.Config | None = None,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._beside = Beside(beside) if beside is not None else None
        self._besides: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._beside is not None:
            self._besides.append(asyncio.create_task(self._beside.serve()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._beside is not None:
            self._beside.should_exit = True
        await asyncio.gather(*self._besides)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.draining = True
        if sig == signal.SIGINT or self._drain_seconds == 0:
            super().handle_exit(sig, frame)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(self._drain_seconds, super().handle_exit, sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals arrive in the loop, where a drain can be timed."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        try:
            yield
        finally:
            for name in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(name)


def config(app: FastAPI, settings: Settings, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration for one component behind its own edge; `options` are uvicorn's."""
    base: type[EdgeProtocol] = getattr(app.state, "protocol", EdgeProtocol)
    return edge_config(app, edge_policy(settings), base=base, **options)


def management(app: FastAPI, settings: Settings, *, host: str = HOST) -> uvicorn.Config | None:
    """The listener for operators, where one is set; bound by an edge of its own."""
    if settings.management_port is None:
        return None
    only = Management(app)
    return edge_config(only, EdgePolicy(), host=host, port=settings.management_port, lifespan="off")


def main() -> None:
    component, *rest = sys.argv[1:]
    package = component if component == "gateway" else f"services.{component}"
    app: FastAPI = importlib.import_module(f"{package}.app").build()
    settings = read_settings(app.state.settings_class)
    app.state.settings = settings
    port = int(rest[0]) if rest else 8000
    made, beside = config(app, settings, host=HOST, port=port), management(app, settings)
    DrainingServer(made, app, drain_seconds=settings.drain_seconds, beside=beside).run()


if __name__ == "__main__":
    main()
