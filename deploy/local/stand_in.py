"""A stand-in for the systems of departments: it answers every registered entry of the demo.

Most are healthy; `behaviours.csv` names those that are not, so that monitoring has what to see.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

NOTE = "演示用部门系统：只作应答，不办理业务"
PAGES = {"/complaint": "投诉", "/rating": "评价"}
SLOW_SECONDS = 20.0  # more than any probe waits
FLAP_SECONDS = 300  # of each kind: longer than three failures take, shorter than the hold time


class Behaviour(StrEnum):
    """How a department's system misbehaves."""

    SLOW = "SLOW"
    FAILING = "FAILING"
    FLAPPING = "FLAPPING"
    WRONG_CONTENT = "WRONG_CONTENT"
    GONE = "GONE"
    EXPIRED = "EXPIRED"  # its certificate: it listens on a port of its own


def build(
    titles: Mapping[str, str],
    behaviours: Mapping[str, Behaviour] | None = None,
    *,
    now: Callable[[], float] = time.time,
    slow: float = SLOW_SECONDS,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """An app that knows the service behind each entry path, and whatever lies below it."""
    pages = {**titles, **PAGES}
    odd = behaviours or {}

    async def answer(request: Request) -> Response:
        path = request.url.path
        entry = next((each for each in _upwards(path) if each in pages), None)
        behaviour = odd.get(entry or "")
        if entry is None or behaviour is Behaviour.GONE:
            return JSONResponse({"detail": "没有这个服务入口", "path": path}, status_code=404)
        flaps = behaviour is Behaviour.FLAPPING and int(now() / FLAP_SECONDS) % 2
        if behaviour is Behaviour.FAILING or flaps:
            return JSONResponse({"detail": "系统繁忙"}, status_code=503)
        if behaviour is Behaviour.SLOW:
            await asyncio.sleep(slow)
        if behaviour is Behaviour.WRONG_CONTENT:
            return JSONResponse({"detail": "系统升级中，暂停服务"})
        title = pages[entry]
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(
                f"<!doctype html><html lang=zh-CN><meta charset=utf-8><title>{title}</title>"
                f"<h1>{title}</h1><p>{NOTE}</p>"
            )
        return JSONResponse(
            {"service": title, "method": request.method, "path": path, "note": NOTE}
        )

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        lifespan=lifespan,
        routes=[Route("/livez", _live), Route("/{path:path}", answer, methods=methods)],
    )


async def _live(_request: Request) -> Response:
    return JSONResponse({"status": "live"})


def _upwards(path: str) -> list[str]:
    """The path and each path above it: /a/b, /a."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1)]
