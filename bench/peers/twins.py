"""`python -m bench.peers.twins CONFIG`: what one would write at first, to tell when ours gets slow.

A FastAPI page through ORM entities and `response_model`, the same bytes as a FastAPI answer, and a
proxy through httpx. They check no token and keep no log.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from deploy.local.place import HOST
from services.catalog.schemas.listings import ListingView
from services.catalog.tables import Listing
from shared.http.pagination import Results
from shared.settings import asyncpg_url

JSON = "application/json"


def build(given: dict[str, Any]) -> FastAPI:
    """The three twins in one app."""
    engine = create_async_engine(asyncpg_url(given["dsn"]), pool_size=8)
    page = Path(given["page"]).read_bytes()
    upstream = httpx.AsyncClient(base_url=given["upstream"], trust_env=False)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await upstream.aclose()
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/bytes")
    async def ready_bytes() -> Response:
        return Response(page, media_type=JSON)

    @app.get("/listings", response_model=Results[ListingView])
    async def listings(limit: int = 50) -> Any:
        async with AsyncSession(engine) as session:
            rows = await session.scalars(
                select(Listing)
                .where(Listing.state == "LISTED")
                .order_by(Listing.number)
                .limit(limit)
            )
            items = [json.loads(row.doc or "{}") for row in rows]
        return {"items": items, "next_cursor": None, "total": len(items)}

    @app.api_route("/v1/{path:path}")
    async def proxy(request: Request) -> Response:
        answer = await upstream.get(request.url.path, headers={"accept": JSON})
        return Response(answer.content, answer.status_code, media_type=JSON)

    return app


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    uvicorn.run(build(told), host=HOST, port=told["port"], log_level="warning", access_log=False)
