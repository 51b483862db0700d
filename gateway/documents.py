"""One OpenAPI document of everything behind this door, and a page that works without internet."""

import asyncio
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared.errors import NotFound
from shared.http import openapi

_ASSETS: Final = files("fastapi_offline") / "static"
_FILES: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>赣服通运行管理 API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""
_START: Final = (
    'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", deepLinking: true,'
    " docExpansion: 'none', validatorUrl: null});\n"
)


async def docs_page(request: Request) -> Response:
    """The interactive page, from an installed package: nothing comes from elsewhere (API15)."""
    if not request.app.state.settings.docs:
        raise NotFound
    name = request.path_params.get("name", "")
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=300"}
    if not name:
        return HTMLResponse(_PAGE, headers=headers)
    if name == "start.js":
        return Response(_START, media_type="text/javascript; charset=utf-8", headers=headers)
    if name in _FILES:
        body = await asyncio.to_thread((_ASSETS / name).read_bytes)
        return Response(body, media_type=_FILES[name], headers=headers)
    raise NotFound


async def aggregate(app: FastAPI, upstreams: Mapping[str, str]) -> list[str]:
    """Join the services' documents with the gateway's own; names the services that were away."""
    documents, away = [openapi.document(app)], []
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        for name, url in sorted(upstreams.items()):
            try:
                answer = await client.get(f"{url.split(',')[0]}/openapi.json")
                answer.raise_for_status()
                documents.append(answer.json())
            except (httpx.HTTPError, ValueError):
                away.append(name)
    app.state.whole_openapi = merged(documents)
    return away


def merged(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """All paths and schemas under one roof; of two shapes with one name the later is renamed."""
    first, *rest = documents
    made = {
        **first,
        "info": {**first["info"], "title": "赣服通运行管理 API"},
        "paths": dict(first["paths"]),
        openapi.PROBLEM_TYPES: dict(first[openapi.PROBLEM_TYPES]),
        "components": {**first["components"], "schemas": dict(first["components"]["schemas"])},
    }
    for document in rest:
        renamed = _renamed(document, made["components"]["schemas"])
        made["paths"].update(renamed["paths"])
        made[openapi.PROBLEM_TYPES] |= document[openapi.PROBLEM_TYPES]
        made["components"]["schemas"].update(renamed["components"]["schemas"])
    return made


def _renamed(document: dict[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema whose name is taken by another shape the name of its service."""
    service = document["info"]["title"].rpartition(" ")[2].capitalize()
    clashing = {
        name: f"{service}{name}"
        for name, schema in document["components"]["schemas"].items()
        if name in taken and taken[name] != schema
    }
    if not clashing:
        return document
    text: dict[str, Any] = _replace(document, clashing)
    schemas = text["components"]["schemas"]
    text["components"]["schemas"] = {
        clashing.get(name, name): {**schema, "title": clashing.get(name, name)}
        for name, schema in schemas.items()
    }
    return text


def _replace(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _reference(inner, names) if key == "$ref" else _replace(inner, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_replace(each, names) for each in value]
    return value


def _reference(target: str, names: Mapping[str, str]) -> str:
    prefix, _, name = target.rpartition("/")
    return f"{prefix}/{names.get(name, name)}"
