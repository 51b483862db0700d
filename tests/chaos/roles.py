"""What a process of the world can be: a component behind its edge, a reader, the clients."""

import importlib
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import serve as served_as
from tests.chaos import clients, faults, reader

COMPONENTS: Final = ("catalog", "filing", "gateway")


def _build(component: str) -> FastAPI:
    package = component if component == "gateway" else f"services.{component}"
    app: FastAPI = importlib.import_module(f"{package}.app").build()
    return app


APPS: Final = {component: _build(component) for component in COMPONENTS}  # before any fork


def serve(config: Mapping[str, Any]) -> None:
    """One replica of a component. Replicas share a port, as behind a cluster's service address."""
    app = APPS[config["component"]]
    settings = app.state.settings_class(**config["settings"])
    app.state.settings = settings
    made = served_as.config(app, settings, drain_seconds=2)
    if config.get("dies_before_answering"):
        made.app = DiesBeforeAnswering(app, Path(config["dies_before_answering"]))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", config["port"]))  # nothing arrives before uvicorn listens on it
    uvicorn.Server(made).run([listener])


class DiesBeforeAnswering:
    """Kills its process when a creation is about to be answered, once for each `armed` file.

    The answer leaves after the commit (reliability O1), so what was created stays and the caller
    learns nothing of it.
    """

    def __init__(self, app: ASGIApp, armed: Path) -> None:
        self._app = app
        self._armed = armed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_or_die(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 201:
                try:
                    self._armed.unlink()
                except FileNotFoundError:
                    pass
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
            await send(message)

        await self._app(scope, receive, send_or_die)


ROLES: Final = {
    "component": serve,
    "reader": reader.run,
    "bridge": faults.bridge,
    "clients": clients.run,
}
