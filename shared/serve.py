"""`python -m shared.serve <component> [port]`: one component behind its edge, until SIGTERM.

On SIGTERM readiness fails first, then after `GFT_DRAIN_SECONDS` the listener closes and what is in
hand is finished (O1, OPS4).
"""

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from shared.http.edge import EdgeProtocol, edge_config, edge_policy
from shared.settings import Settings, read_settings


class DrainingServer(uvicorn.Server):
    """Turns unready at the signal, and stops listening only after the drain."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds

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


def main() -> None:
    component, *rest = sys.argv[1:]
    package = component if component == "gateway" else f"services.{component}"
    app: FastAPI = importlib.import_module(f"{package}.app").app
    settings = read_settings(app.state.settings_class)
    app.state.settings = settings
    port = int(rest[0]) if rest else 8000
    made = config(app, settings, host="0.0.0.0", port=port)
    DrainingServer(made, app, drain_seconds=settings.drain_seconds).run()


if __name__ == "__main__":
    main()
