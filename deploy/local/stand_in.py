"""A stand-in for the systems of departments: it answers every registered entry of the demo."""

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

NOTE = "演示用部门系统：只作应答，不办理业务"
PAGES = {"/complaint": "投诉", "/rating": "评价"}


def build(titles: Mapping[str, str]) -> Starlette:
    """An app that knows the service behind each entry path, and whatever lies below it."""
    pages = {**titles, **PAGES}

    async def answer(request: Request) -> Response:
        path = request.url.path
        title = next((pages[each] for each in _upwards(path) if each in pages), None)
        if title is None:
            return JSONResponse({"detail": "没有这个服务入口", "path": path}, status_code=404)
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
        routes=[Route("/livez", _live), Route("/{path:path}", answer, methods=methods)]
    )


async def _live(_request: Request) -> Response:
    return JSONResponse({"status": "live"})


def _upwards(path: str) -> list[str]:
    """The path and each path above it: /a/b, /a."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1)]
